package router_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestPlacesAreKeptForOthers (P8): who asks one sender without end gets most of what
// it can have under way, by however many connections, and never all of it.
func TestPlacesAreKeptForOthers(t *testing.T) {
	h := newLimitedHub(t, router.ServerOptions{Limits: router.Limits{PendingRequests: 16}})
	owner := h.guestAs("owner", wire.Hello{ID: wire.NodeID{1}})
	owner.send(wire.Connect{Sender: 1, Epoch: 1, Name: "slow", Requests: []string{"m"}})
	owner.round()
	number := func(g *guest) uint32 {
		var c wire.Connect
		require.NoError(t, c.Decode(g.await(wire.TypeConnect)))
		return c.Sender
	}
	ask := func(g *guest, to uint32, n int) {
		for id := range n {
			g.send(wire.Request{ID: uint64(id + 1), Sender: to, Method: "m"})
		}
	}
	busy := func(g *guest, n int) {
		t.Helper()
		for range n {
			var r wire.Reply
			require.NoError(t, r.Decode(g.await(wire.TypeReply)))
			assert.Equal(t, sig.CodeBusy, sig.Code(r.Code), r.Text)
		}
	}
	under := func() (n int) {
		for _, c := range h.srv.Connections() {
			n += c.Requests
		}
		return n
	}
	eve, again := h.guestAs("eve", wire.Hello{ID: wire.NodeID{2}}), h.guestAs("eve", wire.Hello{ID: wire.NodeID{3}})
	to := number(eve)
	ask(eve, to, 16)
	busy(eve, 2)
	assert.Equal(t, 14, under())
	ask(again, number(again), 5)
	busy(again, 5)
	assert.Equal(t, 14, under(), "another connection of the same principal gets none of what is kept")
	anna, bob := h.guestAs("anna", wire.Hello{ID: wire.NodeID{4}}), h.guestAs("bob", wire.Hello{ID: wire.NodeID{5}})
	ask(anna, number(anna), 2)
	busy(anna, 1)
	ask(bob, number(bob), 1)
	bob.round()
	assert.Equal(t, 16, under(), "others do")
	for range 16 {
		var r wire.Request
		require.NoError(t, r.Decode(owner.await(wire.TypeRequest)))
		owner.send(wire.Reply{ID: r.ID, Payload: []byte("1")})
	}
	var r wire.Reply
	require.NoError(t, r.Decode(bob.await(wire.TypeReply)))
	assert.Zero(t, r.Code)
	owner.round()
	assert.Zero(t, under(), "all places are free again")
}
