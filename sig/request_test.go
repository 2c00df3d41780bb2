package sig_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

func echo(_ context.Context, v any) (any, error) { return v, nil }

// answering connects a sender with one method.
func answering(t testing.TB, r *sig.Registry, h sig.RequestHandler) *sig.Sender {
	t.Helper()
	s, err := r.Connect("s", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"m": h}})
	require.NoError(t, err)
	return s
}

// contexts are the two ways a request runs: inline, and beside its caller.
func contexts(t *testing.T, f func(t *testing.T, ctx context.Context)) {
	t.Run("inline", func(t *testing.T) { f(t, context.Background()) })
	t.Run("beside", func(t *testing.T) { f(t, t.Context()) })
}

func TestRequest(t *testing.T) {
	contexts(t, func(t *testing.T, ctx context.Context) {
		r, _ := newRegistry(t)
		_, err := r.Connect("s", sig.Spec{
			Requests: map[sig.Name]sig.RequestHandler{
				"double": sig.Handle(func(_ context.Context, n int) (int, error) { return 2 * n, nil }),
			},
			Default: func(_ context.Context, req *sig.Request) (any, error) {
				return fmt.Sprintf("%s/%s(%v)", req.Sender, req.Method, req.Data), nil
			},
		})
		require.NoError(t, err)
		v, err := r.Request(ctx, "s", "double", 21)
		require.NoError(t, err)
		require.Equal(t, 42, v)
		f, err := sig.Call[float64](ctx, r, "s", "double", 21.0)
		require.NoError(t, err)
		require.Equal(t, 42.0, f)
		text, err := sig.Call[string](ctx, r, "s", "other", nil)
		require.NoError(t, err)
		require.Equal(t, "s/other(<nil>)", text, "P6: the default handler")
		_, err = sig.Call[[]string](ctx, r, "s", "double", 1)
		require.ErrorIs(t, err, sig.ErrTypeMismatch)
		_, err = r.Request(ctx, "s", "double", "x")
		require.ErrorIs(t, err, sig.ErrBadPayload)
	})
}

func TestRequestErrors(t *testing.T) {
	for _, row := range []struct {
		name string
		err  error
		want error
		text string
		app  int64
	}{
		{"plain", errors.New("no water"), sig.ErrHandler, "no water", 0},
		{"with a number", sig.Fail(404, "no tea"), sig.ErrHandler, "no tea", 404},
		{"wrapped", fmt.Errorf("pot: %w", sig.Fail(404, "no tea")), sig.ErrHandler, "pot: handler failed: no tea (404)", 404},
		{"denied", sig.ErrDenied, sig.ErrDenied, "", 0},
		{"busy", sig.NewError(sig.CodeBusy, "later"), sig.ErrBusy, "later", 0},
		{"its own failing request", sig.ErrNoSender, sig.ErrHandler, "no such sender", 0},
		{"its own timeout", context.DeadlineExceeded, sig.ErrHandler, "context deadline exceeded", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			contexts(t, func(t *testing.T, ctx context.Context) {
				r, _ := newRegistry(t)
				answering(t, r, func(context.Context, *sig.Request) (any, error) { return nil, row.err })
				_, err := r.Request(ctx, "s", "m", nil)
				require.ErrorIs(t, err, row.want, "P6")
				var e *sig.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, row.text, e.Text)
				require.Equal(t, row.app, e.App)
			})
		})
	}
}

func TestRequestToNobody(t *testing.T) {
	r, _ := newRegistry(t)
	s := answering(t, r, sig.Handle(echo))
	_, err := r.Request(t.Context(), "nobody", "m", nil)
	require.ErrorIs(t, err, sig.ErrNoSender)
	require.ErrorContains(t, err, `"nobody"`)
	_, err = r.Request(t.Context(), "s", "x", nil)
	require.ErrorIs(t, err, sig.ErrNoMethod)
	require.ErrorContains(t, err, `only "m"`)
	require.NoError(t, s.Disconnect(""))
	_, err = s.Serve(t.Context(), "m", nil)
	require.ErrorIs(t, err, sig.ErrNoSender)
}

func TestRequestHandlerPanics(t *testing.T) {
	contexts(t, func(t *testing.T, ctx context.Context) {
		r, warned := newRegistry(t)
		answering(t, r, func(context.Context, *sig.Request) (any, error) { panic("boom") })
		_, err := r.Request(ctx, "s", "m", nil)
		require.ErrorIs(t, err, sig.ErrHandler)
		require.ErrorContains(t, err, "boom")
		require.Contains(t, warned.all()[0], "boom")
	})
}

func TestRequestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sig.New(nil)
		var handlerErr error
		answering(t, r, func(ctx context.Context, _ *sig.Request) (any, error) {
			deadline, ok := ctx.Deadline()
			require.True(t, ok, "P6: the deadline travels")
			require.Equal(t, time.Second, time.Until(deadline))
			<-ctx.Done()
			handlerErr = ctx.Err()
			return nil, ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err := r.Request(ctx, "s", "m", nil)
		require.ErrorIs(t, err, sig.ErrTimeout)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begin))
		_, err = r.Request(ctx, "s", "m", nil)
		require.ErrorIs(t, err, sig.ErrTimeout, "nobody is asked when it is too late")
		require.NoError(t, r.Shutdown(t.Context()))
		require.ErrorIs(t, handlerErr, context.DeadlineExceeded, "P6: the handler learns of it")
	})
}

func TestRequestCancelled(t *testing.T) {
	r, _ := newRegistry(t)
	begun := make(chan struct{})
	ended := make(chan struct{})
	answering(t, r, func(ctx context.Context, _ *sig.Request) (any, error) {
		close(begun)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { _, err := r.Request(ctx, "s", "m", nil); result <- err }()
	await(t, begun, "the handler")
	cancel()
	require.ErrorIs(t, await(t, result, "the answer"), sig.ErrCancelled)
	await(t, ended, "P6: cancellation travels")
}

func TestSenderLeavesARequest(t *testing.T) {
	r, _ := newRegistry(t)
	begun := make(chan struct{})
	s := answering(t, r, func(ctx context.Context, _ *sig.Request) (any, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	result := make(chan error, 1)
	go func() { _, err := r.Request(t.Context(), "s", "m", nil); result <- err }()
	await(t, begun, "the handler")
	require.NoError(t, s.Disconnect("bye"))
	require.ErrorIs(t, await(t, result, "the answer"), sig.ErrConnectionLost, "P6")
}

func TestRequestWithinHandlers(t *testing.T) {
	r, _ := newRegistry(t)
	s, err := r.Connect("s", sig.Spec{
		Events: []sig.Name{"e"},
		Requests: map[sig.Name]sig.RequestHandler{
			"outer": func(ctx context.Context, _ *sig.Request) (any, error) { return r.Request(ctx, "s", "inner", 1) },
			"inner": sig.Handle(echo),
		},
	})
	require.NoError(t, err)
	j := newJournal()
	subscribe(t, r, "s", sig.Any, func(ev sig.Event) {
		v, err := r.Request(t.Context(), "s", "outer", nil)
		j.add("%s: %v %v", ev.Name, v, err)
	})
	require.NoError(t, s.Emit("e", 1))
	require.Equal(t, []string{"e: 1 <nil>"}, j.all(), "P4: its own sender, from within its event")
}

func TestRequestAll(t *testing.T) {
	r, _ := newRegistry(t)
	begun := make(chan struct{})
	for name, h := range map[sig.Name]sig.RequestHandler{
		"x/ok":    sig.Handle(echo),
		"x/fails": func(context.Context, *sig.Request) (any, error) { return nil, sig.Fail(7, "no") },
		"x/left": func(ctx context.Context, _ *sig.Request) (any, error) {
			close(begun)
			<-ctx.Done()
			return nil, ctx.Err()
		},
		"y/other": sig.Handle(echo),
	} {
		s, err := r.Connect(name, sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"m": h}})
		require.NoError(t, err)
		if name == "x/left" {
			go func() { <-begun; _ = s.Disconnect("") }()
		}
	}
	connect(t, r, "x/none")
	answers := r.RequestAll(t.Context(), "x/*", "m", 5)
	require.Len(t, answers, 4)
	require.Equal(t, sig.Name("x/fails"), answers[0].Sender)
	require.ErrorIs(t, answers[0].Err, sig.ErrHandler)
	require.ErrorIs(t, answers[1].Err, sig.ErrConnectionLost)
	require.ErrorIs(t, answers[2].Err, sig.ErrNoMethod)
	require.Equal(t, sig.Answer{Sender: "x/ok", Data: 5}, answers[3])
}
