package sig

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestEventTableModel compares a table of events with a map.
func TestEventTableModel(t *testing.T) {
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c/]{1,20}`), 0, 60, rapid.ID[string])
	rapid.Check(t, func(t *rapid.T) {
		declared := names.Draw(t, "declared")
		table := newEventTable(len(declared))
		for i, name := range declared {
			table.add(Name(name), i)
		}
		for _, name := range slices.Concat(declared, names.Draw(t, "others"), []string{""}) {
			got, want := -1, slices.Index(declared, name)
			if p := table.find(Name(name)); p != nil {
				got = int(p.index)
			}
			if got != want {
				t.Fatalf("%q has the place of event %d, want %d", name, got, want)
			}
		}
	})
}

// TestEventTableSpreads: however regular names are, few lie far from where the
// search for them begins.
func TestEventTableSpreads(t *testing.T) {
	for _, pattern := range []string{"sensors/temp000000", "000000", "000000/temperature/of/the/kitchen", "a/000000"} {
		const events = 50_000
		table := newEventTable(events)
		looks := 0
		for i := range events {
			table.add(Name(number([]byte(pattern), i)), i)
		}
		for i := range table {
			if table[i].name != "" {
				first := int(table.first(hashName(table[i].name)))
				looks += (i-first+len(table))%len(table) + 1
			}
		}
		if mean := float64(looks) / events; mean > 2.5 {
			t.Errorf("names like %q: %.1f places are looked at for one, want 2 or so", pattern, mean)
		}
	}
}

// number writes i over the zeros of a pattern.
func number(pattern []byte, i int) []byte {
	for at := slices.Index(pattern, '0') + 5; i > 0; at-- {
		pattern[at], i = byte('0'+i%10), i/10
	}
	return pattern
}
