package sig

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestEventTableModel compares a table of events with a map.
func TestEventTableModel(t *testing.T) {
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c/]{1,40}`), 0, 60, rapid.ID[string])
	rapid.Check(t, func(t *rapid.T) {
		declared := names.Draw(t, "declared")
		table, twice := newEventTable(routesOf(declared))
		if twice != nil {
			t.Fatalf("%q is declared once, and said to be twice", twice.name)
		}
		for _, name := range slices.Concat(declared, names.Draw(t, "others"), []string{""}) {
			got, want := -1, slices.Index(declared, name)
			if p := table.find(Name(name)); p != nil {
				if got = p.route.index; p.route.place != p {
					t.Fatalf("the route of %q does not know its place", name)
				}
			}
			if got != want {
				t.Fatalf("%q has the place of event %d, want %d", name, got, want)
			}
		}
		if len(declared) > 0 {
			again := rapid.SampledFrom(declared).Draw(t, "again")
			if _, twice := newEventTable(routesOf(append(declared, again))); twice == nil || string(twice.name) != again {
				t.Fatalf("%q is declared twice, and said to be %v", again, twice)
			}
		}
	})
}

// TestEventTableRegularNames: however regular names are, they all find places without
// more of them.
func TestEventTableRegularNames(t *testing.T) {
	for _, pattern := range []string{
		"000000", "t000000", "sensors/temp000000", "000000/temperature/of/the/kitchen", "a/b/c/temp000000", "house/kitchen/000000/temp",
	} {
		const events = 50_000
		names := make([]string, events)
		for i := range names {
			names[i] = string(number([]byte(pattern), i))
		}
		table, _ := newEventTable(routesOf(names))
		if len(table.places) != events*3/2 {
			t.Errorf("names like %q: %d places for %d names", pattern, len(table.places), events)
		}
		for i, name := range names {
			if p := table.find(Name(name)); p == nil || p.route.index != i {
				t.Fatalf("%q is not found in its place", name)
			}
		}
	}
}

func routesOf(names []string) []*Route {
	routes := make([]*Route, len(names))
	for i, name := range names {
		routes[i] = newRoute(nil, Name(name), i)
	}
	return routes
}

// number writes i over the zeros of a pattern.
func number(pattern []byte, i int) []byte {
	for at := slices.Index(pattern, '0') + 5; i > 0; at-- {
		pattern[at], i = byte('0'+i%10), i/10
	}
	return pattern
}
