package routertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/sig"
)

var lossyEvents = []promise{
	{name: "P7/lossy events", run: lossyAccount},
	{name: "P7/lossy events held back", run: lossyHeld},
	{name: "P3/disconnect comes behind lossy events", run: lossyDisconnect},
	{name: "P7/lossy subscription", run: lossySubscription},
	{name: "P7/lossy subscription beside others", run: lossyBeside},
	{name: "P9/lossy events while the connection is lost", where: joined, slow: true, run: lossyReconnected},
}

// LossyUDP runs over a carrier that dials by UDP what must hold for lossy events
// where packets get lost, doubled and late: each comes, once and in order, or is
// announced as lost.
func LossyUDP(t *testing.T, setup func(t testing.TB) Setup, seed uint64) {
	t.Helper()
	faults := &carriertest.Faults{Drop: 0.05, Double: 0.05, Swap: 0.05, Delay: 2 * time.Millisecond}
	for _, shape := range []Shape{Across, Up, Down, Chain} {
		bad := func(t testing.TB) Setup {
			s := setup(t)
			var all []carrier.Carrier
			for i, c := range s.clients() {
				all = append(all, carriertest.LossyUDP(c, seed+uint64(i), faults))
			}
			s.Clients = all
			return s
		}
		t.Run(string(shape), func(t *testing.T) {
			t.Parallel()
			runAll(t, World{Setup: bad, Shape: shape, Brief: true}, lossyEvents)
		})
	}
}

// lossySpec declares a lossy event, and one that is none.
var lossySpec = sig.Spec{Events: []sig.Name{"level", "note"}, Lossy: []sig.Name{"level"}}

// accounted waits until every event up to number n has come or is announced as
// lost.
func (e *ear) accounted(name sig.Name, n int) {
	e.k.Helper()
	e.heard.await(e.k, fmt.Sprintf("%d of %s at %s, or their loss", n, name, e.what), func(events []sig.Event) bool {
		have := 0
		for _, ev := range events {
			switch data := ev.Data.(type) {
			case sig.Lost:
				if data.Event == name {
					have += int(data.Count)
				}
			default:
				if ev.Name == name {
					have++
				}
			}
		}
		return have >= n
	})
}

// lossyAccount emits both kinds, in bursts with pauses between them.
func lossyAccount(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "tank", "*", nil)
	sp := k.connect(s, "tank", lossySpec)
	const bursts, each = 8, 10
	for b := range bursts {
		for i := 1; i <= each; i++ {
			size := 10
			if i == each/2 {
				size = 5_000 // larger than any datagram
			}
			k.must(sp.Emit("level", k.filled(b*each+i, size)), "emit")
		}
		k.must(sp.Emit("note", k.num(b+1)), "emit")
		time.Sleep(time.Millisecond) // the line falls idle: no promise hangs on it
	}
	e.accounted("level", bursts*each)
	e.accounted("note", bursts)
	delivered, lost := k.account(e.heard.all(), "level", 1, bursts*each)
	if _, lost := k.account(e.heard.all(), "note", 1, bursts); lost > 0 {
		k.Errorf("P7: %d were lost of an event that is not lossy", lost)
	}
	if delivered == 0 {
		k.Errorf("P7: not one lossy event has come")
	}
	if k.world.Setup == nil && lost > 0 {
		k.Errorf("P7: in one process %d were lost", lost)
	}
	k.Logf("%d delivered, %d announced as lost", delivered, lost)
}

// lossyHeld: what is held back is not lost, whatever it is.
func lossyHeld(k *kit) {
	s := k.open(window)
	e := k.listen(s.to, "tank", "*", nil)
	sp := k.connect(s, "tank", lossySpec)
	n, held := 0, 0
	for range 30 {
		n += 2
		held++
		k.must(sp.Emit("level", k.filled(n-1, 10)), "emit")
		k.must(sp.EmitWait(k.ctx, "level", k.filled(n, 10)), "held-back emission")
	}
	e.accounted("level", n)
	k.account(e.heard.all(), "level", 1, n)
	for _, ev := range e.heard.all() {
		if ev.Name == "level" && k.number(ev.Data)%2 == 0 {
			held--
		}
	}
	if held != 0 {
		k.Errorf("P7: %d held-back events of a lossy one have not come", held)
	}
}

// lossyDisconnect: nothing of a life comes behind its end, and nothing of it is
// missing in silence.
func lossyDisconnect(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "tank", "**", nil)
	k.must(e.sub.InForce(k.ctx), "in force")
	presence := k.listen(s.to, "tank", sig.Any, nil)
	for life := range 5 {
		sp := k.connect(s, "tank", lossySpec)
		for i := 1; i <= 20; i++ {
			k.must(sp.Emit("level", k.filled(i, 10)), "emit")
		}
		k.must(sp.Disconnect("done"), "disconnect")
		presence.heard.await(k, "the end of a life", func(events []sig.Event) bool {
			ends := 0
			for _, ev := range events {
				if ev.Name == sig.EventDisconnect {
					ends++
				}
			}
			return ends > life
		})
	}
	var of []sig.Event
	for _, ev := range presence.heard.all() {
		switch ev.Name {
		case sig.EventConnect:
			of = nil
		case sig.EventDisconnect:
			k.account(of, "level", 1, 20)
			of = nil
		default:
			of = append(of, ev)
		}
	}
	if len(of) > 0 {
		k.Errorf("P3: %d events came behind the last #disconnect", len(of))
	}
}

// lossyReconnected cuts the connections in a stream of lossy events.
func lossyReconnected(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "tank", sig.Any, nil)
	sp := k.connect(s, "tank", lossySpec)
	k.must(sp.Emit("level", k.filled(1, 1)), "emit")
	sp.finish()
	n := 1
	for range 3 {
		back := cut(k, s.clients...)
		for range 50 {
			n++
			k.must(sp.Emit("level", k.filled(n, 10)), "emit")
		}
		back()
		sp.finish()
	}
	n++
	k.must(sp.Emit("level", k.filled(n, 10)), "emit the last one")
	e.accounted("level", n)
	k.account(e.heard.all(), "level", 1, n)
}

// steadySpec declares the same events as lossySpec, none of them lossy.
var steadySpec = sig.Spec{Events: lossySpec.Events}

// acceptLoss subscribes to what may be lost.
var acceptLoss = &sig.SubscribeOptions{Lossy: true}

// lossySubscription is lossyAccount where the subscriber asks for it and not the
// emitter; what is held back is not lost.
func lossySubscription(k *kit) {
	s := k.open(window)
	e := k.listen(s.to, "tank", "*", acceptLoss)
	sp := k.connect(s, "tank", steadySpec)
	const n = 60
	held := 0
	for i := 1; i <= n; i++ {
		if i%10 == 0 {
			k.must(sp.EmitWait(k.ctx, "level", k.filled(i, 10)), "held-back emission")
			e.accounted("level", i)
			time.Sleep(2 * time.Millisecond) // its place comes back: no promise hangs on it
			continue
		}
		k.must(sp.Emit("level", k.filled(i, 10)), "emit")
	}
	e.accounted("level", n)
	delivered, lost := k.account(e.heard.all(), "level", 1, n)
	for _, ev := range e.heard.all() {
		if _, lost := ev.Data.(sig.Lost); !lost && k.number(ev.Data)%10 == 0 {
			held++
		}
	}
	if held != n/10 {
		k.Errorf("P7: of %d held-back events %d have come", n/10, held)
	}
	if k.world.Setup == nil && lost > 0 {
		k.Errorf("P7: in one process %d were lost", lost)
	}
	k.Logf("%d delivered, %d announced as lost", delivered, lost)
}

// lossyBeside has others come and go beside a subscription that accepts loss, in a
// stream of events: what they are to get, from when they are in force, is not lost,
// and to the first each event comes once and in order or is announced.
func lossyBeside(k *kit) {
	s := k.open(options{})
	first := k.listen(s.to, "tank", "level", acceptLoss)
	sp := k.connect(s, "tank", steadySpec)
	n := 0
	emit := func(times int) {
		for range times {
			n++
			k.must(sp.Emit("level", k.filled(n, 10)), "emit")
			if n%4 == 0 {
				time.Sleep(time.Millisecond) // the line falls idle: no promise hangs on it
			}
		}
	}
	for round := range 6 {
		emit(20)
		pattern := []sig.Name{"tank", sig.Any}[round%2]
		other := k.listen(s.to, pattern, "level", nil)
		from := n + 1
		emit(20)
		other.heard.await(k, fmt.Sprintf("number %d at %s", n, other.what), func(events []sig.Event) bool {
			last := len(events) - 1
			return last >= 0 && events[last].Name == "level" && k.number(events[last].Data) == n
		})
		first.accounted("level", n)
		k.whole(other.heard.all(), "level", from, n)
		other.sub.Unsubscribe()
	}
	emit(20)
	first.accounted("level", n)
	delivered, lost := k.account(first.heard.all(), "level", 1, n)
	k.Logf("%d delivered, %d announced as lost", delivered, lost)
}

// whole checks that all events of a range have come, whatever came or was lost
// before them.
func (k *kit) whole(events []sig.Event, name sig.Name, first, last int) {
	k.Helper()
	next := first
	for _, ev := range events {
		lost, isLost := ev.Data.(sig.Lost)
		switch {
		case isLost && lost.Event == name && next > first:
			k.Fatalf("P7: %d were lost (%v) behind number %d of what may not be lost", lost.Count, lost.Reason, next-1)
		case isLost || ev.Name != name || k.number(ev.Data) < first:
		case k.number(ev.Data) != next:
			k.Fatalf("P7: got number %d, want %d, of what may not be lost", k.number(ev.Data), next)
		default:
			next++
		}
	}
	if next != last+1 {
		k.Fatalf("P7: number %d has not come, of what may not be lost up to %d", next, last)
	}
}
