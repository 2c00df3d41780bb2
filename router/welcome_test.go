package router_test

import (
	"context"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestFramesBehindWelcome: a server may send at once what it has to say; that it
// arrives in the same read as the WELCOME is nobody's fault.
func TestFramesBehindWelcome(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	network := mem.New()
	ln, err := network.Listen(ctx, &url.URL{Scheme: "mem", Host: "hub"})
	require.NoError(t, err)
	defer ln.Close()
	reg := sig.New(nil)
	defer reg.Close()
	cr, err := router.NewClientRouter(reg, []string{"mem://hub"}, &router.ClientOptions{
		Carriers: []carrier.Carrier{network}, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	defer cr.Close()
	heard := make(chan string, 2)
	sub, err := sig.Subscribe(reg, "kitchen", "temp", func(ev sig.EventOf[string]) { heard <- ev.Data }, nil)
	require.NoError(t, err)
	defer sub.Unsubscribe()

	conn, err := ln.Accept(ctx)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Receive(ctx, nil)
	require.NoError(t, err)
	batch := carrier.AppendFrame(nil, wire.Welcome{Version: wire.Version, ID: wire.NodeID{1}, Codec: "json"}.Append(nil))
	batch = carrier.AppendFrame(batch, wire.Connect{Sender: 1, Route: 7, Epoch: 1, Name: "kitchen", Events: []string{"temp"}}.Append(nil))
	batch = carrier.AppendFrame(batch, wire.Route{Route: 7, Seq: 1}.Append(nil))
	batch = carrier.AppendFrame(batch, wire.AppendEvent(nil, 0, 7, []byte(`"first"`)))
	require.NoError(t, conn.Send(ctx, batch))
	require.NoError(t, conn.Send(ctx, carrier.AppendFrame(nil, wire.AppendEvent(nil, 0, 7, []byte(`"second"`)))))
	for _, want := range []string{"first", "second"} {
		select {
		case got := <-heard:
			require.Equal(t, want, got)
		case <-ctx.Done():
			t.Fatalf("%q has not come; the client is %v", want, cr.State())
		}
	}
}
