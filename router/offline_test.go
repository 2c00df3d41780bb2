package router_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// newEdge is a router with an uplink, whose server says what the test wants, and
// has not answered its HELLO yet; and a client by hand below, with a sender.
func newEdge(t *testing.T, above, below router.Limits) (up *peer, edge *hub, pi *guest) {
	up = newPeerWith(t, above)
	below.SyncPatience = time.Millisecond // neither answers a SYNC
	edge = newHubFor(t, up.ctx, mem.New(), "edge", up.reg, below)
	up.accept() // with the HELLO of a router
	pi = edge.guest(wire.Hello{ID: wire.NodeID{2}, Features: wire.FeatureHeld})
	pi.send(wire.Connect{Sender: 1, Route: 0, Epoch: 7, Name: "kitchen", Events: []string{"temp"}}, wire.Route{Route: 0, Seq: 1})
	pi.await(wire.TypeConnected)
	return up, edge, pi
}

// TestHeldEventsWaitForTheUplink: an edge without a connection upwards takes
// what its window allows and not more, drops none of it however small the
// buffer, and gives places back when the router above has taken it (P7, P12).
func TestHeldEventsWaitForTheUplink(t *testing.T) {
	up, edge, _ := newEdge(t, router.Limits{OfflineBytes: 1}, router.Limits{WindowEvents: 4})
	far := quietRegistry(t)
	cr := edge.dial(far, "mem://edge", router.ClientOptions{})
	require.NoError(t, cr.WaitConnected(edge.ctx))
	bath, err := far.Connect("bath", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	for i := range 4 {
		require.NoError(t, bath.EmitWait(up.ctx, "temp", i))
	}
	brief, cancel := context.WithTimeout(up.ctx, 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, bath.EmitWait(brief, "temp", -1), sig.ErrTimeout)

	w := up.welcome()
	w.Features = wire.FeatureHeld
	up.send(w)
	for want := range 4 {
		flags, route, payload, err := wire.ParseEvent(up.await(wire.TypeEvent))
		require.NoError(t, err)
		require.Equal(t, wire.FlagHeld, flags)
		require.Equal(t, fmt.Sprint(want), string(payload))
		up.send(wire.Credit{Route: route, Count: 1})
	}
	require.NoError(t, bath.EmitWait(up.ctx, "temp", 4))
	require.Empty(t, up.cr.Stats().Lost)
}

// follower is a receiver as protocol.md §8.2 has it, for one route of one life.
type follower struct {
	t        *testing.T
	expected uint64
	known    bool
	heard    []string
	lost     uint64
}

func (f *follower) take(frames ...[]byte) {
	f.t.Helper()
	for _, frame := range frames {
		var route wire.Route
		var lost wire.Lost
		switch kind, _ := wire.TypeOf(frame); kind {
		case wire.TypeRoute:
			require.NoError(f.t, route.Decode(frame))
			if f.known {
				require.GreaterOrEqual(f.t, route.Seq, f.expected, "seq never goes back within a life")
				f.lost += route.Seq - f.expected
			}
			f.expected, f.known = route.Seq, true
		case wire.TypeEvent:
			require.True(f.t, f.known)
			_, _, payload, err := wire.ParseEvent(frame)
			require.NoError(f.t, err)
			require.Equal(f.t, fmt.Sprint(f.expected), string(payload), "an event's number")
			f.heard = append(f.heard, string(payload))
			f.expected++
		case wire.TypeLost:
			require.NoError(f.t, lost.Decode(frame))
			f.lost += lost.Count
			f.expected += lost.Count
		}
	}
}

// numbered are the events of route 0 with these numbers, which they carry.
func numbered(from, to int) (list []envelope) {
	for i := from; i <= to; i++ {
		list = append(list, event{0, fmt.Sprint(i)})
	}
	return list
}

func join(lists ...[]envelope) []envelope { return slices.Concat(lists...) }

// TestLossesWhileTheUplinkIsDown: what a client says is missing, and where it
// goes on, reaches the router above when there is a connection again, in its
// place, and so do the numbers of the events (P7, P12, protocol.md §8.2).
func TestLossesWhileTheUplinkIsDown(t *testing.T) {
	lost := []envelope{wire.Lost{Route: 0, Count: 3, Reason: 2}}
	jump := []envelope{wire.Route{Route: 0, Seq: 5}}
	for _, row := range []struct {
		name                  string
		before, during, after []envelope // the connection is down
		missing               uint64
	}{
		{"LOST between two", nil, join(numbered(1, 1), lost, numbered(5, 5)), nil, 3},
		{"ROUTE between two", nil, join(numbered(1, 1), jump, numbered(5, 5)), nil, 3},
		{"LOST behind the last", nil, join(numbered(1, 1), lost), numbered(5, 6), 3},
		{"ROUTE behind the last", nil, join(numbered(1, 1), jump), numbered(5, 6), 3},
		{"LOST behind the last, nothing follows", nil, join(numbered(1, 1), lost), nil, 3},
		{"ROUTE behind the last, nothing follows", nil, join(numbered(1, 1), jump), nil, 3},
		{"only LOST", numbered(1, 1), lost, numbered(5, 6), 3},
		{"only ROUTE", numbered(1, 1), jump, numbered(5, 6), 3},
		{"only LOST, nothing follows", numbered(1, 1), lost, nil, 3},
		{"only ROUTE, nothing follows", numbered(1, 1), jump, nil, 3},
		{"nothing", numbered(1, 1), nil, numbered(2, 2), 0},
		{"nothing is lost", numbered(1, 2), numbered(3, 4), numbered(5, 6), 0},
		{"one loss after another", numbered(1, 1), join(lost, numbered(5, 5), lost, numbered(9, 9), []envelope{wire.Route{Route: 0, Seq: 20}}), numbered(20, 21), 3 + 3 + 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			up, _, pi := newEdge(t, router.Limits{}, router.Limits{})
			f := follower{t: t}
			say := func(envelopes []envelope) {
				pi.send(envelopes...)
				pi.round()
			}
			if len(row.before) > 0 {
				up.send(up.welcome())
				f.take(up.frames()...)
				say(row.before)
				f.take(up.frames()...)
				up.accept()
			}
			say(row.during)
			up.send(up.welcome())
			f.take(up.frames()...)
			say(row.after)
			f.take(up.frames()...)
			var want []string
			for _, e := range join(row.before, row.during, row.after) {
				if e, ok := e.(event); ok {
					want = append(want, e.payload)
				}
			}
			require.Equal(t, want, f.heard)
			require.Equal(t, row.missing, f.lost)
		})
	}
}

// TestOverflowWithoutAConnection: what does not fit is announced where it would
// have been, also between held-back events, which are never dropped (P7).
func TestOverflowWithoutAConnection(t *testing.T) {
	up, _, pi := newEdge(t, router.Limits{OfflineBytes: 500}, router.Limits{})
	const n = 200
	for i := 1; i <= n; i++ {
		e := event{0, fmt.Sprint(i)}
		if i%20 == 0 {
			pi.send(held{e})
		} else {
			pi.send(e)
		}
	}
	pi.round()
	up.send(up.welcome())
	f := follower{t: t}
	f.take(up.frames()...)
	require.Subset(t, f.heard, []string{"20", "40", "60", "80", "100", "120", "140", "160", "180", "200"})
	require.EqualValues(t, n, uint64(len(f.heard))+f.lost)
	require.Greater(t, f.lost, uint64(n/2))
	require.EqualValues(t, f.lost, up.cr.Stats().Lost[sig.LossOffline])
}

// TestHeldForARouterWithoutThem: what was held back while there was no connection
// goes out as ordinary events to a router that knows no others, and the places
// are given back at once: nobody else would.
func TestHeldForARouterWithoutThem(t *testing.T) {
	up, _, pi := newEdge(t, router.Limits{}, router.Limits{WindowEvents: 4})
	for i := range 4 {
		pi.send(held{event{0, fmt.Sprint(i + 1)}})
	}
	require.Empty(t, pi.round(), "the uplink has not taken them")
	up.send(up.welcome())
	f := follower{t: t}
	f.take(up.frames()...)
	require.Len(t, f.heard, 4)
	var c wire.Credit
	require.NoError(t, c.Decode(pi.await(wire.TypeCredit)))
	require.EqualValues(t, 4, c.Count)
}
