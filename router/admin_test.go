package router_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// newAdminHub makes a hub with a method "reload" that tells who has called it.
func newAdminHub(t *testing.T, access router.AccessOptions) *hub {
	t.Helper()
	h := newHubWith(t, access)
	require.NoError(t, h.srv.Close())
	var err error
	h.srv, err = router.NewServerRouter(h.reg, &router.ServerOptions{
		Carriers: []carrier.Carrier{h.network, tcp.New(nil)}, Codecs: []codec.Codec{json.New()}, Access: access, Logger: slog.New(slog.DiscardHandler),
		Admin: map[sig.Name]sig.RequestHandler{"reload": func(ctx context.Context, _ *sig.Request) (any, error) {
			p, ok := router.Caller(ctx)
			if !ok {
				return nil, assert.AnError
			}
			return p.ID, nil
		}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { h.srv.Close() })
	_, err = h.srv.Listen(h.ctx, "mem://hub")
	require.NoError(t, err)
	return h
}

func TestAdmin(t *testing.T) {
	var log audit
	h := newAdminHub(t, router.AccessOptions{Audit: log.take})
	desk, cr := h.joinAs("anna")
	sub, err := sig.Subscribe(desk, "**", "**", func(sig.Event) {}, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(h.ctx))
	_, err = desk.Connect("lamp", sig.Spec{})
	require.NoError(t, err)
	require.NoError(t, desk.Sync(h.ctx))

	var list []router.Connection
	require.NoError(t, cr.Admin(h.ctx, "connections", nil, &list))
	require.Len(t, list, 1)
	c := list[0]
	assert.Equal(t, "anna", c.Principal)
	assert.Equal(t, "mem", c.Carrier)
	assert.Equal(t, 1, c.Senders)
	assert.Equal(t, 1, c.Subscriptions)
	assert.WithinDuration(t, time.Now(), c.Since, time.Minute)
	var who string
	require.NoError(t, cr.Admin(h.ctx, "reload", nil, &who))
	assert.Equal(t, "anna", who)
	require.ErrorIs(t, cr.Admin(h.ctx, "nothing", nil, nil), sig.ErrNoMethod)
	require.ErrorIs(t, cr.Admin(h.ctx, "#bad", nil, nil), sig.ErrBadName)
	assert.Len(t, desk.Senders(), 1, "the router is no sender that anybody sees")
	require.Eventually(t, func() bool { return len(log.of(router.AuditAdmin)) == 3 }, patience, time.Millisecond)
	rec := log.of(router.AuditAdmin)
	assert.Equal(t, sig.Name("connections"), rec[0].Decision.Question.Name)
	assert.Equal(t, acl.Admin, rec[0].Decision.Question.Verb)
	assert.NotEmpty(t, rec[2].Reason)
}

// TestAdminNeedsARule: where there is a policy, where somebody is counts nothing.
func TestAdminNeedsARule(t *testing.T) {
	var log audit
	h := newAdminHub(t, router.AccessOptions{Audit: log.take, Authorizer: policyOf(t, allow("anna", acl.Admin, "**", "connections"), deny("eve", acl.Admin, "**", "**"))})
	_, anna := h.joinAs("anna")
	require.NoError(t, anna.Admin(h.ctx, "connections", nil, nil))
	require.ErrorIs(t, anna.Admin(h.ctx, "reload", nil, nil), sig.ErrDenied)
	_, eve := h.joinAs("eve")
	err := eve.Admin(h.ctx, "connections", nil, nil)
	require.ErrorIs(t, err, sig.ErrDenied)
	assert.ErrorContains(t, err, `"deny eve admin" denies it`)
	require.Eventually(t, func() bool { return len(log.of(router.AuditDenied)) == 2 }, patience, time.Millisecond)
	assert.EqualValues(t, "eve", log.of(router.AuditDenied)[1].Principal.ID)
}

// TestAdminFromElsewhere: without a policy, who may come from another machine may
// not.
func TestAdminFromElsewhere(t *testing.T) {
	h := newAdminHub(t, router.AccessOptions{})
	for listen, want := range map[string]error{"tcp://127.0.0.1:0": nil, "tcp://0.0.0.0:0": sig.ErrDenied} {
		addr, err := h.srv.Listen(h.ctx, listen)
		require.NoError(t, err)
		cr := h.dial(quietRegistry(t), addr, router.ClientOptions{Carriers: []carrier.Carrier{tcp.New(nil)}})
		require.NoError(t, cr.WaitConnected(h.ctx))
		assert.ErrorIs(t, cr.Admin(h.ctx, "connections", nil, nil), want, listen)
	}
}

// TestAdminOfAClient: who is no server has nothing to administer.
func TestAdminOfAClient(t *testing.T) {
	p := newPeer(t)
	p.send(p.welcome())
	require.NoError(t, p.cr.WaitConnected(p.syncing()))
	p.send(wire.Request{ID: 1, Sender: 1<<32 - 1, Method: "connections"})
	var r wire.Reply
	require.NoError(t, r.Decode(p.await(wire.TypeReply)))
	assert.EqualValues(t, wire.CodeNoSender, r.Code, "a client cannot be asked as a router")
}

// syncing answers barriers in the background, so that the client gets connected.
func (p *peer) syncing() context.Context {
	var s wire.Sync
	require.NoError(p.t, s.Decode(p.await(wire.TypeSync)))
	p.send(wire.Synced(s))
	return p.ctx
}

// TestRepliesOfOthers: a reply from whoever was not asked has no effect, nor has
// one that comes twice or late (P10).
func TestRepliesOfOthers(t *testing.T) {
	h := newHub(t, router.Limits{})
	owner := h.guestAs("owner", wire.Hello{ID: wire.NodeID{2}})
	owner.send(wire.Connect{Sender: 1, Name: "lamp", Requests: []string{"get"}})
	owner.await(wire.TypeConnected)
	desk := h.guestAs("desk", wire.Hello{ID: wire.NodeID{3}})
	var lamp wire.Connect
	require.NoError(t, lamp.Decode(desk.await(wire.TypeConnect)))
	ask := func(id uint64) wire.Request {
		desk.send(wire.Request{ID: id, Sender: lamp.Sender, Method: "get", Payload: []byte("1")})
		var r wire.Request
		require.NoError(t, r.Decode(owner.await(wire.TypeRequest)))
		return r
	}
	answer := func() (r wire.Reply) {
		require.NoError(t, r.Decode(desk.await(wire.TypeReply)))
		return r
	}
	first := ask(1)

	for i, id := range []uint64{first.ID, 2, 3, 1 << 40} { // whatever number a forger takes
		forger := h.guestAs("eve", wire.Hello{ID: wire.NodeID{4, byte(i)}})
		forger.send(wire.Reply{ID: id, Payload: []byte(`"forged"`)})
		var bye wire.Goodbye
		require.NoError(t, bye.Decode(forger.await(wire.TypeGoodbye)))
		assert.EqualValues(t, wire.CodeProtocol, bye.Code)
	}
	owner.send(wire.Reply{ID: first.ID, Payload: []byte(`"true"`)}, wire.Reply{ID: first.ID, Payload: []byte(`"again"`)})
	assert.Equal(t, `"true"`, string(answer().Payload))

	late := ask(2)
	desk.send(wire.Cancel{ID: 2})
	owner.await(wire.TypeCancel)
	owner.send(wire.Reply{ID: late.ID, Payload: []byte(`"late"`)})
	owner.round()
	third := ask(3)
	owner.send(wire.Reply{ID: first.ID, Payload: []byte(`"once more"`)}, wire.Reply{ID: third.ID, Payload: []byte(`"third"`)})
	r := answer()
	assert.EqualValues(t, 3, r.ID)
	assert.Equal(t, `"third"`, string(r.Payload))
	assert.NotContains(t, desk.round(), wire.TypeReply)
	owner.round()
}
