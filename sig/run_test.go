package sig_test

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gosig/gosig/sig"
)

// runOf is a [sig.Run] of events that lie in a slice.
type runOf struct {
	digits
	events []arrival
}

type arrival struct {
	route *sig.Route
	data  digits
}

func (r *runOf) Next() *sig.Route {
	if len(r.events) == 0 {
		return nil
	}
	ev := r.events[0]
	r.events, r.digits = r.events[1:], ev.data
	return ev.route
}

// reaction is what a handler does about an event.
type reaction int

const (
	nothing reaction = iota
	panics
	endsGoroutine
	subscribesAnew // in one piece,
	splits         // or for each sender apart
	addsAnother
	dropsOther
	endsSender
	badPayload // never gets there
	reactions
)

// TestDeliverRunIsDeliver: delivered together or one by one, events of several
// routes and senders come to the same, whatever handlers do meanwhile.
func TestDeliverRunIsDeliver(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		routes := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 30).Draw(rt, "routes")
		script := make([]reaction, len(routes))
		for i := range script {
			if rapid.IntRange(0, 3).Draw(rt, "quiet") == 0 {
				script[i] = reaction(rapid.IntRange(0, int(reactions)-1).Draw(rt, "reaction"))
			}
		}
		together, alone := newRunRig(t, script), newRunRig(t, script)
		together.deliver(routes, func(events []arrival) {
			run := &runOf{events: events}
			for len(run.events) > 0 { // again where a handler has ended the goroutine
				apart(func() { sig.DeliverRun(run) })
			}
		})
		alone.deliver(routes, func(events []arrival) {
			for _, ev := range events {
				apart(func() { ev.route.Deliver(ev.data, nil) })
			}
		})
		require.Equal(rt, alone.j.all(), together.j.all())
		require.Len(rt, together.warned.all(), len(alone.warned.all()))
	})
}

// apart calls f, which may end its goroutine.
func apart(f func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	<-ended
}

// runRig is a registry with two senders of another process, of two events each.
type runRig struct {
	t      *testing.T
	r      *sig.Registry
	warned warnings
	p      *fakePeer
	all    []*sig.Sender
	routes []*sig.Route
	script []reaction
	j      *journal
	subs   []*sig.Subscription // to all events
	others []*sig.Subscription
	made   int // of subs
}

func newRunRig(t *testing.T, script []reaction) *runRig {
	rig := &runRig{t: t, script: script, j: newJournal()}
	rig.r, rig.warned = newRegistry(t)
	rig.p = attach(t, rig.r)
	for _, name := range []sig.Name{"a", "b"} {
		s := rig.p.connect(t, name, "e", "f")
		rig.all = append(rig.all, s)
		rig.routes = append(rig.routes, s.Routes()...)
	}
	rig.subscribe(sig.Any)
	return rig
}

// subscribe subscribes to the senders, each apart, in the place of what there was.
func (rig *runRig) subscribe(senders ...sig.Name) {
	for _, sub := range rig.subs {
		sub.Unsubscribe()
	}
	rig.subs = nil
	for _, sender := range senders {
		rig.made++
		nth := rig.made
		rig.subs = append(rig.subs, subscribe(rig.t, rig.r, sender, "*", func(ev sig.EventOf[int]) {
			rig.j.add("%d: %s %s %d", nth, ev.Sender, ev.Name, ev.Data)
			rig.react(rig.script[ev.Data])
		}, &sig.SubscribeOptions{OnLost: func(l sig.Lost) { rig.j.add("%d: %s: %d to %d", nth, l, l.First, l.Last) }}))
	}
}

func (rig *runRig) react(how reaction) {
	switch how {
	case panics:
		panic("as the script says")
	case endsGoroutine:
		runtime.Goexit()
	case subscribesAnew:
		rig.subscribe(sig.Any)
	case splits:
		rig.subscribe("a", "b")
	case addsAnother:
		rig.others = append(rig.others, subscribe(rig.t, rig.r, "a", "f", func(ev sig.EventOf[int]) { rig.j.add("another %d", ev.Data) }))
	case dropsOther:
		for _, sub := range rig.others {
			sub.Unsubscribe()
		}
		rig.others = nil
	case endsSender:
		if n := rig.p.bridge.Disconnect(rig.all[1], ""); n != nil {
			n.Deliver()
		}
	}
}

// deliver delivers an event of each of the routes named; its payload is its place.
func (rig *runRig) deliver(routes []int, all func([]arrival)) {
	var events []arrival
	for i, route := range routes {
		ev := arrival{rig.routes[route], digits(strconv.Itoa(i))}
		if rig.script[i] == badPayload {
			ev.data = "no number"
		}
		events = append(events, ev)
	}
	all(events)
}
