package router_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

func TestSmoke(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	carriers := []carrier.Carrier{tcp.New(nil)}
	sreg := sig.New(nil)
	defer sreg.Close()
	srv, err := router.NewServerRouter(sreg, &router.ServerOptions{Carriers: carriers, Codecs: []codec.Codec{cbor.New(), json.New()}})
	require.NoError(t, err)
	defer srv.Close()
	addr, err := srv.Listen(ctx, "tcp://127.0.0.1:0")
	require.NoError(t, err)
	client := func(c codec.Codec) (*sig.Registry, *router.ClientRouter) {
		reg := sig.New(nil)
		cr, err := router.NewClientRouter(reg, []string{addr}, &router.ClientOptions{Carriers: carriers, Codecs: []codec.Codec{c}})
		require.NoError(t, err)
		t.Cleanup(func() { cr.Close(); reg.Close() })
		require.NoError(t, cr.WaitConnected(ctx))
		return reg, cr
	}
	a, _ := client(cbor.New())
	b, _ := client(json.New())
	got := make(chan sig.Event, 10)
	sub, err := sig.Subscribe(b, "kitchen", "temp", func(ev sig.Event) { got <- ev }, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(ctx))
	k, err := a.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}, Requests: map[sig.Name]sig.RequestHandler{
		"echo": func(_ context.Context, r *sig.Request) (any, error) { return sig.Data[string](r.Data) },
	}})
	require.NoError(t, err)
	require.NoError(t, k.Emit("temp", 21.5))
	select {
	case ev := <-got:
		require.Equal(t, sig.Event{Sender: "kitchen", Name: "temp", Data: 21.5}, ev)
	case <-ctx.Done():
		t.Fatal("nothing came")
	}
	v, err := sig.Call[string](ctx, b, "kitchen", "echo", "hi")
	require.NoError(t, err)
	require.Equal(t, "hi", v)
	for i := range 1000 {
		require.NoError(t, k.EmitWait(ctx, "temp", i))
		ev := <-got
		require.EqualValues(t, i, ev.Data)
	}
}
