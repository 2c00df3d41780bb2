package router_test

import (
	"context"
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

// BenchmarkConnect is what a client costs until it is connected, both sides: an
// operation is one, which stays.
func BenchmarkConnect(b *testing.B) {
	quiet := slog.New(slog.DiscardHandler)
	reg := sig.New(nil)
	defer reg.Close()
	srv, err := router.NewServerRouter(reg, &router.ServerOptions{
		Carriers: []carrier.Carrier{tcp.New(nil)}, Codecs: []codec.Codec{raw.New()}, Logger: quiet,
	})
	require.NoError(b, err)
	defer srv.Close()
	address, err := srv.Listen(context.Background(), "tcp://127.0.0.1:0")
	require.NoError(b, err)
	b.ReportAllocs()
	var clients []*router.ClientRouter
	for b.Loop() {
		own := sig.New(nil)
		c, err := router.NewClientRouter(own, []string{address}, &router.ClientOptions{
			Carriers: []carrier.Carrier{tcp.New(nil)}, Codecs: []codec.Codec{raw.New()}, Logger: quiet,
		})
		if err != nil || c.WaitConnected(context.Background()) != nil {
			b.Fatal(err)
		}
		clients = append(clients, c)
	}
	for _, c := range clients {
		c.Close()
	}
}
