package router_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestSameServerByAnotherAddress: a server that still holds the connection which
// the client has lost is shown the token from there, also by an address that the
// client has never used (protocol.md §4.6).
func TestSameServerByAnotherAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &doorman{t: t, ctx: t.Context(), network: mem.New()}
		a, b := d.listen("a"), d.listen("b")
		defer b.Close()
		defer d.client("mem://a", "mem://b")()
		conn, first := d.greet(a)
		hub := wire.Welcome{Version: wire.Version, ID: wire.NodeID{1}, Codec: "json", Token: wire.Token{7}}
		d.say(conn, hub)
		time.Sleep(time.Second)
		a.Close()
		conn.Close()

		conn, hello := d.greet(b)
		require.Zero(t, hello.Token, "it may be another server")
		require.Equal(t, first.ID, hello.ID)
		d.say(conn, wire.Abort{Code: wire.CodeRing})
		conn, hello = d.greet(b)
		require.Zero(t, hello.Token)
		require.NotEqual(t, first.ID, hello.ID, "who the server is can be known without being known oneself")
		d.say(conn, hub)
		conn, hello = d.greet(b)
		require.Equal(t, wire.Token{7}, hello.Token)
		require.Equal(t, first.ID, hello.ID)
		conn.Close()
	})
}

// returning is a client with one sender that is connected to its second address.
type returning struct {
	*doorman
	a, b    carrier.Listener
	kitchen *sig.Sender
	cr      *router.ClientRouter
	old     *guest // the server's end of the connection
	welcome wire.Welcome
}

func newReturning(t *testing.T) *returning {
	d := &doorman{t: t, ctx: t.Context(), network: mem.New()}
	r := &returning{doorman: d, b: d.listen("b"), welcome: wire.Welcome{Version: wire.Version, ID: wire.NodeID{2}, Codec: "json"}}
	reg := sig.New(nil)
	var err error
	r.kitchen, err = reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	r.cr, err = router.NewClientRouter(reg, []string{"mem://a", "mem://b"}, &router.ClientOptions{
		Carriers: []carrier.Carrier{d.network}, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler), Return: 10 * time.Second,
	})
	require.NoError(t, err)
	r.old = r.let(r.b)
	r.a = d.listen("a")
	t.Cleanup(func() { r.cr.Close(); reg.Close(); r.a.Close(); r.b.Close() })
	return r
}

// let lets the client in at a listener, and reads on until it waits for SYNCED.
func (r *returning) let(ln carrier.Listener) *guest {
	r.t.Helper()
	conn, hello := r.greet(ln)
	g := &guest{t: r.t, ctx: r.ctx, conn: conn}
	g.send(r.welcome)
	var c wire.Connect
	require.NoError(r.t, c.Decode(g.await(wire.TypeConnect)))
	require.Equal(r.t, "kitchen", c.Name, "of %x", hello.ID)
	g.send(wire.Connected{Sender: c.Sender, Wanted: []uint32{0}})
	return g
}

func (g *guest) synced() {
	g.t.Helper()
	var s wire.Sync
	require.NoError(g.t, s.Decode(g.await(wire.TypeSync)))
	g.send(wire.Synced(s))
}

// knock takes the client's attempt to find out whether the first address answers.
func (r *returning) knock() {
	r.t.Helper()
	conn, _ := r.greet(r.a)
	g := &guest{t: r.t, ctx: r.ctx, conn: conn}
	g.send(r.welcome)
	var bye wire.Goodbye
	require.NoError(r.t, bye.Decode(g.next()), "nothing is said on it but goodbye")
	conn.Close()
}

// TestLeavingForABetterAddress: what was emitted before is on the old connection,
// what is emitted from then on comes on the new one, with its number.
func TestLeavingForABetterAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReturning(t)
		r.old.synced()
		begun := time.Now()
		require.NoError(t, r.kitchen.Emit("temp", 1))
		r.knock()
		require.GreaterOrEqual(t, time.Since(begun), 7*time.Second)
		require.LessOrEqual(t, time.Since(begun), 11*time.Second)
		require.Equal(t, "1", r.old.hears())
		r.old.synced() // the line answers: it will not take long
		var d wire.Disconnect
		require.NoError(t, d.Decode(r.old.next()))
		require.Equal(t, wire.CodeConnectionLost, d.Code, "the life goes on")
		require.NoError(t, r.kitchen.Emit("temp", 2))
		ctx, cancel := context.WithTimeout(r.ctx, time.Second)
		defer cancel()
		require.ErrorContains(t, r.cr.Shutdown(ctx), "leaving node", "what was sent is not known to have arrived")
	})
}

// TestReturned: the same, to the end, and the next attempt waits longer because
// the better connection has not lasted.
func TestReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReturning(t)
		r.old.synced()
		require.NoError(t, r.kitchen.Emit("temp", 1))
		for round := range 3 {
			left := time.Now()
			r.knock()
			least := 7500 * time.Millisecond << round
			require.GreaterOrEqual(t, time.Since(left)+time.Second, least, "round %d", round)
			require.LessOrEqual(t, time.Since(left)-time.Second, least*4/3, "round %d", round)
			r.old.synced()
			r.old.await(wire.TypeDisconnect)
			require.NoError(t, r.kitchen.Emit("temp", 2+round))
			r.old.synced()
			var bye wire.Goodbye
			require.NoError(t, bye.Decode(r.old.next()))
			require.Equal(t, wire.CodeClosed, bye.Code)
			r.old.conn.Close()

			fresh := r.let(r.a)
			var at wire.Route
			require.NoError(t, at.Decode(fresh.await(wire.TypeRoute)))
			require.EqualValues(t, 2+round, at.Seq)
			require.Len(t, fresh.hears(), 1)
			fresh.synced()
			r.a.Close()
			fresh.conn.Close() // it does not last
			r.old = r.let(r.b)
			r.old.synced()
			r.a = r.listen("a")
		}
	})
}

// TestReturnToAnotherCarrier: the addresses are of two.
func TestReturnToAnotherCarrier(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	carriers, codecs := []carrier.Carrier{mem.New(), tcp.New(nil)}, []codec.Codec{json.New()}
	srv, err := router.NewServerRouter(quietRegistry(t), &router.ServerOptions{Carriers: carriers, Codecs: codecs, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer srv.Close()
	first, err := srv.Listen(ctx, "tcp://127.0.0.1:0")
	require.NoError(t, err)
	states := make(chan router.State, 100)
	client, err := router.NewClientRouter(quietRegistry(t), []string{"mem://hub", first}, &router.ClientOptions{
		Carriers: carriers, Codecs: codecs, Logger: slog.New(slog.DiscardHandler), Return: time.Millisecond, OnState: func(s router.State) { states <- s },
	})
	require.NoError(t, err)
	defer client.Close()
	connected := func(to string) {
		t.Helper()
		for {
			if s := receive(t, ctx, states); s.Phase == router.Connected {
				require.Equal(t, to, s.Address)
				return
			}
		}
	}
	connected(first)
	second, err := srv.Listen(ctx, "mem://hub")
	require.NoError(t, err)
	connected(second)
	require.Len(t, srv.Clients(), 1)
}
