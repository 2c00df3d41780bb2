package stats

import (
	"math/bits"
	"time"
)

// subBits is how many buckets each power of two has: an error of at most 1.6 %.
const subBits = 6

// Histogram counts durations. The zero value is empty; it is for one goroutine.
type Histogram struct {
	counts [64 << subBits]uint32
	n      uint64
}

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucketOf(uint64(max(d, 0)))]++
	h.n++
}

// Merge adds what another has counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, c := range other.counts {
		h.counts[i] += c
	}
	h.n += other.n
}

// Count is how many durations were added.
func (h *Histogram) Count() uint64 { return h.n }

// Quantile returns the duration that a part q of all do not exceed; 0 of none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := uint64(q * float64(h.n))
	if rank >= h.n {
		rank = h.n - 1
	}
	var seen uint64
	for i, c := range h.counts {
		if seen += uint64(c); seen > rank {
			return time.Duration(middleOf(i))
		}
	}
	return 0
}

// bucketOf numbers the buckets: values below 2^subBits have one each, then each
// power of two has 2^subBits.
func bucketOf(v uint64) int {
	exp := bits.Len64(v) - subBits - 1
	if exp <= 0 {
		return int(v)
	}
	return exp<<subBits + int(v>>exp)
}

// middleOf is bucketOf's inverse: the middle of a bucket's values.
func middleOf(i int) uint64 {
	exp := i>>subBits - 1
	if exp <= 0 {
		return uint64(i)
	}
	low := uint64(i-exp<<subBits) << exp
	return low + 1<<exp/2
}
