package bench

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets that grow with the value: 32 for each
// power of two, so that a quantile is at most 1/32 too high. It takes the same
// few kilobytes however many it counts; longer ones than an hour count as the
// longest. The zero value is empty. It is for one goroutine at a time.
//
//	0 .. 31 ns: one bucket each; then 2^e .. 2^(e+1): 32 buckets of 2^(e-5) ns
type Histogram struct {
	counts [buckets]uint64
	n      uint64
	sum    float64
	max    time.Duration
}

const (
	fine    = 5 // 2^fine buckets for each power of two
	highest = 42
	buckets = (highest - fine + 1) << fine
	longest = time.Duration(1)<<highest - 1 // 73 minutes
)

// Add counts one duration; a negative one counts as 0.
func (h *Histogram) Add(d time.Duration) {
	d = min(max(d, 0), longest)
	h.counts[bucketOf(d)]++
	h.n++
	h.sum += float64(d)
	h.max = max(h.max, d)
}

// bucketOf is the bucket that d, from 0 to longest, belongs to.
func bucketOf(d time.Duration) int {
	e := bits.Len64(uint64(d)) - 1
	if e < fine {
		return int(d)
	}
	return (e-fine)<<fine + int(d>>(e-fine))
}

// lastOf is the longest duration in a bucket.
func lastOf(bucket int) time.Duration {
	e := bucket >> fine
	if e == 0 {
		return time.Duration(bucket)
	}
	first := time.Duration(1<<fine+bucket&(1<<fine-1)) << (e - 1)
	return first + 1<<(e-1) - 1
}

// Merge adds what another one has counted.
func (h *Histogram) Merge(o *Histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
	h.sum += o.sum
	h.max = max(h.max, o.max)
}

// Count returns how many there are.
func (h *Histogram) Count() uint64 { return h.n }

// Max returns the longest.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean returns the mean; 0 if there is none.
func (h *Histogram) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.n))
}

// Quantile returns a duration that the part q of all, from 0 to 1, do not
// exceed: never too low, and at most 1/32 too high.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := uint64(q * float64(h.n))
	if float64(rank) < q*float64(h.n) {
		rank++
	}
	rank = max(rank, 1)
	var seen uint64
	for i, c := range h.counts {
		if seen += c; seen >= rank {
			return min(lastOf(i), h.max)
		}
	}
	return h.max
}

// Bin is one line of a histogram for people: how many took up to so long.
type Bin struct {
	UpToUS float64 `json:"up_to_us"` // inclusive; the bin before it ends where this one begins
	Count  uint64  `json:"count"`
}

// Bins returns one bin for each power of two, from the first that is not empty
// to the last.
func (h *Histogram) Bins() []Bin {
	bins := []Bin{}
	for first := 0; first < buckets; first += 1 << fine {
		var c uint64
		for _, n := range h.counts[first : first+1<<fine] {
			c += n
		}
		if c > 0 || len(bins) > 0 {
			bins = append(bins, Bin{micros(lastOf(first + 1<<fine - 1)), c})
		}
	}
	for len(bins) > 0 && bins[len(bins)-1].Count == 0 {
		bins = bins[:len(bins)-1]
	}
	return bins
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
