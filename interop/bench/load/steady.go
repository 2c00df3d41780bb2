package load

import (
	"fmt"
	"slices"
	"time"

	"github.com/gosig/gosig/interop/bench/flow"
	"github.com/gosig/gosig/interop/bench/peer"
)

// samples is how often the server's memory is looked at under a steady load.
const samples = 20

// steady keeps the line full for a long time, so that the server's memory can be
// looked at in between. The first fifth of the time is for it to become as large
// as the load makes it.
func steady(sys peer.System, spec Spec, marks Marks) (Measured, error) {
	st, err := join(sys, spec, nil)
	if err != nil {
		return nil, err
	}
	defer st.open.close()
	wait := st.publish(spec.Size)
	time.Sleep(spec.Warm + spec.Measure/5)
	from := st.marks()
	for range samples {
		time.Sleep(spec.Measure * 4 / 5 / samples)
		marks.Sample()
	}
	to := st.marks()
	st.window.Stop()
	if err := wait(); err != nil {
		return nil, err
	}
	if err := st.window.Drain(lossPatience); err != nil {
		return nil, fmt.Errorf("messages were lost: %w", err)
	}
	m := Measured{}
	for i := range from {
		m[Rate] += flow.Rate(from[i], to[i])
	}
	return m, nil
}

// Growth says what became of the server's memory: the median of the last quarter
// of the samples divided by that of the first.
func Growth(seen []Footprint) Measured {
	if len(seen) < 4 {
		return nil
	}
	quarter := len(seen) / 4
	median := func(some []Footprint, of func(Footprint) uint64) float64 {
		values := make([]uint64, len(some))
		for i, f := range some {
			values[i] = of(f)
		}
		slices.Sort(values)
		return float64(values[len(values)/2])
	}
	rss := func(f Footprint) uint64 { return f.RSS }
	heap := func(f Footprint) uint64 { return f.Heap }
	first, last := seen[:quarter], seen[len(seen)-quarter:]
	m := Measured{RSS: median(last, rss)}
	if before := median(first, rss); before > 0 {
		m[RSSGrowth] = m[RSS] / before
	}
	if before := median(first, heap); before > 0 {
		m[HeapGrowth] = median(last, heap) / before
	}
	return m
}
