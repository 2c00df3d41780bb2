package router

import (
	"sync/atomic"
	"time"
)

// HistogramBounds are the upper bounds of the buckets of a [Histogram].
var HistogramBounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Histogram says how often something took how long. Counts[i] is how often it
// took no longer than HistogramBounds[i], and longer than the bound before; the
// last is for what took longer than all of them.
type Histogram struct {
	Counts [len(HistogramBounds) + 1]uint64
	Sum    time.Duration
}

func (h *Histogram) observe(d time.Duration) {
	h.Counts[bucketOf(d)]++
	h.Sum += d
}

func bucketOf(d time.Duration) int {
	for i, bound := range HistogramBounds {
		if d <= bound {
			return i
		}
	}
	return len(HistogramBounds)
}

// histogram is one that any number of goroutines may add to.
type histogram struct {
	counts [len(HistogramBounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	h.counts[bucketOf(d)].Add(1)
	h.sum.Add(int64(d))
}

// merge adds what one goroutine has gathered, and empties that.
func (h *histogram) merge(from *Histogram) {
	for i, n := range from.Counts {
		if n > 0 {
			h.counts[i].Add(n)
		}
	}
	h.sum.Add(int64(from.Sum))
	*from = Histogram{}
}

func (h *histogram) snapshot() (out Histogram) {
	for i := range h.counts {
		out.Counts[i] = h.counts[i].Load()
	}
	out.Sum = time.Duration(h.sum.Load())
	return out
}
