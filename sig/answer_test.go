package sig_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// TestAnswerReturnsWithItsHandler: who bounds the handlers that run must know
// when one has returned, not when its caller gave up.
func TestAnswerReturnsWithItsHandler(t *testing.T) {
	r, _ := newRegistry(t)
	begun, release := make(chan struct{}), make(chan struct{})
	s := answering(t, r, func(ctx context.Context, req *sig.Request) (any, error) {
		close(begun)
		<-ctx.Done()
		<-release
		return req.Data, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan any)
	go func() { v, _ := s.Incoming(ctx, 0).Answer("m", 5); returned <- v }()
	await(t, begun, "the handler")
	cancel()
	select {
	case <-returned:
		t.Fatal("Answer returned although the handler runs")
	default:
	}
	close(release)
	require.Equal(t, 5, await(t, returned, "the answer"))
}

func TestAnswerErrors(t *testing.T) {
	r, _ := newRegistry(t)
	begun := make(chan struct{})
	s := answering(t, r, func(ctx context.Context, _ *sig.Request) (any, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	_, err := s.Incoming(t.Context(), 0).Answer("x", nil)
	require.ErrorIs(t, err, sig.ErrNoMethod)
	result := make(chan error)
	go func() { _, err := s.Incoming(t.Context(), 0).Answer("m", nil); result <- err }()
	await(t, begun, "the handler")
	require.NoError(t, s.Disconnect("bye"))
	require.ErrorIs(t, await(t, result, "the answer"), sig.ErrConnectionLost, "P6")
	_, err = s.Incoming(t.Context(), 0).Answer("m", nil)
	require.ErrorIs(t, err, sig.ErrNoSender)
	require.NoError(t, r.Close())
	_, err = s.Incoming(t.Context(), 0).Answer("m", nil)
	require.Error(t, err)
}
