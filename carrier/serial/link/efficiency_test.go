package link_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gosig/gosig/carrier/serial/linesim"
)

type lineRow struct {
	name   string
	damage linesim.Damage
	size   int
	goal   float64 // percent each way
}

var lineRows = []lineRow{
	{"clean", linesim.Damage{}, 244, 94},
	{"clean", linesim.Damage{}, 32, 88},
	{"bit errors 1e-5", linesim.Damage{BitErrors: 1e-5}, 244, 90},
	{"bit errors 1e-4", linesim.Damage{BitErrors: 1e-4}, 244, 65},
	{"bit errors 3e-4", linesim.Damage{BitErrors: 3e-4}, 244, 0.1},
	{"bit errors 1e-3", linesim.Damage{BitErrors: 1e-3}, 244, 0.1},
	{"1 byte in 10,000 lost", linesim.Damage{Drops: 1e-4}, 244, 0.1},
}

const (
	measureFor = 120 * time.Second
	warmUp     = 10 * time.Second
)

// measure returns the share of the line's bytes a second that arrived as payload,
// in percent, for both directions while both send all they can.
func measure(t testing.TB, row lineRow) (ab, ba float64, w *world) {
	w = newWorld(t, line115200, line115200, row.damage, 42)
	w.a.size, w.b.size = always(row.size), always(row.size)
	w.run(warmUp, nil)
	a, b := w.a.gotBytes, w.b.gotBytes
	w.run(warmUp+measureFor, nil)
	perCent := 100 / (baud / 10 * measureFor.Seconds())
	return float64(w.b.gotBytes-b) * perCent, float64(w.a.gotBytes-a) * perCent, w
}

func TestEfficiency(t *testing.T) {
	for _, row := range lineRows {
		t.Run(fmt.Sprintf("%s/%d", row.name, row.size), func(t *testing.T) {
			ab, ba, w := measure(t, row)
			t.Logf("%.1f %.1f\n%v\n%v", ab, ba, w.a, w.b)
			if min(ab, ba) < row.goal {
				t.Errorf("%.1f and %.1f %% of the line, the goal is %.0f", ab, ba, row.goal)
			}
		})
	}
}
