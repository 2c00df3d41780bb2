package router_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// policyOf compiles rules, each as "allow|deny WHO VERB SENDER NAME".
func policyOf(t testing.TB, rules ...acl.Rule) *acl.Policy {
	t.Helper()
	p, err := (&acl.Source{Rules: rules}).Compile()
	require.NoError(t, err)
	return p
}

func allow(who string, verb acl.Verb, sender, name sig.Name) acl.Rule {
	return acl.Rule{Label: fmt.Sprintf("allow %s %s %s %s", who, verb, sender, name), Allow: []acl.Verb{verb}, Principals: []string{who}, Sender: sender, Name: name}
}

func deny(who string, verb acl.Verb, sender, name sig.Name) acl.Rule {
	r := allow(who, verb, sender, name)
	r.Label, r.Allow, r.Deny = fmt.Sprintf("deny %s %s", who, verb), nil, r.Allow
	return r
}

// everything is all that somebody may do.
func everything(who string) []acl.Rule {
	return []acl.Rule{
		allow(who, acl.Emit, "**", "**"), allow(who, acl.Subscribe, "**", "**"), allow(who, acl.Request, "**", "**"),
		allow(who, acl.Respond, "**", "**"), allow(who, acl.Observe, "**", ""), allow(who, acl.Admin, "**", "**"),
	}
}

// joinAs connects a new registry as a principal.
func (h *hub) joinAs(who string) (*sig.Registry, *router.ClientRouter) {
	h.t.Helper()
	reg := quietRegistry(h.t)
	cr := h.dial(reg, "mem://hub?as="+who, router.ClientOptions{})
	require.NoError(h.t, cr.WaitConnected(h.ctx))
	return reg, cr
}

func TestEmitNeedsARule(t *testing.T) {
	var log audit
	h := newHubWith(t, router.AccessOptions{Audit: log.take, Authorizer: policyOf(t,
		allow("press", acl.Emit, "{self}", "telemetry/**"), allow("press", acl.Respond, "{self}", "config/*"))})
	reg, _ := h.joinAs("press")
	own, err := reg.Connect("press", sig.Spec{Events: []sig.Name{"telemetry/temp"}, Requests: map[sig.Name]sig.RequestHandler{"config/limit": nil1}})
	require.NoError(t, err)
	for name, row := range map[string]struct {
		sender sig.Name
		spec   sig.Spec
		want   string
	}{
		"another's name":        {"saw", sig.Spec{Events: []sig.Name{"telemetry/temp"}}, "emit saw telemetry/temp: no rule allows it"},
		"an event too many":     {"press", sig.Spec{Events: []sig.Name{"telemetry/temp", "alarm"}}, "emit press alarm"},
		"a method too many":     {"press", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"reset": nil1}}, "respond press reset"},
		"a default handler":     {"press", sig.Spec{Default: nil1}, "respond press **"},
		"nothing, but a name":   {"saw", sig.Spec{}, "respond saw **"},
		"a name within its own": {"press/sub", sig.Spec{Events: []sig.Name{"telemetry/temp"}}, "emit press/sub"},
	} {
		t.Run(name, func(t *testing.T) {
			reg, cr := h.joinAs("press")
			defer cr.Close()
			s, err := reg.Connect(row.sender, row.spec)
			require.NoError(t, err)
			receive(t, h.ctx, s.Done())
			require.ErrorIs(t, s.Err(), sig.ErrDenied)
			assert.ErrorContains(t, s.Err(), row.want)
		})
	}
	require.NoError(t, h.reg.Sync(h.ctx))
	require.Len(t, h.reg.Senders(), 1)
	assert.NoError(t, own.Err())
	rec := log.await(t, router.AuditDenied)
	assert.Equal(t, "press", rec.Principal.ID)
	assert.False(t, rec.Decision.Allowed)
	assert.EqualValues(t, 6, h.srv.Stats().Denials)
}

// nil1 is a handler that answers with nothing.
func nil1(context.Context, *sig.Request) (any, error) { return nil, nil }

// TestSubscribeNeedsARule: a pattern must lie within one, and a deny that overlaps
// it keeps single events back.
func TestSubscribeNeedsARule(t *testing.T) {
	h := newHubWith(t, router.AccessOptions{Authorizer: policyOf(t, append(everything("pi"),
		allow("desk", acl.Subscribe, "house/**", "**"), allow("desk", acl.Observe, "house/*", ""),
		deny("desk", acl.Subscribe, "**", "secret/**"))...)})
	desk, _ := h.joinAs("desk")
	pi, _ := h.joinAs("pi")
	for _, p := range []sig.Pattern{{Sender: "**", Event: "**"}, {Sender: "barn", Event: "temp"}, {Sender: "house/**", Event: "secret/*"}} {
		sub, err := sig.Subscribe(desk, p.Sender, p.Event, func(sig.Event) {}, nil)
		require.NoError(t, err)
		require.ErrorIs(t, sub.InForce(h.ctx), sig.ErrDenied, "%v", p)
	}
	got := make(chan sig.Event, 16)
	sub, err := sig.Subscribe(desk, "house/**", "**", func(ev sig.Event) { got <- ev }, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(h.ctx))
	kitchen, err := pi.Connect("house/kitchen", sig.Spec{Events: []sig.Name{"temp", "secret/key"}})
	require.NoError(t, err)
	require.NoError(t, pi.Sync(h.ctx))
	for range 3 {
		require.NoError(t, kitchen.Emit("secret/key", "1234"))
		require.NoError(t, kitchen.Emit("temp", 21))
	}
	for _, want := range []sig.Name{"#connect", "temp", "temp", "temp"} {
		assert.Equal(t, want, receive(t, h.ctx, got).Name)
	}
	require.NoError(t, pi.Sync(h.ctx))
	assert.Empty(t, got)
}

// TestObserveNeedsARule: who may not be observed is not there: no event, no list,
// no number on the line.
func TestObserveNeedsARule(t *testing.T) {
	h := newHubWith(t, router.AccessOptions{Authorizer: policyOf(t, append(everything("pi"),
		allow("desk", acl.Observe, "house/*", ""), allow("desk", acl.Subscribe, "bath", "temp"), allow("desk", acl.Request, "bath", "get"),
		allow("desk", acl.Subscribe, "**", "nothing"))...)})
	pi, _ := h.joinAs("pi")
	connect := func(name sig.Name) *sig.Sender {
		s, err := pi.Connect(name, sig.Spec{Events: []sig.Name{"first", "temp"}, Requests: map[sig.Name]sig.RequestHandler{"get": nil1, "set": nil1}})
		require.NoError(t, err)
		return s
	}
	early := []*sig.Sender{connect("house/kitchen"), connect("cellar"), connect("bath")}
	require.NoError(t, pi.Sync(h.ctx))
	desk, _ := h.joinAs("desk")
	seen := make(chan string, 16)
	_, err := desk.Watch(sig.Any, func(c sig.PresenceChange) { seen <- c.Kind.String() + " " + string(c.Sender) }, nil)
	require.NoError(t, err)
	late := connect("house/hall")
	require.NoError(t, pi.Sync(h.ctx))
	require.NoError(t, desk.Sync(h.ctx))
	assert.Len(t, desk.Senders(), 2)

	got := make(chan any, 4)
	sub, err := sig.Subscribe(desk, "bath", "temp", func(ev sig.Event) { got <- ev.Data }, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(h.ctx))
	require.NoError(t, early[2].Emit("temp", 20))
	assert.EqualValues(t, 20, receive(t, h.ctx, got), "who may not be observed may be heard")
	_, err = desk.Request(h.ctx, "bath", "get", nil)
	assert.NoError(t, err, "and asked")
	_, err = desk.Request(h.ctx, "bath", "set", nil)
	assert.ErrorIs(t, err, sig.ErrNoMethod, "what it may not be asked is not there")
	_, err = desk.Request(h.ctx, "cellar", "get", nil)
	assert.ErrorIs(t, err, sig.ErrNoSender, "as if it were not there")

	for _, s := range append(early, late) {
		s.Disconnect("done")
	}
	require.NoError(t, pi.Sync(h.ctx))
	require.NoError(t, desk.Sync(h.ctx))
	for _, want := range []string{"present house/kitchen", "snapshot done ", "connected house/hall", "disconnected house/kitchen", "disconnected house/hall"} {
		assert.Equal(t, want, receive(t, h.ctx, seen))
	}
	assert.Empty(t, seen)
}

// TestUnseenOnTheLine: nothing of a sender that a peer may neither observe nor
// hear nor ask is among its frames, and its number is that of nobody.
func TestUnseenOnTheLine(t *testing.T) {
	h := newHubWith(t, router.AccessOptions{Authorizer: policyOf(t, append(everything("pi"), allow("desk", acl.Subscribe, "bath", "temp"))...)})
	pi := h.guestAs("pi", wire.Hello{ID: wire.NodeID{2}})
	for _, features := range []wire.Features{wire.FeatureHidden, 0} {
		desk := h.guestAs("desk", wire.Hello{ID: wire.NodeID{3, byte(features)}, Features: features})
		pi.send(wire.Connect{Sender: 1, Route: 0, Name: "cellar", Events: []string{"temp"}, Requests: []string{"get"}},
			wire.Connect{Sender: 2, Route: 1, Name: "bath", Events: []string{"other", "temp"}, Requests: []string{"get"}}, wire.Sync{ID: 1})
		pi.await(wire.TypeSynced)
		desk.send(wire.Ping{Nonce: 1})
		var shown []wire.Connect
		for {
			frame := desk.next()
			if typ, _ := wire.TypeOf(frame); typ == wire.TypePong {
				break
			}
			var c wire.Connect
			require.NoError(t, c.Decode(frame))
			shown = append(shown, c)
		}
		if features == 0 {
			assert.Empty(t, shown, "a client that cannot hide it is not told")
		} else {
			require.Len(t, shown, 1)
			assert.True(t, shown[0].Hidden)
			assert.Equal(t, []string{"~0", "temp"}, shown[0].Events)
			assert.Empty(t, shown[0].Requests)
		}
		for n := range uint32(8) { // whatever the number
			desk.send(wire.Request{ID: uint64(n) + 1, Sender: n, Method: "get"})
			var r wire.Reply
			require.NoError(t, r.Decode(desk.await(wire.TypeReply)))
			assert.Contains(t, []uint16{wire.CodeNoSender, wire.CodeDenied}, r.Code)
			if len(shown) == 0 || n != shown[0].Sender {
				assert.EqualValues(t, wire.CodeNoSender, r.Code)
			}
		}
		desk.send(wire.Credit{Route: 0, Count: 1})
		desk.round()
		pi.send(wire.Disconnect{Sender: 1}, wire.Disconnect{Sender: 2})
		pi.round()
		desk.conn.Close()
	}
}

// TestRequestNeedsARule: decided once for a method, told to the requester with
// the rule.
func TestRequestNeedsARule(t *testing.T) {
	h := newHubWith(t, router.AccessOptions{Authorizer: policyOf(t, append(everything("pi"),
		allow("desk", acl.Observe, "**", ""), allow("desk", acl.Request, "**", "get"), deny("desk", acl.Request, "vault", "**"))...)})
	pi, _ := h.joinAs("pi")
	for _, name := range []sig.Name{"lamp", "vault"} {
		_, err := pi.Connect(name, sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"get": nil1, "set": nil1}})
		require.NoError(t, err)
	}
	_, err := h.reg.Connect("here", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"get": nil1, "set": nil1}})
	require.NoError(t, err)
	require.NoError(t, pi.Sync(h.ctx))
	desk, _ := h.joinAs("desk")
	for range 2 {
		for _, name := range []sig.Name{"lamp", "here"} {
			_, err = desk.Request(h.ctx, name, "get", nil)
			require.NoError(t, err)
			_, err = desk.Request(h.ctx, name, "set", nil)
			require.ErrorIs(t, err, sig.ErrDenied)
			assert.ErrorContains(t, err, "no rule allows it")
		}
		_, err = desk.Request(h.ctx, "vault", "get", nil)
		require.ErrorIs(t, err, sig.ErrDenied)
		assert.ErrorContains(t, err, `rule 9 "deny desk request" denies it`)
	}
	_, err = h.reg.Request(h.ctx, "vault", "set", nil)
	assert.NoError(t, err, "the router's own process is not restricted")
}

// TestTakeOverByPrincipal (P10): the same principal takes its name over, which is
// told to the audit; another one does not, whatever the policy allows it.
func TestTakeOverByPrincipal(t *testing.T) {
	var log audit
	h := newHubWith(t, router.AccessOptions{Audit: log.take, Authorizer: policyOf(t, append(everything("joe"), everything("eve")...)...)})
	connect := func(who string) *sig.Sender {
		reg := quietRegistry(t)
		s, err := reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
		require.NoError(t, err)
		require.NoError(t, h.dial(reg, "mem://hub?as="+who, router.ClientOptions{}).WaitConnected(h.ctx))
		return s
	}
	first := connect("joe")
	eve := connect("eve")
	receive(t, h.ctx, eve.Done())
	require.ErrorIs(t, eve.Err(), sig.ErrNameTaken)
	assert.NotContains(t, eve.Err().Error(), "joe")
	connect("joe")
	receive(t, h.ctx, first.Done())
	require.ErrorIs(t, first.Err(), sig.ErrNameTaken)
	rec := log.await(t, router.AuditTakeover)
	assert.Equal(t, "joe", rec.Principal.ID)
	assert.EqualValues(t, "kitchen", rec.Decision.Question.Sender)
	assert.Len(t, log.of(router.AuditTakeover), 1)
}

// TestRevocation: what a new policy does not allow ends, with a reason, while what
// it allows goes on.
func TestRevocation(t *testing.T) {
	all := append(everything("pi"), everything("desk")...)
	var log audit
	h := newHubWith(t, router.AccessOptions{Audit: log.take, Authorizer: policyOf(t, all...)})
	pi, _ := h.joinAs("pi")
	started, release := make(chan struct{}, 8), make(chan struct{})
	slow := func(ctx context.Context, _ *sig.Request) (any, error) {
		started <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return "slow", nil
	}
	kitchen, err := pi.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp", "smoke"}, Requests: map[sig.Name]sig.RequestHandler{"get": slow, "set": slow}})
	require.NoError(t, err)
	cellar, err := pi.Connect("cellar", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	_, err = h.reg.Connect("here", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"set": slow}})
	require.NoError(t, err)
	require.NoError(t, pi.Sync(h.ctx))

	warned := make(chan sig.Warning, 16)
	desk := sig.New(&sig.Options{OnWarning: func(w sig.Warning) { warned <- w }})
	defer desk.Close()
	require.NoError(t, h.dial(desk, "mem://hub?as=desk", router.ClientOptions{}).WaitConnected(h.ctx))
	got := make(chan sig.Event, 64)
	take := func(ev sig.Event) { got <- ev }
	for _, e := range []sig.Name{"temp", "smoke"} {
		sub, err := sig.Subscribe(desk, "kitchen", e, take, nil)
		require.NoError(t, err)
		require.NoError(t, sub.InForce(h.ctx))
	}
	wide, err := sig.Subscribe(desk, "cellar", sig.Any, func(ev sig.Event) { got <- ev }, nil)
	require.NoError(t, err)
	require.NoError(t, wide.InForce(h.ctx))
	failed := make(chan error, 3)
	for _, to := range []sig.Name{"kitchen", "here"} {
		go func() { _, err := desk.Request(h.ctx, to, "set", nil); failed <- err }()
		receive(t, h.ctx, started)
	}
	allowed := make(chan error, 1)
	go func() { _, err := desk.Request(h.ctx, "kitchen", "get", nil); allowed <- err }()
	receive(t, h.ctx, started)
	require.NoError(t, kitchen.Emit("temp", 1))
	require.Equal(t, sig.Name("temp"), receive(t, h.ctx, got).Name)

	// desk may no longer: hear smoke, hear the cellar's temp, ask to set; pi: be the cellar.
	h.srv.SetAuthorizer(policyOf(t, append(all,
		deny("desk", acl.Subscribe, "kitchen", "smoke"), deny("desk", acl.Request, "**", "set"), deny("pi", acl.Emit, "cellar", "**"))...))
	for range 2 {
		err := receive(t, h.ctx, failed)
		require.ErrorIs(t, err, sig.ErrDenied)
		assert.ErrorContains(t, err, `"deny desk request" denies it`)
	}
	receive(t, h.ctx, cellar.Done())
	require.ErrorIs(t, cellar.Err(), sig.ErrDenied)
	assert.ErrorContains(t, cellar.Err(), `"deny pi emit" denies it`)
	w := receive(t, h.ctx, warned)
	require.ErrorIs(t, w.Err, sig.ErrDenied)
	assert.EqualValues(t, "smoke", w.Event)
	require.NoError(t, kitchen.Emit("smoke", 1))
	require.NoError(t, kitchen.Emit("temp", 2))
	for ev := range got { // the cellar's #disconnect is among them
		if ev.Name == "#disconnect" {
			assert.NotContains(t, ev.Data.(sig.Presence).Reason, "rule", "which rule it was is for its owner")
			continue
		}
		require.Equal(t, sig.Name("temp"), ev.Name)
		break
	}
	close(release)
	require.NoError(t, receive(t, h.ctx, allowed), "what is still allowed goes on")
	require.Eventually(t, func() bool { return len(log.of(router.AuditRevoked)) == 4 }, patience, time.Millisecond)

	// All is allowed again: the client asks anew.
	h.srv.SetAuthorizer(policyOf(t, all...))
	_, err = desk.Request(h.ctx, "kitchen", "set", nil)
	assert.NoError(t, err)
	again, err := pi.Connect("cellar", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	require.NoError(t, pi.Sync(h.ctx))
	assert.NoError(t, again.Err())
}

// TestGroupsChange: who is put into a group, or taken out of it, by a new policy has
// its rights on the connection that is open.
func TestGroupsChange(t *testing.T) {
	operators := func(members ...string) *acl.Policy {
		in := []string{"operators"}
		p, err := (&acl.Source{Groups: []acl.Group{{Name: "operators", Members: members}}, Rules: []acl.Rule{
			{Allow: []acl.Verb{acl.Subscribe}, Groups: in, Sender: "**", Name: "**"},
			{Allow: []acl.Verb{acl.Emit}, Groups: in, Sender: "{group}/**", Name: "**"},
		}}).Compile()
		require.NoError(t, err)
		return p
	}
	h := newHubWith(t, router.AccessOptions{Authorizer: operators("ops/*")})
	tank, err := h.reg.Connect("tank", sig.Spec{Events: []sig.Name{"level"}})
	require.NoError(t, err)
	reg, _ := h.joinAs("anna")
	since := h.srv.Clients()[0].Since
	got := make(chan any, 8)
	subscribe := func() error {
		sub, err := sig.Subscribe(reg, "tank", "level", func(ev sig.Event) { got <- ev.Data }, nil)
		require.NoError(t, err)
		defer func() {
			if err != nil {
				sub.Unsubscribe()
			}
		}()
		err = sub.InForce(h.ctx)
		return err
	}
	require.ErrorIs(t, subscribe(), sig.ErrDenied)

	h.srv.SetAuthorizer(operators("ops/*", "anna"))
	require.NoError(t, subscribe())
	require.NoError(t, tank.Emit("level", 1))
	require.EqualValues(t, 1, receive(t, h.ctx, got))
	own, err := reg.Connect("operators/anna", sig.Spec{Events: []sig.Name{"e"}})
	require.NoError(t, err)
	require.NoError(t, reg.Sync(h.ctx))
	require.NoError(t, own.Err())

	h.srv.SetAuthorizer(operators("ops/*"))
	receive(t, h.ctx, own.Done())
	require.ErrorIs(t, own.Err(), sig.ErrDenied)
	require.NoError(t, tank.Emit("level", 2))
	require.NoError(t, reg.Sync(h.ctx))
	require.Empty(t, got)
	require.Equal(t, since, h.srv.Clients()[0].Since, "all on one connection")
}

// TestDeliveryFilterChanges: a deny that a new policy brings takes single events
// out of a subscription that stays, and a policy without it brings them back.
func TestDeliveryFilterChanges(t *testing.T) {
	all := append(everything("pi"), everything("desk")...)
	h := newHubWith(t, router.AccessOptions{Authorizer: policyOf(t, all...)})
	pi, _ := h.joinAs("pi")
	kitchen, err := pi.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp", "smoke"}})
	require.NoError(t, err)
	desk, _ := h.joinAs("desk")
	got := make(chan any, 64)
	sub, err := sig.Subscribe(desk, sig.Any, sig.Any, func(ev sig.Event) {
		if !ev.Name.Reserved() {
			got <- ev.Data
		} else if ev.Name == sig.EventLost {
			t.Errorf("%v", ev)
		}
	}, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(h.ctx))
	n := 0
	for range 20 {
		h.srv.SetAuthorizer(policyOf(t, append(all, deny("desk", acl.Subscribe, "**", "smoke"))...))
		require.NoError(t, kitchen.Emit("smoke", "no"))
		require.NoError(t, kitchen.Emit("temp", n))
		assert.EqualValues(t, n, receive(t, h.ctx, got))
		h.srv.SetAuthorizer(policyOf(t, all...))
		require.NoError(t, h.reg.Sync(h.ctx))
		n++
		require.NoError(t, kitchen.Emit("smoke", -n))
		assert.EqualValues(t, -n, receive(t, h.ctx, got))
	}
}

// TestViewChanges: senders come and go as the policy lets a peer know of them, and
// what it hears of them goes on.
func TestViewChanges(t *testing.T) {
	base := append(everything("pi"), allow("desk", acl.Subscribe, "kitchen", "temp"))
	full := append(base[:len(base):len(base)], allow("desk", acl.Observe, "**", ""))
	none := everything("pi")
	h := newHubWith(t, router.AccessOptions{Authorizer: policyOf(t, base...)})
	pi, _ := h.joinAs("pi")
	kitchen, err := pi.Connect("kitchen", sig.Spec{Events: []sig.Name{"smoke", "temp"}})
	require.NoError(t, err)
	_, err = h.reg.Connect("here", sig.Spec{Events: []sig.Name{"x"}})
	require.NoError(t, err)
	require.NoError(t, pi.Sync(h.ctx))
	desk, _ := h.joinAs("desk")
	changes := make(chan string, 256)
	_, err = desk.Watch(sig.Any, func(c sig.PresenceChange) { changes <- c.Kind.String() + " " + string(c.Sender) }, nil)
	require.NoError(t, err)
	require.Equal(t, "snapshot done ", receive(t, h.ctx, changes))
	var heard atomic.Int64
	sub, err := sig.Subscribe(desk, "kitchen", "temp", func(sig.EventOf[int]) { heard.Add(1) }, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(h.ctx))
	for range 5 {
		h.srv.SetAuthorizer(policyOf(t, full...))
		assert.ElementsMatch(t, []string{"connected kitchen", "connected here"}, []string{receive(t, h.ctx, changes), receive(t, h.ctx, changes)})
		before := heard.Load()
		require.Eventually(t, func() bool {
			return kitchen.Emit("temp", 1) == nil && heard.Load() > before
		}, patience, time.Millisecond)
		h.srv.SetAuthorizer(policyOf(t, base...))
		assert.ElementsMatch(t, []string{"disconnected kitchen", "disconnected here"}, []string{receive(t, h.ctx, changes), receive(t, h.ctx, changes)})
		before = heard.Load()
		require.Eventually(t, func() bool { return kitchen.Emit("temp", 1) == nil && heard.Load() > before }, patience, time.Millisecond)
	}
	h.srv.SetAuthorizer(policyOf(t, none...))
	require.NoError(t, desk.Sync(h.ctx))
	before := heard.Load()
	require.NoError(t, kitchen.Emit("temp", 1))
	require.NoError(t, pi.Sync(h.ctx))
	require.NoError(t, desk.Sync(h.ctx))
	assert.Equal(t, before, heard.Load())
	assert.Empty(t, changes)
	assert.Zero(t, h.srv.Stats().Violations)
}

// TestShadow tells what a policy would change, before it is in force and without
// effect.
func TestShadow(t *testing.T) {
	var log audit
	h := newHubWith(t, router.AccessOptions{})
	pi, _ := h.joinAs("pi")
	_, err := pi.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}, Requests: map[sig.Name]sig.RequestHandler{"get": nil1}})
	require.NoError(t, err)
	require.NoError(t, pi.Sync(h.ctx))
	desk, _ := h.joinAs("desk")
	sub, err := sig.Subscribe(desk, "kitchen", "temp", func(sig.Event) {}, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(h.ctx))
	h.srv.SetShadow(policyOf(t, append(everything("pi"), allow("desk", acl.Observe, "**", ""))...), log.take)
	require.Eventually(t, func() bool { return len(log.of(router.AuditShadow)) == 1 }, patience, time.Millisecond)
	rec := log.of(router.AuditShadow)[0]
	assert.Equal(t, "desk", rec.Principal.ID)
	assert.True(t, rec.Decision.Allowed)
	assert.Equal(t, "subscribe kitchen temp: denied: no rule allows it", rec.Shadow.String())
	_, err = desk.Request(h.ctx, "kitchen", "get", nil)
	require.NoError(t, err, "it is only a shadow")
	require.Eventually(t, func() bool { return len(log.of(router.AuditShadow)) == 2 }, patience, time.Millisecond)
	h.srv.SetShadow(nil, nil)
	_, err = desk.Request(h.ctx, "kitchen", "get", nil)
	require.NoError(t, err)
	assert.Len(t, log.of(router.AuditShadow), 2)
	assert.Zero(t, h.srv.Stats().Denials)
}
