package sig_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

func TestShutdownDrains(t *testing.T) {
	r, _ := newRegistry(t)
	g := newGate()
	ended := make(chan error, 1)
	subscribe(t, r, "s", sig.Any, g.handle, &sig.SubscribeOptions{Queue: 10, OnEnd: func(err error) { ended <- err }})
	s := connect(t, r, "s", "e")
	for i := range 5 {
		require.NoError(t, s.Emit("e", i))
	}
	close(g.pass)
	require.NoError(t, r.Shutdown(t.Context()))
	require.Equal(t, []string{"s #connect ", "s e 0", "s e 1", "s e 2", "s e 3", "s e 4", "s #disconnect closed: the registry"},
		g.all(), "P13: what waits is delivered, #disconnect included")
	require.ErrorIs(t, await(t, ended, "the end"), sig.ErrClosed)
	require.NoError(t, r.Shutdown(t.Context()), "P13: safe to call twice")
}

func TestShutdownWaitsForRequests(t *testing.T) {
	r, _ := newRegistry(t)
	begun, pass := make(chan struct{}), make(chan struct{})
	answering(t, r, func(context.Context, *sig.Request) (any, error) {
		close(begun)
		<-pass
		return "done", nil
	})
	answer := make(chan any, 1)
	go func() { v, _ := r.Request(t.Context(), "s", "m", nil); answer <- v }()
	await(t, begun, "the handler")
	stopped := make(chan error, 1)
	go func() { stopped <- r.Shutdown(t.Context()) }()
	close(pass)
	require.Equal(t, "done", await(t, answer, "the answer"))
	require.NoError(t, await(t, stopped, "shutdown"))
}

func TestShutdownIsCutShort(t *testing.T) {
	r, _ := newRegistry(t)
	g := newGate()
	s := connect(t, r, "s", "e")
	subscribe(t, r, "s", "e", g.handle, &sig.SubscribeOptions{Queue: 10})
	for i := range 3 {
		require.NoError(t, s.Emit("e", i))
	}
	await(t, g.begun, "the first event")
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- r.Shutdown(ctx) }()
	await(t, s.Done(), "the sender's end")
	cancel()
	g.pass <- struct{}{}
	close(g.pass)
	require.ErrorIs(t, await(t, stopped, "shutdown"), sig.ErrCancelled)
	require.LessOrEqual(t, len(g.all()), 3)
}

func TestCloseEndsRequests(t *testing.T) {
	r, _ := newRegistry(t)
	begun := make(chan struct{})
	answering(t, r, func(ctx context.Context, _ *sig.Request) (any, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	result := make(chan error, 1)
	go func() { _, err := r.Request(t.Context(), "s", "m", nil); result <- err }()
	await(t, begun, "the handler")
	require.NoError(t, r.Close())
	require.ErrorIs(t, await(t, result, "the answer"), sig.ErrConnectionLost)
}

func TestSubscriptionEndsWithItsContext(t *testing.T) {
	for _, queue := range []int{0, 1} {
		r, _ := newRegistry(t)
		s := connect(t, r, "s", "e")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		sub := subscribe(t, r, "s", "e", func(sig.Event) {},
			&sig.SubscribeOptions{Queue: queue, Context: ctx, OnEnd: func(err error) { ended <- err }})
		require.NoError(t, sub.Err())
		cancel()
		require.ErrorIs(t, await(t, ended, "the end"), sig.ErrCancelled)
		await(t, sub.Done(), "done")
		require.NoError(t, s.Emit("e", 1))
	}
}
