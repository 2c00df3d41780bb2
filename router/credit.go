package router

import (
	"fmt"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// Credit for held-back events. Whoever emits one uses up a place of the route's
// window on that connection; the receiver gives places back with CREDIT once
// everybody behind it has taken the event: its own handlers and queues, and the
// peers it has passed it on to. Events of a route are passed on in order, so
// what a peer has not taken is always the latest few, and the places to keep are
// as many as the slowest of all has not taken.
//
//	owed  ----------------------------->  came in, place not given back
//	            slowest:  <------------>  len(outRoute.sizes), or here
//	give back <---------->

// heldTolerance is how many windows may be under way on a route before its
// emitter is taken to ignore credit. A router passes on at once what it has
// taken in by the window of the emitter's connection, which may be larger than
// this one's.
const heldTolerance = 16

// heldBound is what may be under way on one route of the peer's. It takes the
// usual window where this one is smaller, and, unless the window allows more,
// not more than may wait for each of those that get the events.
func (s *session) heldBound() (events, bytes int) {
	own, usual := s.peerLimits, wire.DefaultLimits
	events = heldTolerance * int(max(own.WindowEvents, usual.WindowEvents))
	bytes = heldTolerance * int(max(own.WindowBytes, usual.WindowBytes))
	return events, max(min(bytes, s.link.limits.OutboundBytes), int(own.WindowBytes)) + s.maxFrame
}

// heldArrived accounts for a held-back event, local if this process wants it.
// One that is far outside the window is a violation: such events are never
// dropped, so nothing else would bound them.
func (s *session) heldArrived(ir *inRoute, size int, local bool) error {
	if s.features&wire.FeatureHeld == 0 {
		return unless("held without the feature", sig.NewError(sig.CodeProtocol, "a held-back EVENT without the feature"))
	}
	if len(ir.fresh) == 0 {
		s.settle = append(s.settle, ir)
	}
	ir.fresh = append(ir.fresh, size)
	ir.credit.Lock()
	defer ir.credit.Unlock()
	ir.bytes += size
	if local {
		ir.here++
	}
	events, bytes := s.heldBound()
	if n := len(ir.owed) + len(ir.fresh); n > events || n > 1 && ir.bytes > bytes {
		if n > events {
			s.hit(LimitWindowEvents)
		} else {
			s.hit(LimitWindowBytes)
		}
		return sig.NewError(sig.CodeProtocol, fmt.Sprintf("%d held-back events with %d bytes under way on route %d; its window is %d events and %d bytes",
			n, ir.bytes, ir.number, s.peerLimits.WindowEvents, s.peerLimits.WindowBytes))
	}
	return nil
}

// settleCredit gives back, after a flush, what nobody has to take.
func (s *session) settleCredit() {
	for _, ir := range s.settle {
		ir.credit.Lock()
		ir.owed = append(ir.owed, ir.fresh...)
		ir.credit.Unlock()
		ir.fresh = ir.fresh[:0]
		ir.giveBack()
	}
	s.settle = s.settle[:0]
}

// takenHere notes that this process has taken one.
func (ir *inRoute) takenHere() {
	ir.credit.Lock()
	ir.here--
	ir.credit.Unlock()
	ir.giveBack()
}

// giveBack returns to the peer the places that nobody needs any more: as soon
// as all have been taken, otherwise a quarter of the window at a time.
func (ir *inRoute) giveBack() {
	slowest := 0
	if rt := ir.rt.Load(); rt != nil {
		for _, t := range rt.Targets() {
			if or, ok := t.(*outRoute); ok {
				slowest = max(slowest, or.outstanding())
			}
		}
	}
	s := ir.sess
	ir.credit.Lock()
	defer ir.credit.Unlock()
	slowest = max(slowest, ir.here)
	n := len(ir.owed) - slowest
	if n <= 0 || slowest > 0 && n < int(s.peerLimits.WindowEvents)/4 {
		return
	}
	for _, size := range ir.owed[:n] {
		ir.bytes -= size
	}
	ir.owed = append(ir.owed[:0], ir.owed[n:]...)
	s.link.send(s, wire.Credit{Route: ir.number, Count: uint32(n)}.Append(nil))
}

// forgetCredit keeps the places that are still to be given back: the peer has
// given the route's number free, and the next to have it would get them.
func (ir *inRoute) forgetCredit() {
	ir.credit.Lock()
	defer ir.credit.Unlock()
	ir.owed = nil
}

// onCredit takes back places that the peer no longer needs.
func (s *session) onCredit(e *wire.Credit) error {
	l := s.link
	l.mu.Lock()
	or := l.byRoute[e.Route]
	if or != nil && !or.of.known.Load() {
		or = nil // not announced there, or no longer
	}
	ok := or == nil || or.creditLocked(int(e.Count)) || or.of.withdrawn // nil: the sender has left meanwhile
	l.mu.Unlock()
	if !ok {
		return unless("credit", sig.NewError(sig.CodeProtocol, fmt.Sprintf("CREDIT of %d for route %d is more than it had", e.Count, e.Route)))
	}
	if or != nil {
		settleAll([]*outRoute{or})
	}
	return nil
}

// settleAll lets the origins of the routes have places back.
func settleAll(routes []*outRoute) {
	for _, or := range routes {
		if ir := origin(or.rt); ir != nil {
			ir.giveBack()
		}
	}
}
