// Package stats sums up repeated measurements and latencies.
package stats

import (
	"math"
	"slices"
)

// Median is the middle of the values, NaN of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(values))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// Spread is the distance between the largest and the smallest value, as a part
// of the median: 0.1 means that all lie within 10 % of it.
func Spread(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	return (slices.Max(values) - slices.Min(values)) / Median(values)
}

// Ratio compares repetitions that were measured side by side: it is the median
// of their ratios, so that a disturbance of one repetition hits both sides.
func Ratio(ours, theirs []float64) float64 {
	n := min(len(ours), len(theirs))
	ratios := make([]float64, 0, n)
	for i := range n {
		if theirs[i] != 0 && !math.IsNaN(ours[i]) && !math.IsNaN(theirs[i]) {
			ratios = append(ratios, ours[i]/theirs[i])
		}
	}
	return Median(ratios)
}
