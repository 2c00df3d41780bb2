package router_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestEveryOperationNeedsARule: under a policy that allows somebody one thing, everything
// else is denied: each verb there is, and each method of the router itself.
func TestEveryOperationNeedsARule(t *testing.T) {
	h := newAdminHub(t, router.AccessOptions{Authorizer: policyOf(t, acl.Rule{
		Label: "knows", Allow: []acl.Verb{acl.Observe}, Principals: []string{"joe"}, Sender: "k",
	})})
	serve(t, h.reg, func(context.Context, *sig.Request) (any, error) { return 1, nil })
	_, err := h.reg.Connect("secret", sig.Spec{Events: []sig.Name{"e"}})
	require.NoError(t, err)
	g := h.guestAs("joe", wire.Hello{Features: wire.FeatureHidden})
	var k wire.Connect
	require.NoError(t, k.Decode(g.await(wire.TypeConnect)))
	require.Equal(t, "k", k.Name)

	tried := map[acl.Verb]bool{acl.Observe: true} // "secret" is not announced, see below
	denied := func(verb acl.Verb, e envelope, code func(frame []byte) (uint16, bool)) {
		t.Helper()
		tried[verb] = true
		g.send(e, wire.Ping{Nonce: 1})
		answered := false
		for {
			frame := g.next()
			if got, _ := wire.TypeOf(frame); got == wire.TypePong {
				break
			}
			var c wire.Connect
			require.False(t, c.Decode(frame) == nil && c.Name != "k", "it is shown %q", c.Name)
			if n, is := code(frame); is {
				require.EqualValues(t, wire.CodeDenied, n, "%s", verb)
				answered = true
			}
		}
		require.True(t, answered, "%s: nothing is refused", verb)
	}
	connected := func(f []byte) (uint16, bool) { var e wire.Connected; err := e.Decode(f); return e.Code, err == nil }
	refused := func(f []byte) (uint16, bool) { var e wire.Refused; err := e.Decode(f); return e.Code, err == nil }
	replied := func(f []byte) (uint16, bool) { var e wire.Reply; err := e.Decode(f); return e.Code, err == nil }

	denied(acl.Emit, wire.Connect{Sender: 1, Route: 0, Epoch: 1, Name: "a", Events: []string{"e"}}, connected)
	denied(acl.Respond, wire.Connect{Sender: 2, Route: 5, Epoch: 1, Name: "b", Requests: []string{"m"}}, connected)
	denied(acl.Respond, wire.Connect{Sender: 3, Route: 6, Epoch: 1, Name: "c", Default: true}, connected)
	denied(acl.Emit, wire.Connect{Sender: 4, Route: 7, Epoch: 1, Name: "d"}, connected)
	denied(acl.Subscribe, wire.Subscribe{Sender: "k", Event: "e"}, refused)
	denied(acl.Subscribe, wire.Subscribe{Sender: "**", Event: "**"}, refused)
	denied(acl.Request, wire.Request{ID: 1, Sender: k.Sender, Method: "m"}, replied)
	denied(acl.Request, wire.Request{ID: 2, Sender: k.Sender, Method: "none"}, replied)
	for i, method := range []string{"stats", "connections", "reload", "none"} {
		denied(acl.Admin, wire.Request{ID: uint64(10 + i), Sender: math.MaxUint32, Method: method}, replied)
	}
	for _, verb := range acl.Verbs() {
		require.True(t, tried[verb], "%s is not tried", verb)
	}
}
