package router

import (
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// gather is what one reader has for one peer since its last flush. It is handed
// over under one lock for the whole batch that was read.
type gather struct {
	link  *link
	buf   []byte
	plain int
	held  []heldOut
	dirty bool     // in the reader's touched list
	to    *session // the connection it is for
	sess  *session // the reader's
}

// heldOut is a held-back event that takes a place in a route's window.
type heldOut struct {
	or   *outRoute
	size int
}

func (s *session) gatherFor(l *link) *gather {
	g := s.gathers[l]
	if g == nil {
		g = &gather{link: l, sess: s}
		s.gathers[l] = g
	}
	return g
}

// relay passes a frame that is about no route on to another connection, with
// what else this batch brings for it.
func (s *session) relay(to *session, frame []byte) {
	g := s.gatherFor(to.link)
	g.open(to)
	g.buf = carrier.AppendFrame(g.buf, frame)
}

// open makes the batch ready for a frame to a connection.
func (g *gather) open(to *session) {
	if !g.dirty {
		g.dirty = true
		g.sess.touched = append(g.sess.touched, g)
		g.buf = newSegment()
	}
	if g.to != to {
		g.reset() // what was for a connection that is gone
		g.to = to
	}
	if len(g.buf) >= segmentSize*3/4 {
		g.handOver()
	}
}

// begin makes the batch ready for a frame of the route to a connection, whose
// event has the number seq.
func (g *gather) begin(to *session, or *outRoute, seq uint64) {
	g.open(to)
	if or.started.Load() != to {
		var scratch [32]byte
		g.buf = carrier.AppendFrame(g.buf, or.startsAt(to, seq).Append(scratch[:0]))
	}
}

// added accounts for an EVENT that was appended.
func (g *gather) added(or *outRoute, flags wire.Flags, payload, size int) {
	if flags&wire.FlagHeld != 0 {
		g.held = append(g.held, heldOut{or, payload})
	} else {
		g.plain += size
	}
}

// lost tells the peer of events that cannot be passed to it.
func (g *gather) lost(to *session, or *outRoute, seq, n uint64) {
	g.begin(to, or, seq)
	var scratch [32]byte
	g.buf = carrier.AppendFrame(g.buf, wire.Lost{Route: or.id, Count: n, Reason: uint8(sig.LossBadPayload)}.Append(scratch[:0]))
	g.link.stats.lost(sig.LossBadPayload, n)
}

// control appends another frame of the route.
func (g *gather) control(to *session, or *outRoute, seq uint64, frame []byte) {
	g.begin(to, or, seq)
	g.buf = carrier.AppendFrame(g.buf, frame)
}

// handOver queues the batch for writing, unless its connection is gone: then the
// number of the next event tells the peer what it has missed.
func (g *gather) handOver() {
	l := g.link
	l.mu.Lock()
	s := l.sess
	if s == nil || s != g.to {
		l.mu.Unlock()
		g.reset()
		return
	}
	if g.sess.retired != l.node.retired.Load() {
		g.dropGone()
	}
	if len(g.buf) == 0 {
		l.mu.Unlock()
		g.reset()
		return
	}
	for _, h := range g.held {
		if !h.or.gone {
			h.or.holdLocked(h.size)
		}
	}
	if len(g.buf) >= handOver {
		s.out.adopt(g.buf, g.plain)
		g.buf = newSegment()
	} else {
		s.out.events(g.buf, g.plain)
	}
	s.boundLocked()
	s.kickLocked()
	l.mu.Unlock()
	g.reset()
}

// dropGone takes out the frames of routes whose sender has left meanwhile: the
// peer has been told already. Call it with the link's lock held.
func (g *gather) dropGone() {
	kept := newSegment()
	g.plain = 0
	for frame := range carrier.Frames(g.buf) {
		t, flags := wire.TypeOf(frame)
		if route, ok := routeOf(t, frame); ok && g.link.byRoute[route] == nil {
			continue
		}
		kept = carrier.AppendFrame(kept, frame)
		if t == wire.TypeEvent && flags&wire.FlagHeld == 0 {
			g.plain += len(frame) + carrier.FrameOverhead
		}
	}
	freeSegment(g.buf)
	g.buf = kept
}

// routeOf returns the route that a frame of a gather is about, if it is about
// one.
func routeOf(t wire.Type, frame []byte) (route uint32, ok bool) {
	switch t {
	case wire.TypeEvent:
		_, route, _, err := wire.ParseEvent(frame)
		return route, err == nil
	case wire.TypeRoute:
		var e wire.Route
		return e.Route, e.Decode(frame) == nil
	case wire.TypeLost:
		var e wire.Lost
		return e.Route, e.Decode(frame) == nil
	}
	return 0, false
}

func (g *gather) reset() {
	g.buf, g.plain, g.held = g.buf[:0], 0, g.held[:0]
}

// flush hands over everything gathered. Afterwards the reader may take in what
// must not overtake it.
func (s *session) flush() {
	s.publish(nil) // first: a connection that is lost meanwhile is told how far it was to come
	for _, g := range s.touched {
		if len(g.buf) > 0 {
			g.handOver()
		}
		g.dirty, g.to = false, nil
		freeSegment(g.buf)
		g.buf = nil
	}
	s.touched = s.touched[:0]
	for _, t := range s.relayed {
		t.answered()
	}
	s.relayed = s.relayed[:0]
	s.link.stats.eventsIn.Add(s.arrived)
	s.arrived = 0
	s.settleCredit()
	s.retired = s.link.node.retired.Load()
	if len(s.gathers) > 4*len(s.senders)+1024 {
		s.forgetGathers()
	}
}

// publish notes, for other goroutines, where the route of the latest events
// stands, and goes on with the next one.
func (s *session) publish(next *inRoute) {
	if s.latest != nil {
		s.latest.position.Store(s.latest.next)
	}
	s.latest = next
}

// forgetGathers drops the batches of peers that are gone.
func (s *session) forgetGathers() {
	for l := range s.gathers {
		if l.current.Load() == nil && l.role == wire.RoleServer {
			delete(s.gathers, l)
		}
	}
}
