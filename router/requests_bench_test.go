package router_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// BenchmarkRequest asks over loopback TCP: caller, router, responder and back.
// The allocations are those of all three.
func BenchmarkRequest(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("%dcallers", callers), func(b *testing.B) {
			desk := responding(b)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			payload := make([]byte, 128)
			b.ReportAllocs()
			b.ResetTimer()
			done := make(chan error, callers) // one result of each
			for i := range callers {
				go func() { // ends after its share
					var err error
					for n := i; n < b.N && err == nil; n += callers {
						_, err = sig.Call[[]byte](ctx, desk, "k", "m", payload)
					}
					done <- err
				}()
			}
			for range callers {
				require.NoError(b, <-done)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

// responding returns a registry that reaches one with a method "m" of "k" by way
// of a server.
func responding(b *testing.B) (desk *sig.Registry) {
	opts := func() ([]carrier.Carrier, []codec.Codec, *slog.Logger) {
		return []carrier.Carrier{tcp.New(nil)}, []codec.Codec{raw.New()}, slog.New(slog.DiscardHandler)
	}
	carriers, codecs, logger := opts()
	hub := sig.New(nil)
	srv, err := router.NewServerRouter(hub, &router.ServerOptions{
		Carriers: carriers, Codecs: codecs, Logger: logger, Access: router.AccessOptions{Authorizer: benchAuthorizer},
	})
	require.NoError(b, err)
	b.Cleanup(func() { srv.Close(); hub.Close() })
	addr, err := srv.Listen(b.Context(), "tcp://127.0.0.1:0")
	require.NoError(b, err)
	join := func() *sig.Registry {
		carriers, codecs, logger := opts()
		reg := sig.New(nil)
		c, err := router.NewClientRouter(reg, []string{addr}, &router.ClientOptions{Carriers: carriers, Codecs: codecs, Logger: logger})
		require.NoError(b, err)
		b.Cleanup(func() { c.Close(); reg.Close() })
		require.NoError(b, c.WaitConnected(b.Context()))
		return reg
	}
	echo := sig.Handle(func(_ context.Context, p []byte) ([]byte, error) { return p, nil })
	_, err = join().Connect("k", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"m": echo}})
	require.NoError(b, err)
	desk = join()
	known := make(chan struct{}, 2) // told of what is there, and that this was all
	w, err := desk.Watch("k", func(c sig.PresenceChange) {
		if c.Kind == sig.Present || c.Kind == sig.Connected {
			known <- struct{}{}
		}
	}, nil)
	require.NoError(b, err)
	<-known
	w.Unsubscribe()
	return desk
}
