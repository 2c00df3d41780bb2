package stats

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestMedianAndSpread(t *testing.T) {
	for _, c := range []struct {
		name           string
		values         []float64
		median, spread float64
	}{
		{"one", []float64{4}, 4, 0},
		{"odd, unsorted", []float64{9, 1, 5}, 5, 1.6},
		{"even", []float64{4, 1, 3, 2}, 2.5, 1.2},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.InDelta(t, c.median, Median(c.values), 1e-12)
			assert.InDelta(t, c.spread, Spread(c.values), 1e-12)
		})
	}
	assert.True(t, math.IsNaN(Median(nil)))
	assert.True(t, math.IsNaN(Spread(nil)))
}

func TestRatioIsOfPairs(t *testing.T) {
	// A slow second repetition hits both; the ratio of medians would be 2.5.
	assert.InDelta(t, 2, Ratio([]float64{20, 10, 22}, []float64{10, 5, 11}), 1e-12)
	assert.InDelta(t, 3, Ratio([]float64{6, 9}, []float64{2, 3, 100}), 1e-12)
	assert.InDelta(t, 3, Ratio([]float64{6, math.NaN()}, []float64{2, 3}), 1e-12)
	assert.True(t, math.IsNaN(Ratio(nil, nil)))
}

func TestQuantile(t *testing.T) {
	var h Histogram
	assert.Zero(t, h.Quantile(0.5))
	for i := 1; i <= 1000; i++ {
		h.Add(time.Duration(i) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{
		0: time.Microsecond, 0.5: 500 * time.Microsecond, 0.99: 990 * time.Microsecond, 1: time.Millisecond,
	} {
		assert.InEpsilon(t, float64(want), float64(h.Quantile(q)), 0.02, "quantile %v", q)
	}
	var sum Histogram
	sum.Merge(&h)
	sum.Merge(&h)
	assert.EqualValues(t, 2000, sum.Count())
	assert.Equal(t, h.Quantile(0.9), sum.Quantile(0.9))
}

func TestBucketsCoverAllValues(t *testing.T) {
	for _, v := range []uint64{0, 1, 63, 64, 65, 127, 128, 129, 1 << 20, 1<<40 + 12345, math.MaxInt64} {
		got := middleOf(bucketOf(v))
		assert.InDelta(t, float64(v), float64(got), 0.016*float64(v)+0.5, "value %d", v)
	}
}
