package router_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// Who has said goodbye has left its names: the next client gets them at once,
// again and again, and after Sync it knows that it has.
func TestNamesAreFreeAfterGoodbye(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	carriers, codecs := []carrier.Carrier{tcp.New(nil)}, []codec.Codec{cbor.New()}
	reg := sig.New(nil)
	defer reg.Close()
	srv, err := router.NewServerRouter(reg, &router.ServerOptions{Carriers: carriers, Codecs: codecs})
	require.NoError(t, err)
	defer srv.Close()
	addr, err := srv.Listen(ctx, "tcp://127.0.0.1:0")
	require.NoError(t, err)
	for range 30 {
		mine := sig.New(nil)
		client, err := router.NewClientRouter(mine, []string{addr}, &router.ClientOptions{Carriers: carriers, Codecs: codecs})
		require.NoError(t, err)
		require.NoError(t, client.WaitConnected(ctx))
		kitchen, err := mine.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
		require.NoError(t, err)
		require.NoError(t, mine.Sync(ctx))
		require.NoError(t, kitchen.Err(), "P10: the name is nobody else's any more")
		require.Len(t, reg.Senders(), 1, "what Sync has waited for is known to the server")
		require.NoError(t, client.Shutdown(ctx))
		require.NoError(t, mine.Close())
	}
}
