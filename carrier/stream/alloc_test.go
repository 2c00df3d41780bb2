//go:build !race

// The race detector allocates on its own account, and makes sync.Pool forget on
// purpose: allocations are counted without it.

package stream_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

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
