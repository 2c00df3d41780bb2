package link_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/carrier/serial/link"
)

type lineRow struct {
	name   string
	damage linesim.Damage
	size   int
	goal   float64 // percent each way, with the default options
}

var lineRows = []lineRow{
	{"clean", linesim.Damage{}, 244, 94},
	{"clean", linesim.Damage{}, 32, 88},
	{"clean", linesim.Damage{}, 16, 0},
	{"bit errors 1e-5", linesim.Damage{BitErrors: 1e-5}, 244, 90},
	{"bit errors 1e-4", linesim.Damage{BitErrors: 1e-4}, 244, 65},
	{"bit errors 3e-4", linesim.Damage{BitErrors: 3e-4}, 244, 0},
	{"bit errors 1e-3", linesim.Damage{BitErrors: 1e-3}, 244, 0.1},
	{"one byte in 10,000 lost", linesim.Damage{Drops: 1e-4}, 244, 0},
	{"a burst of 20 bytes in 10,000", linesim.Damage{Bursts: 1e-4}, 244, 0},
}

const (
	measureFor = 120 * time.Second
	warmUp     = 10 * time.Second
)

// measure returns the share of the line's bytes a second that arrived as payload,
// in percent, for both directions while both send all they can.
func measure(t testing.TB, row lineRow, opt link.Options) (ab, ba float64) {
	w := newWorld(t, opt, opt, row.damage, 42)
	w.a.size, w.b.size = always(row.size), always(row.size)
	w.run(warmUp, nil)
	a, b := w.a.gotBytes, w.b.gotBytes
	w.run(warmUp+measureFor, nil)
	perCent := 100 / (baud / 10 * measureFor.Seconds())
	return float64(w.b.gotBytes-b) * perCent, float64(w.a.gotBytes-a) * perCent
}

// device is what fits into a microcontroller with little memory.
var device = link.Options{Baud: baud, Window: 4}

// TestEfficiency: the goals are met, and the table in the page is what is
// measured. Under simulated time it is exact.
func TestEfficiency(t *testing.T) {
	var table strings.Builder
	table.WriteString("| line | message | window 15, each way | window 4, each way |\n|---|---|---|---|\n")
	for _, row := range lineRows {
		ab, ba := measure(t, row, line115200)
		if min(ab, ba) < row.goal {
			t.Errorf("%s, %d B: %.1f and %.1f %% of the line, the goal is %.1f", row.name, row.size, ab, ba, row.goal)
		}
		dab, dba := measure(t, row, device)
		fmt.Fprintf(&table, "| %s | %d B | %.1f %%, %.1f %% | %.1f %%, %.1f %% |\n", row.name, row.size, ab, ba, dab, dba)
	}
	inPage(t, table.String())
}

// inPage compares the generated part of the page, or writes it.
func inPage(t *testing.T, table string) {
	const file, begin, end = "../../../docs/serial-link.md", "<!-- generated: efficiency -->\n", "<!-- end of efficiency -->"
	page, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(page), begin)
	old, after, ok2 := strings.Cut(rest, end)
	require.True(t, ok && ok2, "%s has no part %q", file, begin)
	if *update && old != table {
		require.NoError(t, os.WriteFile(file, []byte(before+begin+table+end+after), 0o644))
		return
	}
	require.Equal(t, table, old, "%s is not what is measured: go test ./carrier/serial/link -run Efficiency -update", file)
}

// BenchmarkEfficiency prints the table's figures; the time it takes means nothing.
func BenchmarkEfficiency(b *testing.B) {
	for _, row := range lineRows {
		b.Run(fmt.Sprintf("%s/%dB", strings.ReplaceAll(row.name, " ", "_"), row.size), func(b *testing.B) {
			var ab, ba float64
			for b.Loop() {
				ab, ba = measure(b, row, line115200)
			}
			b.ReportMetric(ab, "%a->b")
			b.ReportMetric(ba, "%b->a")
		})
	}
}

// BenchmarkMachine is what a frame of 244 bytes costs this computer, both ends
// and the line between them included.
func BenchmarkMachine(b *testing.B) {
	w := newWorld(b, line115200, line115200, linesim.Damage{}, 1)
	w.a.size = always(244)
	w.connected()
	b.SetBytes(244)
	b.ReportAllocs()
	for b.Loop() {
		got := w.b.gotAll
		w.run(w.now+time.Second, func() bool { return w.b.gotAll > got })
	}
}
