package main

import (
	"fmt"

	"github.com/gosig/gosig/interop/bench/load"
	"github.com/gosig/gosig/interop/bench/report"
)

// sections lay the tables out.
func sections(list []scenario) []report.Section {
	kinds := []struct {
		title   string
		columns []report.Column
		belongs func(scenario) bool
	}{
		{"Publish and subscribe", []report.Column{
			{Figure: load.Rate, Title: "deliveries/s", Spread: true},
			{Figure: load.ServerCPU, Title: "server ns CPU/delivery"},
			{Figure: load.LoadCPU, Title: "load ns CPU/delivery"},
			{Figure: load.ServerAllocs, Title: "server allocs"},
			{Figure: load.LoadAllocs, Title: "load allocs"},
			{Figure: load.ServerCalls, Title: "server reads+writes"},
			{Figure: load.LoadCalls, Title: "load reads+writes"},
		}, func(s scenario) bool { return s.spec.Kind == load.PubSub }},
		{"Requests", []report.Column{
			{Figure: load.Rate, Title: "requests/s", Spread: true},
			{Figure: load.P50, Title: "p50 µs"},
			{Figure: load.P99, Title: "p99 µs"},
			{Figure: load.P999, Title: "p99.9 µs"},
			{Figure: load.ServerCPU, Title: "server ns CPU/request"},
			{Figure: load.LoadCPU, Title: "load ns CPU/request"},
			{Figure: load.ServerAllocs, Title: "server allocs"},
			{Figure: load.LoadAllocs, Title: "load allocs"},
			{Figure: load.ServerCalls, Title: "server reads+writes"},
			{Figure: load.LoadCalls, Title: "load reads+writes"},
		}, func(s scenario) bool { return s.spec.Kind == load.Request }},
		{"One message among others", latencyColumns(), func(s scenario) bool { return s.spec.Kind == load.Latency }},
		{"One slow subscriber", []report.Column{
			{Figure: load.SlowRatio, Title: "p99 with / without", Spread: true}, {Figure: load.P50, Title: "p50 µs"}, {Figure: load.P99, Title: "p99 µs"},
		}, func(s scenario) bool { return s.spec.Kind == load.Slow }},
		{"A load that does not end", []report.Column{
			{Figure: load.RSS, Title: "server RSS at the end"},
			{Figure: load.RSSGrowth, Title: "last / first quarter"},
			{Figure: load.HeapGrowth, Title: "live heap, last / first quarter"},
			{Figure: load.Rate, Title: "deliveries/s"},
		}, func(s scenario) bool { return s.spec.Kind == load.Steady }},
		{"Idle connections", []report.Column{
			{Figure: load.Memory, Title: "RSS/conn", Spread: true},
			{Figure: load.Heap, Title: "heap+stack/conn"},
			{Figure: load.Goroutines, Title: "goroutines/conn"},
			{Figure: load.Rate, Title: "connects/s"},
		}, func(s scenario) bool { return s.spec.Kind == load.Idle }},
		{"In process", []report.Column{
			{Figure: nanos, Title: "ns", Spread: true}, {Figure: allocs, Title: "allocations"},
		}, func(s scenario) bool { return s.inproc }},
	}
	var all []report.Section
	for _, k := range kinds {
		section := report.Section{Title: k.title, Columns: k.columns, Ours: ours}
		for _, s := range list {
			if k.belongs(s) {
				section.Scenarios = append(section.Scenarios, s.name)
			}
		}
		all = append(all, section)
	}
	return all
}

func latencyColumns() []report.Column {
	var columns []report.Column
	for _, percent := range load.Loads {
		columns = append(
			columns,
			report.Column{Figure: load.LoadName(load.P50, percent), Title: fmt.Sprintf("p50 µs at %d %%", percent)},
			report.Column{Figure: load.LoadName(load.P99, percent), Title: fmt.Sprintf("p99 µs at %d %%", percent)},
		)
	}
	return append(columns, report.Column{Figure: load.Rate, Title: "100 % is, a second"})
}
