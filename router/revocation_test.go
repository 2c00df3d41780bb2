package router_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestRevocationAtScale: a new policy takes something from every client at once: one
// of its two subscriptions, its request under way, and its sender from one of 500: that
// takes longer, since all others have to hear of it.
// All have been told, by code denied, within GOSIG_WITHIN; the number of clients is
// GOSIG_SCALE. Both are generous by default, since other tests run beside this one;
// "make hostile" has 10,000 clients.
func TestRevocationAtScale(t *testing.T) {
	clients, within := 300, patience
	if n := os.Getenv("GOSIG_SCALE"); n != "" {
		_, err := fmt.Sscan(n, &clients)
		require.NoError(t, err)
	}
	if d := os.Getenv("GOSIG_WITHIN"); d != "" {
		var err error
		within, err = time.ParseDuration(d)
		require.NoError(t, err)
	}
	h := newRevocation(t)
	var guests []*guest
	for i := range clients {
		guests = append(guests, h.client(i))
	}
	start := time.Now()
	h.srv.SetAuthorizer(policyOf(t, append(revocable, revocation...)...))
	inForce := time.Since(start)
	for i, g := range guests {
		g.hasLost(t, i%senderEach == 0)
	}
	told := time.Since(start)
	t.Logf("%d clients: in force after %v, the last one knows after %v", clients, inForce, told)
	require.Less(t, told, within)
}

// senderEach: one of so many clients has a sender.
const senderEach = 500

var (
	revocable = []acl.Rule{
		{Label: "own", Allow: []acl.Verb{acl.Emit}, Principals: []string{"**"}, Sender: "{self}", Name: "**"},
		{Label: "hear", Allow: []acl.Verb{acl.Subscribe}, Principals: []string{"**"}, Sender: "plant/*", Name: "**"},
		{Label: "ask", Allow: []acl.Verb{acl.Request}, Principals: []string{"**"}, Sender: "plant/*", Name: "**"},
		{Label: "see", Allow: []acl.Verb{acl.Observe}, Principals: []string{"**"}, Sender: "plant/*"},
	}
	revocation = []acl.Rule{
		{Label: "no keys", Deny: []acl.Verb{acl.Subscribe}, Principals: []string{"**"}, Sender: "plant/*", Name: "key"},
		{Label: "not so long", Deny: []acl.Verb{acl.Request}, Principals: []string{"**"}, Sender: "plant/*", Name: "wait"},
		{Label: "no more", Deny: []acl.Verb{acl.Emit}, Principals: []string{"**"}, Sender: "**", Name: "own"},
	}
)

// newRevocation makes a hub under a policy, with 20 senders that all may know of.
func newRevocation(t *testing.T) *hub {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	h := &hub{t: t, ctx: ctx, network: mem.New(), name: "hub", reg: quietRegistry(t)}
	var err error
	h.srv, err = router.NewServerRouter(h.reg, &router.ServerOptions{
		Carriers: []carrier.Carrier{h.network}, Codecs: []codec.Codec{raw.New()}, Logger: slog.New(slog.DiscardHandler),
		Access: router.AccessOptions{Authorizer: policyOf(t, revocable...)},
	})
	require.NoError(t, err)
	t.Cleanup(func() { h.srv.Close() })
	_, err = h.srv.Listen(ctx, "mem://hub")
	require.NoError(t, err)
	waits := func(ctx context.Context, _ *sig.Request) (any, error) { <-ctx.Done(); return nil, ctx.Err() }
	for i := range 20 {
		_, err := h.reg.Connect(sig.Name(fmt.Sprint("plant/", i)), sig.Spec{
			Events: []sig.Name{"temp", "key"}, Requests: map[sig.Name]sig.RequestHandler{"wait": waits},
		})
		require.NoError(t, err)
	}
	return h
}

// client is one with something to lose.
func (h *hub) client(i int) *guest {
	g := h.knockAs(fmt.Sprint("c", i))
	g.send(wire.Hello{MinVersion: 1, MaxVersion: 1, ID: wire.NodeID{1, byte(i), byte(i >> 8)}, Codecs: []string{"raw"}, Features: wire.FeatureHidden})
	require.NoError(h.t, g.welcome.Decode(g.next()))
	var c wire.Connect
	require.NoError(h.t, c.Decode(g.await(wire.TypeConnect)))
	if i%senderEach == 0 {
		g.send(wire.Connect{Sender: 1, Route: 0, Epoch: 1, Name: fmt.Sprint("c", i), Events: []string{"own"}})
	}
	g.send(
		wire.Subscribe{Sender: "plant/*", Event: "key"}, wire.Subscribe{Sender: "plant/*", Event: "temp"},
		wire.Request{ID: 1, Sender: c.Sender, Method: "wait"}, wire.Ping{Nonce: 1},
	)
	g.await(wire.TypePong)
	return g
}

// hasLost takes in that everything is over which the new policy forbids.
func (g *guest) hasLost(t *testing.T, sender bool) {
	t.Helper()
	left := map[wire.Type]bool{wire.TypeRefused: true, wire.TypeReply: true}
	if sender {
		left[wire.TypeDisconnect] = true
	}
	for len(left) > 0 {
		frame := g.next()
		var rf wire.Refused
		var rp wire.Reply
		var d wire.Disconnect
		typ, _ := wire.TypeOf(frame)
		switch {
		case rf.Decode(frame) == nil:
			require.Equal(t, "key", rf.Event)
			require.EqualValues(t, wire.CodeDenied, rf.Code)
		case rp.Decode(frame) == nil:
			require.EqualValues(t, wire.CodeDenied, rp.Code, rp.Text)
		case d.Decode(frame) == nil && d.Yours:
			require.EqualValues(t, wire.CodeDenied, d.Code, d.Reason)
		default:
			continue
		}
		delete(left, typ)
	}
}
