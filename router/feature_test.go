package router_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// declaring is a list of so many events.
func declaring(n int) (events []sig.Name) {
	for i := range n {
		events = append(events, sig.Name(fmt.Sprintf("event-number-%d", i)))
	}
	return events
}

// TestSenderTooLargeForThePeer: nothing of it is sent to a peer whose largest
// frame its CONNECT does not fit into; others hear it, and nobody waits
// (protocol.md §4.5).
func TestSenderTooLargeForThePeer(t *testing.T) {
	h := newHub(t, router.Limits{})
	small := h.guest(wire.Hello{ID: wire.NodeID{2}, Features: wire.FeatureHeld, Limits: wire.Limits{MaxFrame: 512}})
	desk := h.guest(wire.Hello{ID: wire.NodeID{3}})
	for _, g := range []*guest{small, desk} {
		g.subscribes("**", "**")
	}
	far, _ := h.join()
	for i, reg := range []*sig.Registry{h.reg, far} {
		big, err := reg.Connect(sig.Name(fmt.Sprint("big", i)), sig.Spec{Events: declaring(100)})
		require.NoError(t, err)
		require.NoError(t, reg.Sync(h.ctx))
		require.NoError(t, big.Emit("event-number-7", 1))
		require.NoError(t, big.EmitWait(h.ctx, "event-number-7", 2))
		require.NoError(t, big.TryEmit("event-number-7", 3))
		for _, want := range []string{"1", "2", "3"} {
			require.Equal(t, want, desk.hears())
		}
		require.NoError(t, big.Disconnect(""))
		desk.await(wire.TypeDisconnect)
	}
	_, err := h.reg.Connect("small", sig.Spec{Events: []sig.Name{"e"}})
	require.NoError(t, err)
	require.Equal(t, []wire.Type{wire.TypeConnect, wire.TypeRoute}, small.round(), "the one that fits")
}

// TestHeldEventsForAPeerWithoutThem go out as ordinary ones, and take no place
// of a window that nobody would give back (protocol.md §4.4).
func TestHeldEventsForAPeerWithoutThem(t *testing.T) {
	const n = 20
	h := newHub(t, router.Limits{WindowEvents: 4})
	old := h.guest(wire.Hello{})
	old.subscribes("**", "temp")
	far, _ := h.join()
	var heard uint32 // the latest route
	for i, reg := range []*sig.Registry{h.reg, far} {
		kitchen, err := reg.Connect(sig.Name(fmt.Sprint("kitchen", i)), sig.Spec{Events: []sig.Name{"temp"}})
		require.NoError(t, err)
		require.NoError(t, reg.Sync(h.ctx))
		for j := range n {
			require.NoError(t, kitchen.EmitWait(h.ctx, "temp", j))
		}
		for want := range n {
			flags, route, payload, err := wire.ParseEvent(old.await(wire.TypeEvent))
			require.NoError(t, err)
			require.Zero(t, flags)
			require.Equal(t, fmt.Sprint(want), string(payload))
			heard = route
		}
	}
	old.send(wire.Credit{Route: heard, Count: 1})
	var last wire.Goodbye
	require.NoError(t, last.Decode(old.await(wire.TypeGoodbye)))
	require.Equal(t, wire.CodeProtocol, last.Code, "nothing was held back there")
}

// TestTooLargeAndGone: of a sender that came and went while there was no
// connection, and is too large for the peer of the next one, nothing is said.
func TestTooLargeAndGone(t *testing.T) {
	p := newPeer(t)
	big, err := p.reg.Connect("big", sig.Spec{Events: declaring(100)})
	require.NoError(t, err)
	require.NoError(t, big.Emit("event-number-7", 1))
	require.NoError(t, big.Disconnect(""))
	w := p.welcome()
	w.Limits.MaxFrame = 512
	p.send(w)
	for _, frame := range p.frames() {
		got, _ := wire.TypeOf(frame)
		require.Equal(t, wire.TypeSync, got, "%x", frame)
	}
}
