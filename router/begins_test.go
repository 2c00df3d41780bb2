package router_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// kitchenSays connects a guest's sender that has emitted up to number seq - 1.
func kitchenSays(h *hub, seq uint64) *guest {
	h.t.Helper()
	pi := h.guest(wire.Hello{ID: wire.NodeID{7}})
	pi.send(wire.Connect{Sender: 1, Route: 0, Epoch: 7, Name: "kitchen", Events: []string{"temp"}}, wire.Route{Route: 0, Seq: seq})
	pi.await(wire.TypeConnected)
	pi.round()
	return pi
}

// routesOf returns the ROUTEs among frames.
func routesOf(t *testing.T, frames ...[]byte) (routes []wire.Route) {
	for _, f := range frames {
		if got, _ := wire.TypeOf(f); got == wire.TypeRoute {
			var e wire.Route
			require.NoError(t, e.Decode(f))
			routes = append(routes, e)
		}
	}
	return routes
}

// TestNumberBeforeAnyEvent: who subscribes learns at once where the routes
// stand, and so finds out when the first event never arrives (P7).
func TestNumberBeforeAnyEvent(t *testing.T) {
	h := newHub(t, router.Limits{})
	_, err := sig.Subscribe(h.reg, "kitchen", "temp", func(sig.Event) {}, nil)
	require.NoError(t, err)
	pi := kitchenSays(h, 5)
	desk := h.guest(wire.Hello{ID: wire.NodeID{9}})
	desk.send(wire.Subscribe{Sender: "kitchen", Event: "temp"}, wire.Sync{ID: 1})
	pi.synced()
	told := routesOf(t, desk.await(wire.TypeRoute))
	require.EqualValues(t, 5, told[0].Seq)
	require.True(t, told[0].Begin)
	desk.await(wire.TypeSynced)
}

// TestNumberDuringBatch: while the reader is taking in what the sender says, the
// number is not certain; it is told when it is, and the subscription is in force
// only then.
func TestNumberDuringBatch(t *testing.T) {
	h := newHub(t, router.Limits{})
	_, err := sig.Subscribe(h.reg, "kitchen", "temp", func(sig.Event) {}, nil)
	require.NoError(t, err)
	pi := kitchenSays(h, 5)
	router.InBatch(h.reg, "kitchen")
	desk := h.guest(wire.Hello{ID: wire.NodeID{9}})
	desk.send(wire.Subscribe{Sender: "kitchen", Event: "temp"}, wire.Sync{ID: 1})
	require.Equal(t, []wire.Type{wire.TypeConnect}, desk.round())
	pi.synced() // a batch that ends
	told := routesOf(t, desk.next())
	require.Len(t, told, 1)
	require.EqualValues(t, 5, told[0].Seq)
	require.True(t, told[0].Begin)
	got, _ := wire.TypeOf(desk.next())
	require.Equal(t, wire.TypeSynced, got)
}

// TestNumberFromTheOwnerOnly: what the hub has counted up to an hour ago, when
// the last subscription ended, is not told to the next subscriber; the number
// that the owner tells is.
func TestNumberFromTheOwnerOnly(t *testing.T) {
	h := newHub(t, router.Limits{})
	pi := kitchenSays(h, 5) // nobody subscribes
	desk := h.guest(wire.Hello{ID: wire.NodeID{9}})
	desk.send(wire.Subscribe{Sender: "kitchen", Event: "temp"})
	require.Equal(t, []wire.Type{wire.TypeConnect}, desk.round())
	var want wire.Want
	require.NoError(t, want.Decode(pi.await(wire.TypeWant)))
	pi.send(wire.Route{Route: 0, Seq: 5, Begin: true, Turn: want.Turn}) // nothing was emitted
	require.Equal(t, []wire.Route{{Route: 128, Seq: 5, Begin: true}}, routesOf(t, desk.next()))
}

// TestNumberOfBefore: a reader that has looked who wants an event before interest in it
// lapsed, and goes on when it is wanted again, tells nobody that it begins where the
// reader is: what the owner emitted until it heard of that would be missed in silence.
func TestNumberOfBefore(t *testing.T) {
	h := newHub(t, router.Limits{})
	pi := kitchenSays(h, 5)
	desk := h.guest(wire.Hello{ID: wire.NodeID{9}})
	desk.send(wire.Subscribe{Sender: "kitchen", Event: "temp"})
	var want wire.Want
	require.NoError(t, want.Decode(pi.await(wire.TypeWant)))
	pi.send(wire.Route{Route: 0, Seq: 5, Begin: true, Turn: want.Turn}, event{0, "5"})
	require.Equal(t, "5", desk.hears())
	read := router.ReadAsNow(h.reg, "kitchen")
	desk.send(wire.Unsubscribe{Sender: "kitchen", Event: "temp"})
	require.Empty(t, desk.round())
	read()
	require.Empty(t, desk.round())
	desk.send(wire.Subscribe{Sender: "kitchen", Event: "temp"})
	require.Empty(t, desk.round())
	read()
	require.Empty(t, desk.round())
	for want.Turn < 3 { // wanted, not wanted, wanted
		require.NoError(t, want.Decode(pi.await(wire.TypeWant)))
	}
	pi.send(wire.Route{Route: 0, Seq: 9, Begin: true, Turn: want.Turn})
	require.Equal(t, []wire.Route{{Route: 128, Seq: 9, Begin: true}}, routesOf(t, desk.next()))
	require.Empty(t, desk.round())
}

// TestIgnoredUntilTheAnswer: what the owner sends before it has heard that its
// event is wanted again belongs to an interest that has ended. A subscriber that
// has counted on a connection before finds out how much it has missed (P7).
func TestIgnoredUntilTheAnswer(t *testing.T) {
	h := newHub(t, router.Limits{})
	e := listens(t, h.reg)
	pi := kitchenSays(h, 1)
	pi.send(event{0, "1"})
	require.Equal(t, 1, receive(t, h.ctx, e.heard))
	e.sub.Unsubscribe()
	e = listens(t, h.reg)
	defer e.sub.Unsubscribe()
	pi.send(event{0, "2"}, wire.Route{Route: 0, Seq: 7}, event{0, "7"}, wire.Lost{Route: 0, Count: 1, Reason: 2})
	pi.send(wire.Route{Route: 0, Seq: 9, Begin: true, Turn: 1}, event{0, "9"}) // the answer to an earlier WANT
	pi.send(wire.Route{Route: 0, Seq: 10, Begin: true, Turn: 2}, event{0, "10"})
	require.Equal(t, 10, receive(t, h.ctx, e.heard))
	require.Empty(t, e.lost)
}

// TestNoGapWhereInterestBegins: subscribing, unsubscribing and subscribing again
// while the answer to the first is under way is no loss (P7), also where the
// second ROUTE shows that something was emitted in between.
func TestNoGapWhereInterestBegins(t *testing.T) {
	p := newPeer(t)
	heard, lost := make(chan string, 4), make(chan sig.Lost, 4)
	subscribe := func() *sig.Subscription {
		sub, err := sig.Subscribe(p.reg, "kitchen", "temp", func(ev sig.EventOf[string]) { heard <- ev.Data },
			&sig.SubscribeOptions{OnLost: func(l sig.Lost) { lost <- l }})
		require.NoError(t, err)
		return sub
	}
	first := subscribe()
	p.send(p.welcome(), wire.Connect{Sender: 1, Route: 7, Epoch: 1, Name: "kitchen", Events: []string{"temp"}})
	p.round()
	first.Unsubscribe()
	defer subscribe().Unsubscribe()
	p.send(wire.Route{Route: 7, Seq: 5, Begin: true}, event{7, `"5"`}) // the answer to the first
	p.send(wire.Route{Route: 7, Seq: 9, Begin: true}, event{7, `"9"`}) // the answer to the second
	require.Equal(t, "5", <-heard)
	require.Equal(t, "9", <-heard)
	p.round()
	require.Empty(t, lost)
}
