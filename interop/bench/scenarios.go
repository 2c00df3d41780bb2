package main

import (
	"fmt"
	"strings"

	"github.com/gosig/gosig/interop/bench/inproc"
	"github.com/gosig/gosig/interop/bench/load"
	"github.com/gosig/gosig/interop/bench/peer"
)

// scenario is one measurement that several systems are put through.
type scenario struct {
	name    string
	spec    load.Spec // without system and addresses
	systems []string
	secure  bool
	carrier string // the medium, see peer.Env; "": TCP
	idle    idleness
	fresh   bool // server and load process of its own for each repetition
	inproc  bool // a row of package inproc: no spec
	asked   bool // it takes minutes: only when --only is given, and matches
	slower  int  // the measuring takes so many times as long; 0 is 1
	turns   int  // each repetition is so many short turns of all systems; 0 is 1
}

// idleness is what processors do during a row that nobody needs.
type idleness int

const (
	asItComes idleness = iota // rows that keep them busy anyway
	quickHops                 // what makes a hop between them cheaper, of the two below
	halting                   // they halt, or whatever the system has them do
	awake                     // they are kept from it
)

// Who is compared where. The first system of a scenario is ours.
var (
	brokers = []string{"gosig", "nats", "floor", "mangos", "mochi", "nexus"}
	fastest = []string{"gosig", "nats", "floor"}
	callees = []string{"gosig", "nats", "floor", "floorecho", "grpc", "grpcstream", "netrpc", "mangos", "nexus"}
	beside  = []string{"gosig", "floor"}                  // the same frames over the bare medium
	itself  = []string{"gosig", "gosigtcp"}               // gosig over its own tcp
	ruled   = []string{"gosig", "gosigrules", "gosigtcp"} // gosig under a policy, and once more without: what scatter is
	idlers  = []string{"gosig", "nats", "floor", "mangos", "mochi", "nexus"}
)

// Many senders with several events each: what "mixed" means.
const (
	mixedSenders = 50
	mixedEvents  = 4
)

// sizeName writes a payload's size as scenario names do.
func sizeName(size int) string {
	if size >= 1<<10 {
		return fmt.Sprintf("%dKiB", size>>10)
	}
	return fmt.Sprintf("%dB", size)
}

// pubSub makes a scenario and its mixed form.
func pubSub(secure bool, size, publishers, subscribers int, systems []string) []scenario {
	prefix := "pubsub"
	if secure {
		prefix = "tls"
	}
	s := scenario{
		name:    fmt.Sprintf("%s-%s-%dto%d", prefix, sizeName(size), publishers, subscribers),
		systems: systems, secure: secure,
		spec: load.Spec{
			Kind: load.PubSub, Size: size, Publishers: publishers, Subscribers: subscribers,
			Senders: publishers, Events: 1,
		},
	}
	mixed := s
	mixed.name += "-mixed"
	mixed.systems = fastest
	mixed.spec.Senders, mixed.spec.Events = mixedSenders, mixedEvents
	return []scenario{s, mixed}
}

// requests makes a scenario. On which processors the two processes of a system are
// decides how long one request takes, and stays so for a tenth of a second and more: hence
// many short turns in place of one that is all the one or all the other.
func requests(callers int) scenario {
	s := scenario{
		name: fmt.Sprintf("request-%d", callers), systems: callees,
		spec: load.Spec{Kind: load.Request, Size: 128, Callers: callers},
	}
	if callers == 1 {
		s.idle, s.turns = quickHops, 5
	}
	return s
}

// oneRequest is one request at a time in the one way or the other, for the few that matter.
func oneRequest(name string, idle idleness) scenario {
	s := requests(1)
	s.name += name
	s.systems, s.idle = []string{"gosig", "nats", "floor", "grpc"}, idle
	return s
}

func idle(connections int, secure bool) scenario {
	s := scenario{
		name: fmt.Sprintf("idle-%d", connections), systems: idlers, secure: secure, fresh: true,
		spec: load.Spec{Kind: load.Idle, Size: 16, Connections: connections},
	}
	if secure {
		s.name, s.systems = fmt.Sprintf("idle-tls-%d", connections), fastest
	}
	return s
}

// steadily fills the line for five minutes, of which one is for warming up.
func steadily() scenario {
	return scenario{
		name: "steady-128B", systems: []string{ours}, fresh: true, asked: true, slower: 300,
		spec: load.Spec{
			Kind: load.Steady, Size: 128, Publishers: 4, Subscribers: 4, Senders: mixedSenders, Events: mixedEvents,
		},
	}
}

// scenarios lists all of them, in the order of the report.
func scenarios() []scenario {
	var all []scenario
	for _, size := range []int{16, 128, 1 << 10, 8 << 10, 64 << 10} {
		all = append(all, pubSub(false, size, 1, 1, brokers)...)
	}
	for _, size := range []int{16, 1 << 10, 8 << 10} {
		all = append(all, pubSub(false, size, 1, 10, brokers)...)
	}
	for _, size := range []int{16, 1 << 10, 8 << 10} {
		all = append(all, pubSub(false, size, 10, 1, brokers)...)
	}
	for _, size := range []int{16, 128, 1 << 10, 8 << 10} {
		all = append(all, pubSub(true, size, 1, 1, fastest)...)
	}
	all = append(all, requests(1), oneRequest("-awake", awake), oneRequest("-halting", halting), requests(64))
	one := load.Spec{Publishers: 1, Subscribers: 1, Senders: 1, Events: 1}
	latency, slow := one, one
	latency.Kind, latency.Size = load.Latency, 16
	slow.Kind, slow.Size, slow.Subscribers = load.Slow, 1<<10, 100
	all = append(
		all,
		scenario{name: "latency-16B", spec: latency, systems: fastest, idle: quickHops},
		scenario{name: "slow-1of100", spec: slow, systems: []string{"gosig", "nats"}, slower: 2},
		idle(5000, false), idle(5000, true),
		steadily(),
	)
	all = append(all, carriers()...)
	all = append(all, underRules()...)
	for _, row := range inproc.Rows() {
		all = append(all, scenario{name: inprocPrefix + row.Name, systems: row.Systems, inproc: true})
	}
	return all
}

// carriers lists the scenarios of media other than TCP.
func carriers() []scenario {
	var all []scenario
	add := func(medium string, systems []string, s scenario) {
		s.name = fmt.Sprintf("carriers-%s-%s", medium, strings.TrimPrefix(s.name, "pubsub-"))
		s.carrier, s.systems, s.secure = medium, systems, medium == peer.OverQUIC
		all = append(all, s)
	}
	flow := func(size int) scenario { return pubSub(false, size, 1, 1, nil)[0] }
	for _, size := range []int{128, 1 << 10, 8 << 10, 64 << 10} {
		add(peer.OverQUIC, beside, flow(size))
	}
	add(peer.OverQUIC, beside, requests(1))
	add(peer.OverQUIC, beside, idle(1000, false))
	for _, size := range []int{128, 1 << 10} {
		s := flow(size)
		s.slower = 3 // pion/sctp may send nothing for a second or more after a loss
		add(peer.OverDTLS, beside, s)
	}
	add(peer.OverDTLS, beside, requests(1))
	add(peer.OverWS, itself, flow(128))
	return all
}

// underRules lists what a policy of 1,000 rules costs: nothing, if decisions are
// made once for a route and not for each event.
func underRules() (all []scenario) {
	for _, subscribers := range []int{1, 10} {
		for _, size := range []int{16, 1 << 10} {
			for _, s := range pubSub(false, size, 1, subscribers, ruled) {
				s.name, s.systems, s.asked = "policy-"+strings.TrimPrefix(s.name, "pubsub-"), ruled, true
				all = append(all, s)
			}
		}
	}
	return all
}

const inprocPrefix = "inproc-"

// quickSystems are the scenarios of --quick and who takes part in each: as many
// as fit into its time.
var quickSystems = map[string][]string{
	"pubsub-16B-1to1":       fastest,
	"pubsub-16B-1to1-mixed": {"gosig", "nats"},
	"pubsub-1KiB-1to1":      fastest,
	"pubsub-16B-1to10":      fastest,
	"request-1":             {"gosig", "nats", "floor", "grpc"},
	"request-64":            {"gosig", "nats"},
	"inproc-emit-0":         {"loop", "gosig"},
	"inproc-emit-1":         {"loop", "eventloop", "gosig"},
	"inproc-emit-10":        {"loop", "gosig"},
}

// quickOnes cuts the list down to what --quick measures.
func quickOnes(all []scenario) []scenario {
	var some []scenario
	for _, s := range all {
		if systems, ok := quickSystems[s.name]; ok {
			s.systems = systems
			some = append(some, s)
		}
	}
	return some
}
