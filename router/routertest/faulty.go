package routertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/sig"
)

// Faulty runs over a carrier what must hold whatever its medium does: the
// promises about order, loss and reconnection (P3, P7, P9) while every
// connection is held up and stalls, and a stream of events while connections
// are cut wherever the seed says, in the handshake as well as later.
func Faulty(t *testing.T, setup func(t testing.TB) Setup, seed uint64) {
	t.Helper()
	slow := &carriertest.Faults{Delay: 300 * time.Microsecond, Stall: 10 * time.Millisecond, StallEvery: 200}
	type faultyRun struct {
		name   string
		world  World
		groups [][]promise
	}
	runs := []faultyRun{{
		"slow",
		World{Setup: faultySetup(setup, seed, slow, slow), Shape: Across, Brief: true},
		[][]promise{onceInOrder, losses, largeAndSmall, reconnection},
	}}
	cuts := &carriertest.Faults{Delay: 300 * time.Microsecond, CutWithin: 5_000, Cuts: cutsEach, Torn: true}
	for _, shape := range []Shape{Across, Up, Down, Chain} {
		clients, servers := cuts, cuts
		switch shape { // whoever sends no events hardly sends at all
		case Up:
			servers = slow
		case Down:
			clients = slow
		}
		runs = append(runs, faultyRun{
			"cut, " + string(shape),
			World{Setup: faultySetup(setup, seed, clients, servers), Shape: shape},
			[][]promise{underCuts},
		})
	}
	for _, r := range chosen(t, runs) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			runAll(t, r.world, r.groups...)
		})
	}
}

// cutsEach is how many connections are cut by what clients send, and as many by
// what servers send.
const cutsEach = 6

// cutsToCome reports whether a side that sends events has yet to be cut.
func (k *kit) cutsToCome() bool {
	return k.world.Shape != Down && counts(k.setup.Clients).Cuts < cutsEach ||
		k.world.Shape != Up && counts(k.setup.Carriers).Cuts < cutsEach
}

func runAll(t *testing.T, w World, groups ...[]promise) {
	t.Helper()
	w.Senders, w.Subscribers = cbor.New(), cbor.New()
	for _, group := range groups {
		for _, p := range group {
			if w.has(p) {
				t.Run(p.name, func(t *testing.T) { run(t, w, p) })
			}
		}
	}
}

// faultySetup puts faults around both ends of all connections.
func faultySetup(setup func(testing.TB) Setup, seed uint64, clients, servers *carriertest.Faults) func(testing.TB) Setup {
	return func(t testing.TB) Setup {
		s := setup(t)
		s.Clients = faultyAll(s.clients(), 2*seed, clients)
		s.Carriers = faultyAll(s.Carriers, 2*seed+1, servers)
		t.Cleanup(func() { t.Logf("clients: %v; servers: %v", counts(s.Clients), counts(s.Carriers)) })
		return s
	}
}

func faultyAll(carriers []carrier.Carrier, seed uint64, f *carriertest.Faults) (all []carrier.Carrier) {
	for _, c := range carriers {
		all = append(all, carriertest.Faulty(c, seed, f))
	}
	return all
}

// counts adds up how often faults have struck.
func counts(carriers []carrier.Carrier) (sum carriertest.Counts) {
	for _, c := range carriers {
		if f, ok := c.(*carriertest.FaultyCarrier); ok {
			n := f.Counts()
			sum.Delays, sum.Stalls, sum.Cuts = sum.Delays+n.Delays, sum.Stalls+n.Stalls, sum.Cuts+n.Cuts
		}
	}
	return sum
}

var underCuts = []promise{
	{name: "P3, P7, P9/events while connections are cut", where: joined, run: eventsUnderCuts},
	{name: "P3, P7, P9/held-back events while connections are cut", where: joined, run: heldUnderCuts},
}

func eventsUnderCuts(k *kit) {
	streamUnderCuts(k, options{}, func(sp *speaker, n int) error { return sp.Emit("temp", k.num(n)) })
}

func heldUnderCuts(k *kit) {
	streamUnderCuts(k, window, func(sp *speaker, n int) error { return sp.EmitWait(k.ctx, "temp", k.num(n)) })
}

// streamUnderCuts emits until every cut that the faults have in store was made.
// Each event must have come, once and in order, or be announced as lost.
func streamUnderCuts(k *kit, o options, emit func(sp *speaker, n int) error) {
	s := k.open(o)
	e := k.listen(s.to, "kitchen", sig.Any, nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.insist() // a gap can be told from where a subscription has begun
	n := 0
	for k.cutsToCome() {
		for range 50 {
			n++
			k.must(emit(sp, n), fmt.Sprintf("P9: emit %d while connections are cut", n))
		}
		sp.insist()
	}
	sp.insist()
	n++
	k.must(emit(sp, n), "emit the last one")
	sp.insist()
	delivered, lost := k.account(e.heard.all(), "temp", 1, n)
	k.Logf("%d delivered, %d announced as lost", delivered, lost)
	k.inLives(e, "kitchen")
}

// insist is finish for connections that are cut: it emits until something of it
// has arrived.
func (sp *speaker) insist() {
	sp.k.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for first := sp.ends + 1; ; {
		sp.ends++
		sp.k.must(sp.Emit(endEvent, sp.k.num(sp.ends)), "emit the last event")
		events, more := sp.end.heard.look()
		for _, ev := range events {
			if ev.Name == endEvent && sp.k.number(ev.Data) >= first {
				return
			}
		}
		select {
		case <-more:
		case <-again.C:
		case <-sp.k.ctx.Done():
			sp.k.Fatalf("P9: nothing arrives any more since number %d of %s: %v", first, endEvent, sp.k.ctx.Err())
		}
	}
}
