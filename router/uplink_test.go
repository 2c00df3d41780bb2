package router_test

import (
	"context"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// guardedEdge is a router between devices and a hub, with a policy of its own.
type guardedEdge struct {
	*hub
	up *router.ClientRouter
}

// newGuardedEdge joins an edge to h as "edge". To the edge, h is "upstream".
func newGuardedEdge(t *testing.T, h *hub, authorizer acl.Authorizer) *guardedEdge {
	t.Helper()
	e := &guardedEdge{hub: &hub{t: t, ctx: h.ctx, network: h.network, name: "edge", reg: quietRegistry(t)}}
	var err error
	e.srv, err = router.NewServerRouter(e.reg, &router.ServerOptions{
		Carriers: []carrier.Carrier{h.network}, Codecs: []codec.Codec{json.New()}, Name: "edge",
		Logger: slog.New(slog.DiscardHandler), Access: router.AccessOptions{Authorizer: authorizer},
	})
	require.NoError(t, err)
	t.Cleanup(func() { e.srv.Close() })
	_, err = e.srv.Listen(h.ctx, "mem://edge")
	require.NoError(t, err)
	e.up = h.dial(e.reg, "mem://hub?as=edge", router.ClientOptions{Carriers: []carrier.Carrier{serverNamed{h.network}}})
	require.NoError(t, e.up.WaitConnected(h.ctx))
	return e
}

// TestUplinkUnderThePolicy: the server that an edge router is connected to is a
// peer like others; nothing goes to it or comes from it that no rule allows.
func TestUplinkUnderThePolicy(t *testing.T) {
	device := everything("device")
	ctxHub := newHubWith(t, router.AccessOptions{})
	e := newGuardedEdge(t, ctxHub, policyOf(t, append(device,
		allow("upstream", acl.Subscribe, "press", "temp"), allow("upstream", acl.Request, "press", "get"), allow("upstream", acl.Observe, "press", ""),
		allow("upstream", acl.Emit, "clock", "**"))...))

	dev := quietRegistry(t)
	require.NoError(t, e.dial(dev, "mem://edge?as=device", router.ClientOptions{}).WaitConnected(e.ctx))
	connect := func(reg *sig.Registry, name sig.Name) *sig.Sender {
		s, err := reg.Connect(name, sig.Spec{Events: []sig.Name{"temp", "key"}, Requests: map[sig.Name]sig.RequestHandler{"get": nil1, "set": nil1}})
		require.NoError(t, err)
		require.NoError(t, reg.Sync(e.ctx))
		return s
	}
	press, vault := connect(dev, "press"), connect(dev, "vault")

	// At the hub.
	require.NoError(t, e.reg.Sync(e.ctx))
	got := make(chan sig.Event, 64)
	sub, err := sig.Subscribe(ctxHub.reg, "**", "**", func(ev sig.Event) {
		if !ev.Name.Reserved() {
			got <- ev
		}
	}, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(e.ctx))
	require.Eventually(t, func() bool { return len(ctxHub.reg.Senders()) == 1 }, patience, time.Millisecond)
	assert.EqualValues(t, "press", ctxHub.reg.Senders()[0].Sender)
	require.NoError(t, vault.Emit("temp", "no"))
	require.NoError(t, press.Emit("key", "no"))
	require.NoError(t, press.Emit("temp", "yes"))
	assert.Equal(t, "yes", receive(t, e.ctx, got).Data)
	_, err = ctxHub.reg.Request(e.ctx, "press", "get", nil)
	assert.NoError(t, err)
	_, err = ctxHub.reg.Request(e.ctx, "press", "set", nil)
	assert.ErrorIs(t, err, sig.ErrDenied)
	_, err = ctxHub.reg.Request(e.ctx, "vault", "get", nil)
	assert.ErrorIs(t, err, sig.ErrNoSender)

	// From the hub.
	clock, err := ctxHub.reg.Connect("clock", sig.Spec{Events: []sig.Name{"tick"}})
	require.NoError(t, err)
	_, err = ctxHub.reg.Connect("spy", sig.Spec{Events: []sig.Name{"tick"}})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(dev.Senders()) == 3 }, patience, time.Millisecond, "press, vault and clock")
	ticks := make(chan any, 64)
	sub, err = sig.Subscribe(dev, "**", "tick", func(ev sig.Event) { ticks <- ev.Data }, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(e.ctx))
	require.NoError(t, clock.Emit("tick", 1))
	assert.EqualValues(t, 1, receive(t, e.ctx, ticks))

	// A policy that trusts the hub with everything, and one that does not at all.
	e.srv.SetAuthorizer(policyOf(t, append(device, everything("upstream")...)...))
	require.Eventually(t, func() bool { return len(dev.Senders()) == 4 }, patience, time.Millisecond, "the spy is let in")
	require.Eventually(t, func() bool { return len(ctxHub.reg.Senders()) == 4 }, patience, time.Millisecond, "the vault as well")
	require.Eventually(t, func() bool { return vault.Emit("temp", "now") == nil && len(got) > 0 }, patience, time.Millisecond)
	e.srv.SetAuthorizer(policyOf(t, device...))
	require.Eventually(t, func() bool { return len(dev.Senders()) == 2 && len(ctxHub.reg.Senders()) == 2 }, patience, time.Millisecond)
	_, err = ctxHub.reg.Request(e.ctx, "press", "get", nil)
	assert.ErrorIs(t, err, sig.ErrNoSender)
}

// serverNamed is a network whose servers prove to clients that they are
// "upstream".
type serverNamed struct{ *mem.Network }

func (n serverNamed) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	c, err := n.Network.Dial(ctx, addr)
	return upstreamConn{c}, err
}

type upstreamConn struct{ carrier.Conn }

func (upstreamConn) Identity() (carrier.Identity, bool) {
	return carrier.Identity{ID: "upstream", Method: "test"}, true
}
