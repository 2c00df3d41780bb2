package router_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestTakenOverSenderIsSilent: its owner is told, and what the owner still says
// reaches nobody, under the old numbers least of all (P10, protocol.md §6.3).
func TestTakenOverSenderIsSilent(t *testing.T) {
	h := newHub(t, router.Limits{})
	desk := h.guest(wire.Hello{ID: wire.NodeID{9}})
	desk.subscribes("kitchen", "temp")
	claim := func(id byte, epoch uint64) *guest {
		g := h.guestAs("joe", wire.Hello{ID: wire.NodeID{id}})
		g.send(wire.Connect{Sender: 1, Route: 0, Epoch: epoch, Name: "kitchen", Events: []string{"temp"}}, wire.Route{Route: 0, Seq: 1})
		var c wire.Connected
		require.NoError(t, c.Decode(g.await(wire.TypeConnected)))
		require.Zero(t, c.Code, c.Text)
		return g
	}
	first := claim(2, 7)
	first.send(event{0, `"first"`})
	require.Equal(t, `"first"`, desk.hears())

	second := claim(3, 8)
	var told wire.Disconnect
	require.NoError(t, told.Decode(first.await(wire.TypeDisconnect)))
	require.True(t, told.Yours)
	require.Equal(t, wire.CodeNameTaken, told.Code)
	desk.await(wire.TypeDisconnect)
	desk.await(wire.TypeConnect)
	desk.await(wire.TypeRoute)

	first.send(event{0, `"late"`}, wire.Lost{Route: 0, Count: 3, Reason: 2}, wire.Route{Route: 0, Seq: 9}, event{0, `"later"`})
	first.round()
	require.Empty(t, desk.round(), "nothing of a sender that was taken over")
	second.send(event{0, `"second"`})
	require.Equal(t, `"second"`, desk.hears())

	first.send(wire.Disconnect{Sender: 1}, wire.Connect{Sender: 1, Route: 0, Epoch: 9, Name: "bath", Events: []string{"temp"}})
	first.await(wire.TypeConnected)
	require.Zero(t, h.srv.Stats().Violations)
}

// TestTakenOverSenderEnds in the process that owned it.
func TestTakenOverSenderEnds(t *testing.T) {
	h := newHub(t, router.Limits{})
	claim := func() *sig.Sender {
		reg := quietRegistry(t)
		kitchen, err := reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
		require.NoError(t, err)
		require.NoError(t, h.dial(reg, "mem://hub?as=joe", router.ClientOptions{}).WaitConnected(h.ctx))
		return kitchen
	}
	first := claim()
	second := claim()
	receive(t, h.ctx, first.Done())
	require.ErrorIs(t, first.Err(), sig.ErrNameTaken)
	require.ErrorIs(t, first.Emit("temp", 1), sig.ErrNotConnected)
	require.NoError(t, second.EmitWait(h.ctx, "temp", 1))
}

// TestRefusedUpstream: a name that the next router has already ends at its
// owner, two hops away; what the owner still says does not cost the uplink, and
// the name goes to whom it belongs (P10, P12).
func TestRefusedUpstream(t *testing.T) {
	h := newHub(t, router.Limits{})
	kitchen, err := h.reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	_, err = sig.Subscribe(h.reg, sig.Any, "temp", ignore, nil)
	require.NoError(t, err)
	edge := newHubOn(t, h.ctx, h.network, "edge", router.Limits{})
	pi := edge.guest(wire.Hello{})
	pi.send(wire.Connect{Sender: 1, Route: 0, Epoch: 7, Name: "kitchen", Events: []string{"temp"}}, wire.Route{Route: 0, Seq: 1})
	pi.await(wire.TypeConnected)

	up := h.dial(edge.reg, "mem://hub", router.ClientOptions{})
	var told wire.Disconnect
	require.NoError(t, told.Decode(pi.await(wire.TypeDisconnect)))
	require.True(t, told.Yours)
	require.Equal(t, wire.CodeNameTaken, told.Code)
	for range 20 {
		pi.send(event{0, "1"}, wire.Lost{Route: 0, Count: 3, Reason: 2}, wire.Route{Route: 0, Seq: 90})
	}
	pi.subscribes("kitchen", "temp")
	require.NoError(t, kitchen.Emit("temp", "hub's"))
	require.Equal(t, `"hub's"`, pi.hears())
	require.Zero(t, h.srv.Stats().Violations)
	require.EqualValues(t, 1, up.Stats().Connections)
}

// TestRefusedByOneOfTwoRouters: a sender that is another router's stays, and is
// silent on the connection where it was refused until its leaving frees its
// numbers there (protocol.md §6.2).
func TestRefusedByOneOfTwoRouters(t *testing.T) {
	h := newHub(t, router.Limits{})
	kitchen, err := h.reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	p := newPeer(t)
	p.send(p.welcome())
	h.dial(p.reg, "mem://hub", router.ClientOptions{})
	var c wire.Connect
	require.NoError(t, c.Decode(p.await(wire.TypeConnect)))
	p.send(wire.Connected{Sender: c.Sender, Code: wire.CodeNameTaken, Text: "mine"})
	p.round()
	require.NoError(t, kitchen.Emit("temp", 1))
	require.NoError(t, kitchen.Disconnect(""))
	var d wire.Disconnect
	frame := p.next()
	require.NoError(t, d.Decode(frame), "got %x, want the DISCONNECT", frame)
	require.Equal(t, c.Sender, d.Sender)
}
