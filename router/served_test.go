package router_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// rawDesk returns a registry that reaches reg over a line on which bytes go as they
// are.
func rawDesk(t *testing.T, ctx context.Context, reg *sig.Registry) *sig.Registry {
	t.Helper()
	carriers, codecs := []carrier.Carrier{mem.New()}, []codec.Codec{raw.New()}
	logger := slog.New(slog.DiscardHandler)
	limits := router.Limits{PendingRequests: 2000} // those that were cancelled count for a while
	srv, err := router.NewServerRouter(reg, &router.ServerOptions{Carriers: carriers, Codecs: codecs, Logger: logger, Limits: limits})
	require.NoError(t, err)
	t.Cleanup(func() { srv.Close() })
	_, err = srv.Listen(ctx, "mem://raw")
	require.NoError(t, err)
	desk := quietRegistry(t)
	c, err := router.NewClientRouter(desk, []string{"mem://raw"}, &router.ClientOptions{Carriers: carriers, Codecs: codecs, Logger: logger, Limits: limits})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.WaitConnected(ctx))
	return desk
}

// TestWhatHandlersKeep stays as it is although the record of a request is used
// again: its context has ended, and the next request is not seen in it.
func TestWhatHandlersKeep(t *testing.T) {
	type kept struct {
		ctx     context.Context
		req     *sig.Request // nil: the handler has a type
		payload []byte
		text    string
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var mu sync.Mutex
	var all []kept
	keep := func(k kept) {
		mu.Lock()
		defer mu.Unlock()
		k.text = string(k.payload)
		all = append(all, k)
	}
	reg := quietRegistry(t)
	_, err := reg.Connect("k", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
		"typed": sig.Handle(func(ctx context.Context, p []byte) ([]byte, error) {
			keep(kept{ctx: ctx, payload: p})
			return p, nil
		}),
		"any": func(ctx context.Context, req *sig.Request) (any, error) {
			p := req.Data.([]byte)
			keep(kept{ctx, req, p, ""})
			return p, nil
		},
	}})
	require.NoError(t, err)
	desk := rawDesk(t, ctx, reg)
	for i := range 200 {
		method := []sig.Name{"typed", "any"}[i%2]
		want := fmt.Sprintf("request %d", i)
		got, err := sig.Call[[]byte](ctx, desk, "k", method, []byte(want))
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	for i, k := range all {
		require.Equal(t, fmt.Sprintf("request %d", i), k.text)
		require.Equal(t, k.text, string(k.payload))
		require.ErrorIs(t, k.ctx.Err(), context.Canceled, "its request is over")
		if k.req != nil {
			require.Equal(t, k.payload, k.req.Data)
			require.EqualValues(t, "any", k.req.Method)
		}
	}
}

// TestCancelEndsOneRequest: who has been cancelled is told from who uses its record
// next.
func TestCancelEndsOneRequest(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	reg := quietRegistry(t)
	_, err := reg.Connect("k", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
		"m": sig.Handle(func(ctx context.Context, p []byte) ([]byte, error) { return p, ctx.Err() }),
	}})
	require.NoError(t, err)
	desk := rawDesk(t, ctx, reg)
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() { // gives up now and then
			for range 200 {
				ctx, giveUp := context.WithCancel(ctx)
				callers.Go(giveUp)
				_, err := sig.Call[[]byte](ctx, desk, "k", "m", []byte("cancelled"))
				if err != nil && sig.AsError(err).Code != sig.CodeCancelled {
					t.Errorf("got %v, want none or that it is cancelled (P6)", err)
				}
			}
		})
		callers.Go(func() { // does not
			for range 200 {
				got, err := sig.Call[[]byte](ctx, desk, "k", "m", []byte("stays"))
				if err != nil || string(got) != "stays" {
					t.Errorf("got %q, %v; want the answer (P6)", got, err)
				}
			}
		})
	}
	callers.Wait()
}
