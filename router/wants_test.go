package router_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/wire"
)

// wished is what a client has been told of one of its routes.
type wished struct {
	on, lossy bool
	turn      uint32
}

// TestChangesOfMind: who subscribes and unsubscribes all the time, or says now this
// and now that of loss, fills no buffer of those whose events it is about, also when
// they do not read; what they are told in the end is what holds, before the barrier
// that says so, and interest that has begun again has ended before (P8,
// protocol.md §7.3).
func TestChangesOfMind(t *testing.T) {
	const routes, times = 200, 400
	hears := func(lossy bool) envelope { return wire.Subscribe{Sender: "owner", Event: "*", Lossy: lossy} }
	for _, row := range []struct {
		name          string
		first         envelope
		one, another  envelope
		last          []envelope
		inTheEnd      wished
		beginsOverAll bool
	}{
		{name: "lossy", first: hears(false), one: hears(true), another: hears(false), last: []envelope{hears(true)}, inTheEnd: wished{on: true, lossy: true}},
		{name: "interest", first: hears(false), one: wire.Unsubscribe{Sender: "owner", Event: "*"}, another: hears(false), inTheEnd: wished{on: true}, beginsOverAll: true},
		{name: "interest, not in the end", first: hears(false), one: wire.Unsubscribe{Sender: "owner", Event: "*"}, another: hears(false), last: []envelope{wire.Unsubscribe{Sender: "owner", Event: "*"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHub(t, router.Limits{WriteTimeout: patience}) // the owner does not read for a while
			var events []string
			for i := range routes {
				events = append(events, fmt.Sprint("e", i))
			}
			owner := h.guest(wire.Hello{ID: wire.NodeID{1}, Features: wire.FeatureLossyInterest})
			owner.send(wire.Connect{Sender: 1, Route: 0, Epoch: 1, Name: "owner", Events: events})
			owner.await(wire.TypeConnected)
			fickle := h.guest(wire.Hello{ID: wire.NodeID{2}, Features: wire.FeatureLossyInterest})
			fickle.send(row.first)
			fickle.round()
			for range times {
				fickle.send(row.one, row.another)
			}
			fickle.send(row.last...)
			fickle.round()
			require.Less(t, h.srv.Stats().MostOutbound, 64<<10, "they are queued each time")
			fickle.send(wire.Sync{ID: 1})
			told := owner.toldWants(t)
			fickle.await(wire.TypeSynced)
			require.Len(t, told, routes)
			for route, w := range told {
				require.Equal(t, row.inTheEnd.on, w.on, "route %d", route)
				require.Equal(t, row.inTheEnd.lossy, w.lossy, "route %d", route)
				if row.beginsOverAll {
					require.EqualValues(t, 2*times+1, w.turn, "route %d: it has not been told the latest turn", route)
				}
			}
		})
	}
}

// toldWants is what a client has been told of its routes until there is a barrier,
// which it answers.
func (g *guest) toldWants(t *testing.T) map[uint32]wished {
	told := map[uint32]wished{}
	for {
		frame := g.next()
		var sync wire.Sync
		var e wire.Want
		switch {
		case sync.Decode(frame) == nil:
			g.send(wire.Synced(sync))
			return told
		case e.Decode(frame) == nil:
			if before := told[e.Route]; before.on && e.On {
				require.Equal(t, before.turn, e.Turn, "route %d: it begins again and has not ended", e.Route)
			}
			told[e.Route] = wished{e.On, e.Lossy, e.Turn}
		}
	}
}

// TestChangeWhileAWantWaits: the number of a route whose sender has left may be
// another's: what was not told of it is not told any more.
func TestChangeWhileAWantWaits(t *testing.T) {
	h := newHub(t, router.Limits{WriteTimeout: patience}) // the owner does not read for a while
	owner := h.guest(wire.Hello{ID: wire.NodeID{1}})
	owner.send(wire.Connect{Sender: 1, Route: 0, Epoch: 1, Name: "owner", Events: []string{"e"}})
	owner.await(wire.TypeConnected)
	fickle := h.guest(wire.Hello{ID: wire.NodeID{2}})
	var batch []byte
	for range 2_000 { // more than lies on the way to who does not read
		batch = carrier.AppendFrame(batch, wire.Subscribe{Sender: "owner", Event: "*"}.Append(nil))
		batch = carrier.AppendFrame(batch, wire.Unsubscribe{Sender: "owner", Event: "*"}.Append(nil))
	}
	require.NoError(t, fickle.conn.Send(fickle.ctx, batch))
	fickle.round()
	owner.send(wire.Disconnect{Sender: 1}, wire.Connect{Sender: 2, Route: 0, Epoch: 1, Name: "heir", Events: []string{"e"}}, wire.Ping{Nonce: 7})
	heir := false
	for {
		frame := owner.next()
		var c wire.Connected
		var w wire.Want
		var p wire.Pong
		switch {
		case c.Decode(frame) == nil && c.Sender == 2:
			require.Equal(t, wire.CodeOK, c.Code)
			heir = true
		case w.Decode(frame) == nil:
			require.False(t, heir, "it is told what was wanted of another")
		case p.Decode(frame) == nil && p.Nonce == 7:
			require.True(t, heir)
			return
		}
	}
}
