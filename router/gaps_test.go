package router_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// pi is a client that comes and goes with the same life of its sender.
func (h *hub) pi(id byte) *guest {
	h.t.Helper()
	g := h.guest(wire.Hello{ID: wire.NodeID{id}})
	g.send(wire.Connect{Sender: 1, Route: 0, Epoch: 7, Name: "kitchen", Events: []string{"temp"}})
	g.await(wire.TypeConnected)
	return g
}

// losesThem ends the connection, and returns when the registry knows.
func (h *hub) losesThem(g *guest) {
	h.t.Helper()
	gone := make(chan struct{})
	sub, err := sig.Subscribe(h.reg, "kitchen", sig.EventDisconnect, func(sig.Event) { close(gone) }, nil)
	require.NoError(h.t, err)
	defer sub.Unsubscribe()
	g.conn.Close()
	receive(h.t, h.ctx, gone)
}

// ear subscribes to kitchen temp; the channels are of what it hears.
type ear struct {
	sub   *sig.Subscription
	heard chan int
	lost  chan sig.Lost
}

func listens(t *testing.T, reg *sig.Registry) *ear {
	e := &ear{heard: make(chan int, 100), lost: make(chan sig.Lost, 100)}
	var err error
	e.sub, err = sig.Subscribe(reg, "kitchen", "temp", func(ev sig.EventOf[int]) { e.heard <- ev.Data },
		&sig.SubscribeOptions{OnLost: func(l sig.Lost) { e.lost <- l }})
	require.NoError(t, err)
	return e
}

// TestGapAtTheEndOfAStream: what was on its way when a connection broke is
// announced when its sender is back, although it says no more (P9).
func TestGapAtTheEndOfAStream(t *testing.T) {
	p := newPeer(t)
	kitchen, err := p.reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	p.send(p.welcome())
	p.await(wire.TypeConnect)
	for i := range 15 {
		require.NoError(t, kitchen.Emit("temp", i))
	}
	for range 15 {
		p.await(wire.TypeEvent)
	}
	p.accept()
	p.send(p.welcome())
	p.await(wire.TypeConnect)
	var at wire.Route
	require.NoError(t, at.Decode(p.next()), "the position follows")
	require.EqualValues(t, 16, at.Seq)

	h := newHub(t, router.Limits{})
	near := listens(t, h.reg)
	desk, _ := h.join()
	far := listens(t, desk)
	require.NoError(t, far.sub.InForce(h.ctx))
	pi := h.pi(2)
	pi.send(wire.Route{Route: 0, Seq: 1}, event{0, "1"})
	for _, e := range []*ear{near, far} {
		require.Equal(t, 1, receive(t, h.ctx, e.heard))
	}
	h.losesThem(pi)
	pi = h.pi(3)
	pi.send(wire.Route{Route: 0, Seq: 10})
	for _, e := range []*ear{near, far} {
		lost := receive(t, h.ctx, e.lost)
		require.EqualValues(t, 8, lost.Count)
		require.Equal(t, sig.LossConnection, lost.Reason)
	}
}

// TestGapBehindInterestThatCameAndWent before anything was heard (P7).
func TestGapBehindInterestThatCameAndWent(t *testing.T) {
	h := newHub(t, router.Limits{})
	pi := h.pi(2)
	listens(t, h.reg).sub.Unsubscribe()
	e := listens(t, h.reg)
	pi.send(wire.Route{Route: 0, Seq: 1, Begin: true, Turn: 3}, event{0, "1"}) // wanted, not wanted, wanted
	require.Equal(t, 1, receive(t, h.ctx, e.heard))
	h.losesThem(pi)
	h.pi(3).send(wire.Route{Route: 0, Seq: 10}, event{0, "10"})
	require.Equal(t, 10, receive(t, h.ctx, e.heard))
	require.Len(t, e.lost, 1)
	require.EqualValues(t, 8, receive(t, h.ctx, e.lost).Count)
}

// TestNoGapBeforeASubscription: what was lost before it was made is none of its
// business; what is lost afterwards is (P7).
func TestNoGapBeforeASubscription(t *testing.T) {
	h := newHub(t, router.Limits{})
	pi := h.pi(2)
	first := listens(t, h.reg)
	stays := listens(t, h.reg)
	pi.send(wire.Route{Route: 0, Seq: 1, Begin: true, Turn: 1}, event{0, "1"})
	require.Equal(t, 1, receive(t, h.ctx, first.heard))
	h.losesThem(pi)
	first.sub.Unsubscribe()
	pi = h.pi(3)
	later := listens(t, h.reg)
	pi.send(wire.Route{Route: 0, Seq: 100}, event{0, "100"})
	require.Equal(t, 100, receive(t, h.ctx, later.heard))
	require.Empty(t, later.lost)
	require.EqualValues(t, 98, receive(t, h.ctx, stays.lost).Count)

	pi.send(wire.Route{Route: 0, Seq: 200}, event{0, "200"}) // lost behind pi
	require.Equal(t, 200, receive(t, h.ctx, later.heard))
	for _, e := range []*ear{later, stays} {
		require.Len(t, e.lost, 1)
		require.EqualValues(t, 99, receive(t, h.ctx, e.lost).Count)
	}
}
