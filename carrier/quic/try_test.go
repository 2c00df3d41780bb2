package quic_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
)

// TestTrySend: what is sent without waiting arrives in order with all else. Nothing
// is taken before the handshake, and little while the path brings nothing there.
func TestTrySend(t *testing.T) {
	w := newWorld(t, nil)
	p := &path{}
	ctx := patient(t)
	c, err := w.dialer.Dial(ctx, p.open(t, w.ln))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close(); waitEnded(t, c) })
	try, ok := carrier.TrySenderOf(c)
	require.True(t, ok)
	batch := carrier.AppendFrame(nil, numbered(0, 500))
	n, err := try.TrySend(batch)
	require.NoError(t, err)
	require.Zero(t, n, "before the handshake")
	s, err := w.ln.Accept(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close(); waitEnded(t, s) })
	require.NoError(t, carrier.Handshake(ctx, c))
	require.NoError(t, carrier.Handshake(ctx, s))

	const frames = 2000
	received := background(func() error { return receiveNumbered(ctx, s, frames, nil) })
	tried := 0
	for i := range frames {
		batch, n := carrier.AppendFrame(nil, numbered(i, 500)), 0
		if i%5 > 0 {
			n, err = try.TrySend(batch)
			require.NoError(t, err)
			tried += n
		}
		if n < len(batch) {
			require.NoError(t, c.Send(ctx, batch[n:]))
		}
	}
	require.NoError(t, <-received)
	require.Greater(t, tried, frames*500/2)

	p.vanish()
	for taken, n := 0, len(batch); n == len(batch); taken += n {
		n, err = try.TrySend(batch)
		require.NoError(t, err)
		require.Less(t, taken, 64<<10, "all of it waits in memory")
	}
}
