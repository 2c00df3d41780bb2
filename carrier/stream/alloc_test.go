//go:build !race

// The race detector allocates on its own account, and makes sync.Pool forget on
// purpose: allocations are counted without it.

package stream_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/stream"
)

// TestSameContextCostsNothing: a loop under one context allocates nothing.
func TestSameContextCostsNothing(t *testing.T) {
	w := &timed{}
	conn := stream.New(w, nil)
	defer conn.Close()
	b := batch("hello")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for name, ctx := range map[string]context.Context{"background": context.Background(), "cancellable": ctx} {
		_ = conn.Send(ctx, b, b)
		assert.Zero(t, testing.AllocsPerRun(100, func() { _ = conn.Send(ctx, b, b) }), name)
	}
}

// endless is a stream of the same frame again and again.
type endless struct {
	timed
	frame []byte
	at    int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		k := copy(p[n:], e.frame[e.at:])
		n, e.at = n+k, (e.at+k)%len(e.frame)
	}
	return n, nil
}

// TestLargeFramesCostNothing: what the beginning of the next frame is kept in, behind
// some large and small ones, is used again.
func TestLargeFramesCostNothing(t *testing.T) {
	frames := carrier.AppendFrame(nil, make([]byte, 300<<10))
	for range 100 {
		frames = carrier.AppendFrame(frames, make([]byte, 1<<10))
	}
	conn := stream.New(&endless{frame: frames}, nil)
	defer conn.Close()
	buf, ctx := make([]byte, 1<<20), context.Background()
	assert.Zero(t, testing.AllocsPerRun(1, func() { // counts the second time
		for n := range 100 {
			end := (400 + 6*n) << 10 // little is left of a frame, and much
			_, err := conn.Receive(ctx, buf[:end:end])
			require.NoError(t, err)
		}
	}))
}
