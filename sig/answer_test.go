package sig_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

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

// incoming is a request whose handler gives its context to look.
func incoming(t *testing.T, ctx context.Context, timeout time.Duration, look func(*sig.Incoming, context.Context)) error {
	t.Helper()
	r := sig.New(nil)
	defer r.Close()
	var in sig.Incoming
	s, err := r.Connect("s", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"m": func(ctx context.Context, _ *sig.Request) (any, error) {
		look(&in, ctx)
		return nil, ctx.Err()
	}}})
	require.NoError(t, err)
	in.Begin(ctx, s, timeout)
	_, err = in.Answer("m", nil)
	return err
}

// TestContextOfAnIncomingRequest: it is one like any other, although nothing of
// it is made before somebody looks.
func TestContextOfAnIncomingRequest(t *testing.T) {
	type key struct{}
	outer, end := context.WithCancel(context.WithValue(context.Background(), key{}, 7))
	defer end()
	var kept context.Context
	err := incoming(t, outer, time.Hour, func(_ *sig.Incoming, ctx context.Context) {
		deadline, ok := ctx.Deadline()
		require.True(t, ok, "P6: the deadline travels")
		require.WithinDuration(t, time.Now().Add(time.Hour), deadline, time.Minute)
		require.NoError(t, ctx.Err())
		require.Equal(t, 7, ctx.Value(key{}))
		kept = ctx
	})
	require.NoError(t, err)
	require.ErrorIs(t, kept.Err(), context.Canceled, "the request is over")
	await(t, kept.Done(), "the end of its context")
	require.ErrorIs(t, context.Cause(kept), context.Canceled)

	for name, asked := range map[string]bool{"looked before": true, "looks afterwards": false} {
		t.Run(name, func(t *testing.T) {
			look := func(ctx context.Context) {
				if asked {
					_ = ctx.Done()
				}
			}
			err := incoming(t, t.Context(), 0, func(in *sig.Incoming, ctx context.Context) {
				look(ctx)
				in.Cancel()
				in.Cancel()
				child, stop := context.WithCancel(ctx)
				defer stop()
				await(t, child.Done(), "P6: cancellation travels")
			})
			require.ErrorIs(t, err, sig.ErrCancelled)
			ctx, cancel := context.WithCancel(t.Context())
			err = incoming(t, ctx, 0, func(_ *sig.Incoming, ctx context.Context) {
				look(ctx)
				cancel()
				require.ErrorIs(t, ctx.Err(), context.Canceled, "with the router's")
			})
			require.ErrorIs(t, err, sig.ErrCancelled)
			synctest.Test(t, func(t *testing.T) {
				err := incoming(t, context.Background(), time.Second, func(_ *sig.Incoming, ctx context.Context) {
					look(ctx)
					time.Sleep(time.Second) // of the bubble's clock
					synctest.Wait()
					require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
					<-ctx.Done()
				})
				require.ErrorIs(t, err, sig.ErrTimeout)
			})
		})
	}
}

// TestAnswerTooLate: nobody is asked when the time is over.
func TestAnswerTooLate(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := incoming(t, ctx, 0, func(*sig.Incoming, context.Context) { t.Error("asked") })
	require.ErrorIs(t, err, sig.ErrCancelled)
}

// TestTypedHandlerDecodesOnce: what Handle makes decodes its argument itself; one
// that wraps it sees plain values.
func TestTypedHandlerDecodesOnce(t *testing.T) {
	r, _ := newRegistry(t)
	typed := sig.Handle(func(_ context.Context, n int) (int, error) { return n + 1, nil })
	s, err := r.Connect("s", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
		"typed": typed,
		"wrapped": func(ctx context.Context, req *sig.Request) (any, error) {
			require.Equal(t, int64(41), req.Data)
			return typed(ctx, req)
		},
	}})
	require.NoError(t, err)
	for method, decoded := range map[sig.Name]int{"typed": 1, "wrapped": 2} {
		n := counting{digits("41"), new(int)}
		v, err := answer(t.Context(), s, method, n)
		require.NoError(t, err)
		require.Equal(t, 42, v)
		require.Equal(t, decoded, *n.times, method)
	}
}

// counting counts how often it is decoded.
type counting struct {
	digits
	times *int
}

func (c counting) Decode(into any) error {
	*c.times++
	return c.digits.Decode(into)
}
