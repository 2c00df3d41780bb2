package router_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// counting counts how often a codec is used.
type counting struct {
	codec.Codec
	appends, decodes atomic.Int32
}

func (c *counting) Append(dst []byte, v any) ([]byte, error) {
	c.appends.Add(1)
	return c.Codec.Append(dst, v)
}

func (c *counting) Decode(data []byte, into any) error {
	c.decodes.Add(1)
	return c.Codec.Decode(data, into)
}

func (c *counting) uses() (appends, decodes int32) { return c.appends.Swap(0), c.decodes.Swap(0) }

// TestTranscodingCosts: what a server decodes and encodes of the events that it
// passes on. Between peers of one codec that is nothing; for those with another
// each event is decoded and encoded once, however many they are.
func TestTranscodingCosts(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	network := mem.New()
	jsons, cbors := &counting{Codec: json.New()}, &counting{Codec: cbor.New()}
	hub := quietRegistry(t)
	srv, err := router.NewServerRouter(hub, &router.ServerOptions{
		Carriers: []carrier.Carrier{network}, Codecs: []codec.Codec{jsons, cbors}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	defer srv.Close()
	_, err = srv.Listen(ctx, "mem://hub")
	require.NoError(t, err)
	join := func(c codec.Codec, prepare func(*sig.Registry)) {
		reg := quietRegistry(t)
		prepare(reg)
		client, err := router.NewClientRouter(reg, []string{"mem://hub"}, &router.ClientOptions{
			Carriers: []carrier.Carrier{network}, Codecs: []codec.Codec{c}, Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		t.Cleanup(func() { client.Close() })
		require.NoError(t, client.WaitConnected(ctx))
	}
	const events = 20
	got := make(chan int, 8*events) // more than all subscribers get
	subscribe := func(reg *sig.Registry) {
		_, err := sig.Subscribe(reg, "s", "e", func(ev sig.EventOf[int]) { got <- ev.Data }, nil)
		require.NoError(t, err)
	}
	var emitter *sig.Sender
	join(json.New(), func(reg *sig.Registry) {
		var err error
		emitter, err = reg.Connect("s", sig.Spec{Events: []sig.Name{"e"}})
		require.NoError(t, err)
	})
	emit := func(subscribers int) {
		for i := range events {
			require.NoError(t, emitter.EmitWait(ctx, "e", i))
		}
		for range events * subscribers {
			receive(t, ctx, got)
		}
	}
	for range 3 {
		join(json.New(), subscribe)
	}
	jsons.uses()
	emit(3)
	appends, decodes := jsons.uses()
	require.Zero(t, appends+decodes, "the same codec")

	for range 3 {
		join(cbor.New(), subscribe)
	}
	jsons.uses()
	cbors.uses()
	emit(6)
	appends, decodes = jsons.uses()
	require.Zero(t, appends)
	require.EqualValues(t, events, decodes, "once for all")
	appends, decodes = cbors.uses()
	require.EqualValues(t, events, appends, "once for all")
	require.Zero(t, decodes)
}
