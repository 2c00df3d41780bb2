package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gosig/gosig/interop/bench/load"
	"github.com/gosig/gosig/interop/bench/report"
)

// goals says what gosig is to reach, by the name of the ratio.
var goals = map[string]report.Goal{
	"pubsub-16B-1to1-vs-nats":    atLeast(5),
	"pubsub-128B-1to1-vs-nats":   atLeast(4),
	"pubsub-1KiB-1to1-vs-nats":   atLeast(2.5),
	"pubsub-8KiB-1to1-vs-nats":   atLeast(2),
	"pubsub-64KiB-1to1-vs-nats":  atLeast(2),
	"pubsub-16B-1to1-vs-floor":   atLeast(0.40),
	"pubsub-128B-1to1-vs-floor":  atLeast(0.50),
	"pubsub-1KiB-1to1-vs-floor":  atLeast(0.70),
	"pubsub-8KiB-1to1-vs-floor":  atLeast(0.60),
	"pubsub-64KiB-1to1-vs-floor": atLeast(0.90),

	"pubsub-64KiB-1to1-vs-mangos": atLeast(1.4),

	"pubsub-16B-1to10-vs-nats":   atLeast(8),
	"pubsub-1KiB-1to10-vs-nats":  atLeast(2.7),
	"pubsub-8KiB-1to10-vs-nats":  atLeast(2),
	"pubsub-16B-1to10-vs-floor":  atLeast(0.30),
	"pubsub-1KiB-1to10-vs-floor": atLeast(0.90),
	"pubsub-8KiB-1to10-vs-floor": atLeast(0.95),

	"pubsub-16B-10to1-vs-nats":   atLeast(5),
	"pubsub-1KiB-10to1-vs-nats":  atLeast(2.8),
	"pubsub-8KiB-10to1-vs-nats":  atLeast(2.3),
	"pubsub-16B-10to1-vs-floor":  atLeast(0.40),
	"pubsub-1KiB-10to1-vs-floor": atLeast(0.65),
	"pubsub-8KiB-10to1-vs-floor": atLeast(0.65),

	"pubsub-16B-1to1-server-cpu-vs-nats":  atMost(0.20),
	"pubsub-1KiB-1to1-server-cpu-vs-nats": atMost(0.60),
	"pubsub-16B-1to1-client-cpu-vs-nats":  atMost(0.30),
	"pubsub-1KiB-1to1-client-cpu-vs-nats": atMost(0.40),

	"tls-16B-1to1-vs-nats":   atLeast(4),
	"tls-128B-1to1-vs-nats":  atLeast(3),
	"tls-1KiB-1to1-vs-nats":  atLeast(1.9),
	"tls-8KiB-1to1-vs-nats":  atLeast(1.4),
	"tls-128B-1to1-vs-floor": atLeast(0.80),
	"tls-1KiB-1to1-vs-floor": atLeast(0.80),
	"tls-8KiB-1to1-vs-floor": atLeast(0.80),

	"request-1-p50-vs-nats":          atMost(0.70),
	"request-1-p50-vs-grpc":          atMost(1),
	"request-1-p50-vs-floor":         atMost(1.35),
	"request-1-awake-p50-vs-nats":    atMost(0.70),
	"request-1-awake-p50-vs-floor":   atMost(1.35),
	"request-1-halting-p50-vs-nats":  atMost(0.70),
	"request-1-halting-p50-vs-floor": atMost(1.35),
	"request-64-vs-nats":             atLeast(2),
	"request-64-p99-vs-nats":         atMost(0.5),

	"idle-5000-memory-vs-nats":       atMost(0.55),
	"idle-tls-5000-memory-vs-nats":   atMost(0.80),
	"idle-5000-memory-vs-floor":      atMost(1.3),
	"idle-tls-5000-memory-vs-floor":  atMost(1.2),
	"idle-5000-connects-vs-nats":     atLeast(1.8),
	"idle-tls-5000-connects-vs-nats": atLeast(1.25),

	"carriers-quic-128B-1to1-vs-floor":        atLeast(0.75),
	"carriers-quic-1KiB-1to1-vs-floor":        atLeast(0.75),
	"carriers-quic-8KiB-1to1-vs-floor":        atLeast(0.75),
	"carriers-quic-64KiB-1to1-vs-floor":       atLeast(0.75),
	"carriers-quic-request-1-p50-vs-floor":    atMost(1.4),
	"carriers-quic-idle-1000-memory-vs-floor": atMost(1.15),
	"carriers-dtls-128B-1to1-vs-floor":        atLeast(0.7),
	"carriers-dtls-1KiB-1to1-vs-floor":        atLeast(0.7),
	"carriers-ws-128B-1to1-vs-gosigtcp":       atLeast(0.6),

	"policy-16B-1to1-vs-gosigrules":              atMost(1.05),
	"policy-16B-1to10-vs-gosigrules":             atMost(1.05),
	"policy-1KiB-1to1-vs-gosigrules":             atMost(1.05),
	"policy-1KiB-1to10-vs-gosigrules":            atMost(1.05),
	"policy-16B-1to1-server-cpu-vs-gosigrules":   atLeast(0.95),
	"policy-16B-1to10-server-cpu-vs-gosigrules":  atLeast(0.95),
	"policy-1KiB-1to1-server-cpu-vs-gosigrules":  atLeast(0.95),
	"policy-1KiB-1to10-server-cpu-vs-gosigrules": atLeast(0.95),

	"slow-1of100-p99": atMost(1.5),

	"steady-128B-rss-growth":  atMost(1.1),
	"steady-128B-heap-growth": atMost(1.1),

	"inproc-typed-emit-0-vs-loop":       atMost(1.5),
	"inproc-typed-emit-0-vs-loop-of-1":  atMost(1.5),
	"inproc-typed-emit-1-vs-loop":       atMost(1.5),
	"inproc-typed-emit-10-vs-loop":      atMost(1.2),
	"inproc-typed-emit-100-vs-loop":     atMost(1.15),
	"inproc-typed-emit-1000-vs-loop":    atMost(1.15),
	"inproc-emit-by-name-1-vs-map":      atMost(1.5),
	"inproc-emit-by-name-1000-vs-map":   atMost(1.5),
	"inproc-emit-by-name-100000-vs-map": atMost(1.5),
	"inproc-parallel-rate-2-vs-1":       atLeast(1.8),
	"inproc-queue-1-vs-channel":         atMost(0.6),
	"inproc-queue-2-vs-channel":         atMost(0.6),
	"inproc-queue-1-vs-kelindar":        atMost(1),
	"inproc-queue-2-vs-kelindar":        atMost(1),
	"inproc-queue-1-deep-vs-channel":    atMost(0.6),
	"inproc-queue-2-deep-vs-channel":    atMost(0.6),
	"inproc-queue-1-deep-vs-kelindar":   atMost(1),
	"inproc-queue-2-deep-vs-kelindar":   atMost(1),
	"inproc-subscribe-1000-us":          atMost(2),
	"inproc-subscribe-100000-us":        atMost(10),
	"inproc-match-100000-vs-100":        atMost(1.5),
}

func atLeast(v float64) report.Goal { return report.Goal{AtLeast: v} }
func atMost(v float64) report.Goal  { return report.Goal{AtMost: v} }

const ours = "gosig"

// Figures of in-process rows.
const (
	nanos  = "ns"
	allocs = "allocs"
)

// labels say how the name of a ratio tells which figure it is of. The first of
// a kind has no label.
var labels = map[load.Kind][][2]string{
	load.PubSub:  {{load.Rate, ""}, {load.ServerCPU, "-server-cpu"}, {load.LoadCPU, "-client-cpu"}},
	load.Request: {{load.Rate, ""}, {load.P50, "-p50"}, {load.P99, "-p99"}},
	load.Idle:    {{load.Memory, "-memory"}, {load.Heap, "-heap"}, {load.Rate, "-connects"}},
	load.Latency: {},
}

// comparisons lists the ratios of scenarios: gosig against each other system,
// and gosig with itself.
func comparisons(list []scenario) []report.Comparison {
	var all []report.Comparison
	for _, s := range list {
		switch {
		case s.inproc:
			all = append(all, inprocComparisons(s)...)
		case s.spec.Kind == load.Slow:
			all = append(all, report.Comparison{
				Name: s.name + "-p99", Scenario: s.name, System: ours, Figure: load.SlowRatio, AgainstNothing: true,
			})
		case s.spec.Kind == load.Steady:
			for name, figure := range map[string]string{"-rss-growth": load.RSSGrowth, "-heap-growth": load.HeapGrowth} {
				all = append(all, report.Comparison{
					Name: s.name + name, Scenario: s.name, System: ours, Figure: figure, AgainstNothing: true,
				})
			}
		case s.spec.Kind == load.Latency:
			for _, percent := range load.Loads {
				for _, figure := range []string{load.P50, load.P99} {
					label := fmt.Sprintf("-%s-at-%d", strings.TrimSuffix(figure, "_us"), percent)
					all = append(all, against(s, load.LoadName(figure, percent), label)...)
				}
			}
		default:
			for _, l := range labels[s.spec.Kind] {
				all = append(all, against(s, l[0], l[1])...)
			}
		}
	}
	for i := range all {
		all[i].Goal = goals[all[i].Name]
	}
	return all
}

// against compares one figure with all others of a scenario; CPU time only with
// the fastest, and with itself under a policy.
func against(s scenario, figure, label string) []report.Comparison {
	var list []report.Comparison
	for _, other := range s.systems {
		cpu := figure == load.ServerCPU || figure == load.LoadCPU
		if other != ours && (!cpu || slices.Contains(fastest, other) || slices.Contains(ruled, other)) {
			list = append(list, report.Comparison{
				Name: s.name + label + "-vs-" + other, Scenario: s.name, System: ours, AgainstSystem: other, Figure: figure,
			})
		}
	}
	return list
}

// inprocComparisons gives the rows the names that users of the ratios know.
func inprocComparisons(s scenario) []report.Comparison {
	row := strings.TrimPrefix(s.name, inprocPrefix)
	kind, n, _ := strings.Cut(row, "-")
	self := report.Comparison{Scenario: s.name, System: ours, Figure: nanos, AgainstNothing: true}
	switch kind {
	case "emit":
		list := renamed(against(s, nanos, ""), s.name, inprocPrefix+"typed-emit-"+n)
		if n == "0" {
			list = append(list, report.Comparison{
				Name: inprocPrefix + "typed-emit-0-vs-loop-of-1", Scenario: s.name, System: ours, Figure: nanos,
				AgainstCell: inprocPrefix + "emit-1", AgainstSystem: "loop",
			})
		}
		self.Name, self.Figure = inprocPrefix+"typed-emit-"+n+"-allocs", allocs
		return append(list, self)
	case "name":
		return renamed(against(s, nanos, ""), s.name, inprocPrefix+"emit-by-name-"+n)
	case "parallel":
		if n == "1" {
			return []report.Comparison{{
				Name: inprocPrefix + "parallel-rate-2-vs-1", Scenario: s.name, System: ours, Figure: nanos,
				AgainstCell: inprocPrefix + "parallel-2", AgainstSystem: ours,
			}}
		}
		return nil
	case "subscribe":
		self.Name, self.Scale = s.name+"-us", 1e-3
		return []report.Comparison{self}
	case "match":
		return []report.Comparison{{
			Name: s.name + "-vs-100", Scenario: s.name, System: ours, Figure: nanos,
			AgainstCell: inprocPrefix + "match-100", AgainstSystem: ours,
		}}
	}
	return against(s, nanos, "")
}

func renamed(list []report.Comparison, from, to string) []report.Comparison {
	for i := range list {
		list[i].Name = to + strings.TrimPrefix(list[i].Name, from)
	}
	return list
}
