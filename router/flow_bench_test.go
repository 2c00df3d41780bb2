package router_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/router/routertest"
	"github.com/gosig/gosig/sig"
)

// BenchmarkFlow sends events from one process through a router to others, all of
// them in this one, over TCP. An operation is an event, to all its subscribers.
func BenchmarkFlow(b *testing.B) {
	for _, row := range []struct{ size, routes, subscribers int }{
		{16, 1, 1},
		{16, 200, 1},
		{1 << 10, 200, 1},
		{8 << 10, 200, 1},
		{64 << 10, 200, 1},
		{16, 200, 10},
		{1 << 10, 200, 10},
		{8 << 10, 200, 10},
	} {
		b.Run(fmt.Sprintf("%dB/%droutes/1to%d", row.size, row.routes, row.subscribers), func(b *testing.B) {
			benchmarkFlow(b, row.size, row.routes, row.subscribers)
		})
	}
}

func benchmarkFlow(b *testing.B, size, routes, subscribers int) {
	url := benchServer(b)
	const underWay = 8 // blocks: a subscriber's queue never reaches its bound
	block := min(2048, (128<<10)/size)
	var taken []chan struct{} // a place for each block under way; whoever takes its last event sends
	for range subscribers {
		n, done := 0, make(chan struct{}, underWay)
		taken = append(taken, done)
		sub, err := sig.Subscribe(benchClient(b, url), "bench", "*", func(sig.EventOf[[]byte]) {
			if n++; n%block == 0 {
				done <- struct{}{}
			}
		}, &sig.SubscribeOptions{OnLost: func(l sig.Lost) { b.Error("lost", l) }})
		require.NoError(b, err)
		require.NoError(b, sub.InForce(b.Context()))
	}
	emitters := benchEmitters(b, benchClient(b, url), routes)
	payload := make([]byte, size)
	waits, next := 0, 0
	wait := func() {
		waits--
		for _, done := range taken {
			<-done
		}
	}
	emit := func(blocks int) {
		for range blocks {
			for range block {
				if err := emitters[next].Emit(payload); err != nil {
					b.Fatal(err)
				}
				if next++; next == len(emitters) {
					next = 0
				}
			}
			if waits++; waits == underWay {
				wait()
			}
		}
		for waits > 0 {
			wait()
		}
	}
	emit(8)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	emit((b.N + block - 1) / block)
}

// benchServer starts a router and returns its address.
func benchServer(b *testing.B) string { return benchServerOn(b, overTCP(b)) }

func benchServerOn(b *testing.B, setup routertest.Setup) string {
	reg := sig.New(nil)
	srv, err := router.NewServerRouter(reg, &router.ServerOptions{
		Carriers: setup.Carriers, Codecs: []codec.Codec{raw.New()}, Logger: slog.New(slog.DiscardHandler),
		Access: router.AccessOptions{Authorizer: benchAuthorizer},
	})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, srv.Close()); require.NoError(b, reg.Close()) })
	url, err := srv.Listen(b.Context(), setup.Listen)
	require.NoError(b, err)
	return url
}

// benchClient returns a registry that is connected to the router.
func benchClient(b *testing.B, url string) *sig.Registry { return benchClientOn(b, overTCP(b), url) }

func benchClientOn(b *testing.B, setup routertest.Setup, url string) *sig.Registry {
	if setup.Clients == nil {
		setup.Clients = setup.Carriers
	}
	reg := sig.New(nil)
	cr, err := router.NewClientRouter(reg, []string{url}, &router.ClientOptions{
		Carriers: setup.Clients, Codecs: []codec.Codec{raw.New()}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, cr.Close()); require.NoError(b, reg.Close()) })
	require.NoError(b, cr.WaitConnected(b.Context()))
	return reg
}

// benchEmitters connects a sender with so many events.
func benchEmitters(b *testing.B, reg *sig.Registry, routes int) (list []*sig.Emitter[[]byte]) {
	var events []sig.Name
	for i := range routes {
		events = append(events, sig.Name(fmt.Sprint("e", i)))
	}
	sender, err := reg.Connect("bench", sig.Spec{Events: events})
	require.NoError(b, err)
	for _, name := range events {
		em, err := sig.NewEmitter[[]byte](sender, name)
		require.NoError(b, err)
		list = append(list, em)
	}
	return list
}
