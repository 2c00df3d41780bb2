package bench

import (
	"bytes"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A quantile is never below the true one, and at most 1/32 above it.
func TestQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, int64(longest)), 1, 200).Draw(t, "values")
		var h, a, b Histogram
		for i, v := range values {
			h.Add(time.Duration(v))
			[]*Histogram{&a, &b}[i%2].Add(time.Duration(v))
		}
		a.Merge(&b)
		assert.Equal(t, h.counts, a.counts, "two halves make the whole")
		assert.Equal(t, h.Max(), a.Max())
		slices.Sort(values)
		for _, q := range []float64{0, 0.001, 0.5, 0.9, 0.99, 0.999, 1} {
			rank := 0
			for float64(rank+1) < q*float64(len(values)) {
				rank++
			}
			truth := time.Duration(values[rank])
			got := h.Quantile(q)
			assert.GreaterOrEqual(t, got, truth, "quantile %v", q)
			assert.LessOrEqual(t, got, truth+truth/32, "quantile %v", q)
		}
		var total uint64
		for _, bin := range h.Bins() {
			total += bin.Count
		}
		assert.Equal(t, h.Count(), total, "each value is in one bin")
	})
}

func TestBucketsMeet(t *testing.T) {
	for i := range buckets {
		last := lastOf(i)
		assert.Equal(t, i, bucketOf(last))
		if i+1 < buckets {
			assert.Equal(t, i+1, bucketOf(last+1), "no gap behind %v", last)
		}
	}
	assert.Equal(t, longest, lastOf(buckets-1))
}

func TestHistogramEnds(t *testing.T) {
	var h Histogram
	assert.Zero(t, h.Quantile(0.5))
	assert.Zero(t, h.Mean())
	assert.Empty(t, h.Bins())
	h.Add(-time.Second)
	h.Add(1000 * time.Hour)
	assert.Equal(t, time.Duration(0), h.Quantile(0.5))
	assert.Equal(t, longest, h.Max(), "it is bounded")
	assert.Less(t, unsafe.Sizeof(h), uintptr(16<<10), "and takes little, whatever it counts")
}

func TestWindow(t *testing.T) {
	w := newWindow(64*(100+64), 100)
	require.EqualValues(t, 64, w.size)
	require.EqualValues(t, 4, w.block)
	slow := &sink{clock: &clock{}, window: w, block: w.block}
	fast := &sink{clock: &clock{}, window: w, block: w.block}
	w.sinks = []*sink{slow, fast}
	for range 16 {
		require.True(t, w.take())
	}
	for range 64 {
		fast.take(0)
	}
	var wg sync.WaitGroup
	took := make(chan bool, 1) // one value
	wg.Go(func() { took <- w.take() })
	for w.waiting.Load() == 0 {
		select {
		case <-took:
			t.Fatal("more is under way to the slowest than the window has room for")
		default:
			runtime.Gosched()
		}
	}
	for range 28 {
		slow.take(0)
	}
	slow.miss(4) // what is lost is done with
	assert.True(t, <-took)
	wg.Wait()

	wg.Go(func() {
		for w.take() { // until it is full again
		}
	})
	for w.waiting.Load() == 0 {
		runtime.Gosched()
	}
	w.stop()
	wg.Wait()
	assert.False(t, w.take())
}

func TestBar(t *testing.T) {
	var out bytes.Buffer
	b := NewBar(&out, 10*time.Second)
	b.Clear()
	assert.Empty(t, out.String(), "nothing drawn, nothing to clear")
	b.Show(0.5, 1234567)
	assert.Equal(t, "\r["+strings.Repeat("#", 15)+strings.Repeat(".", 15)+"]  50 %  1,234,567 delivered, 5s left", out.String())
	width := out.Len() - 1
	out.Reset()
	b.Show(7, 1)
	assert.Len(t, out.String(), width+1, "it covers what was there")
	b.Clear()
	assert.True(t, strings.HasSuffix(out.String(), " \r"))
}

func TestCompare(t *testing.T) {
	before := &Result{Config: Config{Pattern: OneToOne, Size: 128}, Address: "tcp://a:1", Seconds: 1, PerSecond: 1000, Latency: Times{P50: 10}}
	now := &Result{Config: Config{Pattern: OneToOne, Size: 1024}, Address: "tls://a:1", Seconds: 1, PerSecond: 1250, Latency: Times{P50: 5}, Lost: 3}
	c := Compare("x.json", before, now)
	assert.Equal(t, []string{"size was 128, is 1024", "scheme was tcp, is tls"}, c.Differs)
	changes := map[string]Change{}
	for _, ch := range c.Changes {
		changes[ch.Figure] = ch
	}
	assert.Equal(t, 25.0, *changes["per_second"].Percent)
	assert.Equal(t, -50.0, *changes["latency_us.p50"].Percent)
	assert.Nil(t, changes["lost"].Percent, "nothing to divide by")
	assert.Zero(t, *changes["failed"].Percent)
	assert.Contains(t, c.Text(), "+25.0 %  per_second")
	assert.Contains(t, c.Text(), "was 0  lost")
	assert.Contains(t, c.Text(), "not configured alike: size was 128, is 1024")
	assert.Empty(t, Compare("y", now, now).Differs)
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{"empty": " \n", "no JSON": "delivered 3", "another object": `{"a":1}`, "an array": "[]"} {
		_, err := Parse([]byte(text))
		assert.Error(t, err, name)
	}
}

func TestWords(t *testing.T) {
	assert.Equal(t, "1,234,567", grouped(1234567))
	assert.Equal(t, "999", grouped(999))
	assert.Equal(t, "250 ns", span(0.25))
	assert.Equal(t, "1.5 µs", span(1.5))
	assert.Equal(t, "2.50 ms", span(2500))
	assert.Equal(t, "3.00 s", span(3e6))
}
