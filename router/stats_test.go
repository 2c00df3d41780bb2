package router_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// TestStats: what passes is counted where it comes from and where it goes to, and
// stays counted in the sum when those have gone.
func TestStats(t *testing.T) {
	const n = 1000
	h := newHub(t, router.Limits{})
	talks, up := h.join()
	hears, down := h.join()
	heard := make(chan int, n)
	sub, err := sig.Subscribe(hears, "kitchen", "temp", func(ev sig.EventOf[int]) { heard <- ev.Data }, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(h.ctx))
	kitchen, err := talks.Connect("kitchen", sig.Spec{
		Events:   []sig.Name{"temp"},
		Requests: map[sig.Name]sig.RequestHandler{"m": func(context.Context, *sig.Request) (any, error) { return 1, nil }},
	})
	require.NoError(t, err)
	h.knows(hears, "kitchen")
	for i := range n {
		require.NoError(t, kitchen.Emit("temp", i))
	}
	for range n {
		receive(t, h.ctx, heard)
	}
	_, err = hears.Request(h.ctx, "kitchen", "m", nil)
	require.NoError(t, err)

	from, to := h.srv.Clients()[0].Usage, h.srv.Clients()[1].Usage
	require.EqualValues(t, n, from.EventsIn)
	require.EqualValues(t, n, to.EventsOut)
	require.Zero(t, from.EventsOut+to.EventsIn+from.Lost+to.Lost)
	require.EqualValues(t, 1, to.RequestsIn)
	require.EqualValues(t, 1, from.RequestsOut)
	require.Greater(t, from.BytesIn, uint64(5*n))
	require.Greater(t, to.BytesOut, uint64(5*n))
	st := h.srv.Stats()
	require.Equal(t, map[string]int{"mem": 2}, st.Open)
	require.EqualValues(t, 1, sum(st.RequestTimes))
	require.Positive(t, st.RequestTimes.Sum)
	require.EqualValues(t, n, up.Stats().EventsOut)
	require.EqualValues(t, n, down.Stats().EventsIn)
	require.EqualValues(t, 1, up.Stats().RequestsIn)

	require.NoError(t, up.Close())
	require.NoError(t, down.Close())
	require.Eventually(t, func() bool { return len(h.srv.Clients()) == 0 }, patience, time.Millisecond)
	after := h.srv.Stats()
	require.EqualValues(t, n, after.EventsIn)
	require.EqualValues(t, n, after.EventsOut)
	require.EqualValues(t, 1, after.RequestsIn)
	require.EqualValues(t, 1, after.RequestsOut)
	require.GreaterOrEqual(t, after.BytesIn, st.BytesIn)
	require.Empty(t, after.Open)
	require.Zero(t, after.Outbound)
}

func sum(h router.Histogram) (n uint64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}
