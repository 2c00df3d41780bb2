package sig_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// answer has a sender answer a request as a router does.
func answer(ctx context.Context, s *sig.Sender, method sig.Name, data any) (any, error) {
	var in sig.Incoming
	in.Begin(ctx, s, 0)
	return in.Answer(method, data)
}

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
	go func() { v, _ := answer(ctx, s, "m", 5); returned <- v }()
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
	_, err := answer(t.Context(), s, "x", nil)
	require.ErrorIs(t, err, sig.ErrNoMethod)
	result := make(chan error)
	go func() { _, err := answer(t.Context(), s, "m", nil); result <- err }()
	await(t, begun, "the handler")
	require.NoError(t, s.Disconnect("bye"))
	require.ErrorIs(t, await(t, result, "the answer"), sig.ErrConnectionLost, "P6")
	_, err = answer(t.Context(), s, "m", nil)
	require.ErrorIs(t, err, sig.ErrNoSender)
	require.NoError(t, r.Close())
	_, err = answer(t.Context(), s, "m", nil)
	require.Error(t, err)
}
