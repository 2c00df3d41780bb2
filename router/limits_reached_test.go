package router_test

import (
	"log/slog"
	"net/url"
	"strings"
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

// reached is a limit that somebody reaches, beside those of whoReaches.
type reached struct {
	limit  router.Limit
	limits router.Limits
	reach  func(h *hub)
}

// burstOf emits so many events of a kibibyte each.
func (h *hub) burstOf(n int) {
	h.t.Helper()
	s, err := h.reg.Connect("loud", sig.Spec{Events: []sig.Name{"e"}})
	require.NoError(h.t, err)
	for range n {
		require.NoError(h.t, s.Emit("e", strings.Repeat("x", 1<<10)))
	}
}

// deaf is a guest that subscribes to all that is loud, and never reads.
func (h *hub) deaf() {
	h.guest(wire.Hello{ID: wire.NodeID{4}}).subscribes("loud", "e")
}

// tank is a guest with a sender, a hub that listens to it, and no more.
func (h *hub) tank(id byte, name string) *guest {
	g := h.guest(wire.Hello{ID: wire.NodeID{id}, Features: wire.FeatureHeld})
	g.send(wire.Connect{Sender: 1, Route: 0, Epoch: 7, Name: name, Events: []string{"e"}, Requests: []string{"m"}}, wire.Route{Route: 0, Seq: 1})
	g.round()
	return g
}

// stuck has a handler of the hub's hear a sender, and not return before the test ends.
func (h *hub) stuck(name sig.Name) {
	release := make(chan struct{})
	h.t.Cleanup(func() { close(release) })
	_, err := sig.Subscribe(h.reg, name, "e", func(sig.Event) { <-release }, nil)
	require.NoError(h.t, err)
}

// comeFrom hands the hub connections that come from one address of another machine.
func (h *hub) comeFrom(n int) (list []*guest) {
	var conns []carrier.Conn
	for range n {
		a, b := mem.Pipe()
		h.t.Cleanup(func() { a.Close() })
		conns = append(conns, from{b, "tcp://192.0.2.7:1"})
		list = append(list, &guest{t: h.t, ctx: h.ctx, conn: a})
	}
	go func() { _ = h.srv.Serve(h.ctx, newHandout(conns...)) }() // ends with the hub
	return list
}

var others = []reached{
	{router.LimitDead, router.Limits{Keepalive: 20 * time.Millisecond, Dead: 100 * time.Millisecond}, func(h *hub) { h.guest(wire.Hello{}) }},
	{router.LimitWrite, router.Limits{WriteTimeout: 50 * time.Millisecond, OutboundBytes: 64 << 20}, func(h *hub) { h.network.SetBuffer(8 << 10); h.deaf(); h.burstOf(64) }},
	{router.LimitOutbound, router.Limits{OutboundBytes: 64 << 10}, func(h *hub) { h.deaf(); h.burstOf(8 << 10) }},
	{router.LimitOutboundTotal, router.Limits{OutboundTotal: 64 << 10, OutboundBytes: 64 << 20}, func(h *hub) { h.deaf(); h.burstOf(8 << 10) }},
	{router.LimitReplyTTL, router.Limits{ReplyTTL: 20 * time.Millisecond}, func(h *hub) {
		h.tank(1, "mute")
		asks := h.guest(wire.Hello{ID: wire.NodeID{2}})
		var c wire.Connect
		require.NoError(h.t, c.Decode(asks.await(wire.TypeConnect)))
		asks.send(wire.Request{ID: 1, Sender: c.Sender, Method: "m"})
		var r wire.Reply
		require.NoError(h.t, r.Decode(asks.await(wire.TypeReply)))
		require.Equal(h.t, sig.CodeTimeout, sig.Code(r.Code))
	}},
	{router.LimitSync, router.Limits{SyncPatience: 20 * time.Millisecond}, func(h *hub) {
		h.tank(1, "mute") // answers no barrier
		h.guest(wire.Hello{ID: wire.NodeID{2}}).subscribes("mute", "e")
	}},
	{router.LimitConnectionsPerIP, router.Limits{ConnectionsPerIP: 1}, func(h *hub) {
		for i, g := range h.comeFrom(2) {
			g.send(wire.Hello{MinVersion: wire.MinVersion, MaxVersion: wire.Version, ID: wire.NodeID{byte(i + 1)}, Codecs: []string{"json"}})
			if i == 0 {
				g.await(wire.TypeWelcome)
				continue
			}
			code, text := g.turnedAway()
			require.Equal(h.t, sig.CodeLimit, sig.Code(code))
			require.Contains(h.t, text, "ConnectionsPerIP: 1 from 192.0.2.7 are open")
		}
	}},
	{router.LimitUnauthenticated, router.Limits{Unauthenticated: 1}, func(h *hub) { h.knock(); go func() { _, _ = h.network.Dial(h.ctx, hubURL) }() }},
	{router.LimitUnauthenticatedPerIP, router.Limits{UnauthenticatedPerIP: 1}, func(h *hub) { h.comeFrom(2) }},
	{router.LimitUnauthenticatedBytes, router.Limits{UnauthenticatedBytes: 4 << 10}, func(h *hub) { h.knock(); go func() { _, _ = h.network.Dial(h.ctx, hubURL) }() }},
	{router.LimitRate, router.Limits{Rate: 100}, func(h *hub) {
		g := h.guest(wire.Hello{})
		for range 300 {
			g.send(wire.Pong{Nonce: 1}, wire.Cancel{ID: 1})
		}
	}},
	{router.LimitProcessors, router.Limits{}, func(h *hub) {
		eve := h.guestAs("eve", wire.Hello{ID: wire.NodeID{1}})
		h.guestAs("anna", wire.Hello{ID: wire.NodeID{2}})
		release := h.srv.HoldShare("eve")
		defer release()
		eve.send(wire.Ping{})
		require.Eventually(h.t, func() bool { return h.srv.WaitsForATurn("eve") }, patience, time.Millisecond)
		time.Sleep(20 * time.Millisecond) // a short wait is no news
	}},
	{router.LimitInbound, router.Limits{InboundBytes: 4 << 10}, func(h *hub) {
		h.stuck("tank")
		g := h.tank(1, "tank")
		for range 100 {
			g.send(event{0, `"` + strings.Repeat("x", 1<<10) + `"`})
		}
	}},
	{router.LimitWindowEvents, router.Limits{}, func(h *hub) {
		h.stuck("tank")
		require.Equal(h.t, wire.CodeProtocol, h.tank(1, "tank").floods(held{event{0, "1"}}))
	}},
	{router.LimitWindowBytes, router.Limits{}, func(h *hub) {
		h.stuck("tank")
		require.Equal(h.t, wire.CodeProtocol, h.tank(1, "tank").floods(held{event{0, `"` + strings.Repeat("x", 512<<10) + `"`}}))
	}},
	{router.LimitPositions, router.Limits{GapMemory: 1}, func(h *hub) {
		for i, name := range []string{"tank/1", "tank/2"} {
			h.stuck(sig.Name(name))
			h.tank(byte(i+1), name).conn.Close()
		}
	}},
}

var hubURL = &url.URL{Scheme: "mem", Host: "hub"}

// TestEveryLimitIsNoticed: whatever is reached is counted under its name, and there is
// a line in the log that says so.
func TestEveryLimitIsNoticed(t *testing.T) {
	for _, row := range others {
		t.Run(row.limit.String(), func(t *testing.T) {
			var logged lines
			h := newLimitedHub(t, router.ServerOptions{Limits: row.limits, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
			row.reach(h)
			require.Eventually(t, func() bool {
				return h.srv.Stats().Limits[row.limit] > 0 && strings.Contains(logged.String(), `msg="limit reached" limit=`+row.limit.String())
			}, patience, time.Millisecond, "%v\n%s", h.srv.Stats().Limits, &logged)
		})
	}
}

// TestOfflineLimitIsNoticed by the client that it is of.
func TestOfflineLimitIsNoticed(t *testing.T) {
	var logged lines
	reg := quietRegistry(t)
	s, err := reg.Connect("tank", sig.Spec{Events: []sig.Name{"e"}})
	require.NoError(t, err)
	cr, err := router.NewClientRouter(reg, []string{"mem://nowhere"}, &router.ClientOptions{
		Carriers: []carrier.Carrier{mem.New()}, Codecs: []codec.Codec{json.New()}, Limits: router.Limits{OfflineBytes: 4 << 10}, Logger: slog.New(slog.NewTextHandler(&logged, nil)),
	})
	require.NoError(t, err)
	defer cr.Close()
	for range 100 {
		require.NoError(t, s.Emit("e", strings.Repeat("x", 1<<10)))
	}
	require.NotZero(t, cr.Stats().Limits[router.LimitOffline])
	require.Contains(t, logged.String(), `msg="limit reached" limit=offline`)
}

// TestNoLimitIsForgotten: each is in one of the tables here, but for those of which
// nobody can say that they were reached.
func TestNoLimitIsForgotten(t *testing.T) {
	tested := map[router.Limit]bool{
		router.LimitOffline:      true,
		router.LimitKeepalive:    true, // the peer is only asked for a sign of life
		router.LimitBurst:        true, // is reached as rate
		router.LimitConnectBurst: true, // as connect_rate
	}
	for _, row := range whoReaches {
		tested[row.limit] = true
	}
	for _, row := range others {
		tested[row.limit] = true
	}
	for _, l := range router.AllLimits() {
		require.True(t, tested[l], "%s: nothing shows that it is noticed", l)
	}
}
