package router_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/wire"
)

// TestWhoHasNoTurnHoldsUpNobodyElse (P8): what a connection sends waits while its
// principal keeps as many processors busy as it may, and that of others passes.
func TestWhoHasNoTurnHoldsUpNobodyElse(t *testing.T) {
	h := newLimitedHub(t, router.ServerOptions{})
	eve, anna := h.guestAs("eve", wire.Hello{ID: wire.NodeID{2}}), h.guestAs("anna", wire.Hello{ID: wire.NodeID{3}})
	again := h.guestAs("eve", wire.Hello{ID: wire.NodeID{4}})
	for _, g := range []*guest{eve, again, anna} {
		g.round()
	}
	release := h.srv.HoldShare("eve")
	for _, g := range []*guest{eve, again} {
		g.send(wire.Ping{})
	}
	require.Eventually(t, func() bool { return h.srv.WaitsForATurn("eve") }, patience, time.Millisecond)
	anna.round() // answered
	anna.send(wire.Connect{Sender: 1, Epoch: 1, Name: "anna", Events: []string{"e"}})
	for _, g := range []*guest{eve, again} {
		types := []wire.Type{}
		for len(types) == 0 || types[len(types)-1] != wire.TypeConnect { // what others do is told all the same
			typ, _ := wire.TypeOf(g.next())
			types = append(types, typ)
		}
		assert.NotContains(t, types, wire.TypePong, "it was read out of turn")
	}
	release()
	for _, g := range []*guest{eve, again} {
		g.await(wire.TypePong)
		g.round()
	}
	require.False(t, h.srv.WaitsForATurn("eve"))
}
