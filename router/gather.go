package router

import (
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// gather is what one reader has for one peer since its last flush. It is handed
// over under one lock for the whole batch that was read.
type gather struct {
	link   *link
	nth    int // in the order of making: sorts the peers of a route
	buf    []byte
	mem    *buffer // where buf lies; nil: nothing gathers
	plain  int
	held   []heldOut
	events int      // EVENT frames in buf
	large  bool     // buf may have a frame that is to be cut
	dirty  bool     // in the reader's touched list
	slow   bool     // much waited for the peer when something was handed over last
	to     *session // the connection it is for
	sess   *session // the reader's
}

// heldOut is a held-back event that takes a place in a route's window.
type heldOut struct {
	or   *outRoute
	size int
}

func (s *session) gatherFor(l *link) *gather {
	g := s.gathers[l]
	if g == nil {
		g = &gather{link: l, sess: s, nth: s.gathered}
		s.gathered++
		put(&s.gathers, l, g)
	}
	return g
}

// relay passes a frame that is about no route on to another connection, with
// what else this batch brings for it.
func (s *session) relay(to *session, frame []byte) {
	g := s.gatherFor(to.link)
	g.open(to)
	g.buf = carrier.AppendFrame(g.buf, frame)
	g.large = g.large || len(frame) > cutFrom
}

// aim says which connection the frames that follow are for.
func (g *gather) aim(to *session) {
	if !g.dirty {
		g.dirty = true
		g.sess.touched = append(g.sess.touched, g)
	}
	if g.to == to {
		return
	}
	if g.to != nil {
		g.reset()        // what was for a connection that is gone
		g.sess.stretch++ // and so was what has been found out
	}
	g.to = to
}

// open makes the batch ready for a frame to a connection.
func (g *gather) open(to *session) {
	g.aim(to)
	if len(g.buf) >= mediumBuffer*3/4 {
		g.handOver(segment{})
	}
	if g.mem == nil {
		g.mem = newBuffer(mediumBuffer)
		g.buf = g.mem.bytes[:0]
	}
}

// put adds a run of plain EVENT frames. They are queued where they lie if mem is
// given, and copied otherwise.
func (g *gather) put(run []byte, events int, mem *buffer, large bool) {
	g.events += events
	if mem != nil {
		g.handOver(segment{buf: run, plain: len(run), mem: mem, large: large})
		return
	}
	g.open(g.to)
	if len(g.buf)+len(run) > cap(g.buf) {
		g.events -= events // not of what goes now
		g.handOver(segment{})
		g.events += events
		g.open(g.to)
	}
	g.buf = append(g.buf, run...)
	g.plain += len(run)
	g.large = g.large || large
}

// begin makes the batch ready for a frame of the route to a connection, whose
// event has the number seq. It reports false if the frame is not to be sent.
func (g *gather) begin(to *session, or *outRoute, seq uint64) bool {
	g.open(to)
	if or.started.Load() == to {
		return true
	}
	e := or.startsAt(to, seq)
	if or.awaitsOwner() {
		if e.Begin {
			or.begins.Store(true)
		}
		or.started.Store(nil)
		return false
	}
	var scratch [32]byte
	g.buf = carrier.AppendFrame(g.buf, e.Append(scratch[:0]))
	return true
}

// added accounts for an EVENT that was appended.
func (g *gather) added(or *outRoute, flags wire.Flags, payload, size int) {
	g.events++
	if flags&wire.FlagHeld != 0 {
		g.held = append(g.held, heldOut{or, payload})
	} else {
		g.plain += size
	}
	g.large = g.large || size > cutFrom
}

// lost tells the peer of events that cannot be passed to it.
func (g *gather) lost(to *session, or *outRoute, seq, n uint64) {
	if !g.begin(to, or, seq) {
		return
	}
	var scratch [32]byte
	g.buf = carrier.AppendFrame(g.buf, wire.Lost{Route: or.id, Count: n, Reason: uint8(sig.LossBadPayload)}.Append(scratch[:0]))
	g.link.stats.lost(sig.LossBadPayload, n)
}

// control appends another frame of the route.
func (g *gather) control(to *session, or *outRoute, seq uint64, frame []byte) {
	if g.begin(to, or, seq) {
		g.buf = carrier.AppendFrame(g.buf, frame)
	}
}

// handOver queues what has gathered, and behind it another segment if that is
// not empty, of which the memory stays the caller's as well. If their connection
// is gone the number of the next event tells the peer what it has missed.
func (g *gather) handOver(next segment) {
	l := g.link
	l.mu.Lock()
	to := g.to
	claimed := to != nil && (to == l.sess || to == l.leaving) && g.queueLocked(to, next)
	l.mu.Unlock()
	g.reset()
	if claimed {
		to.writeClaimed()
	}
}

// queueLocked queues it for the connection, and reports whether the caller is to
// write it.
func (g *gather) queueLocked(s *session, next segment) (claimed bool) {
	l := g.link
	if g.sess.retired != l.node.retired.Load() {
		g.buf = append(g.buf, next.buf...)
		g.large = g.large || next.large
		next = segment{}
		g.dropGone()
	}
	l.traffic.eventsOut += uint64(g.events)
	for _, h := range g.held {
		if !h.or.gone {
			h.or.holdLocked(h.size)
		}
	}
	switch {
	case len(g.buf) >= handOver:
		s.out.adopt(segment{g.buf, g.plain, g.mem, g.large})
		g.buf, g.mem = nil, nil
	case len(g.buf) > 0:
		if seg := s.out.events(g.buf, g.plain); g.large {
			s.out.mark(seg, len(g.buf))
		}
	}
	if len(next.buf) > 0 {
		next.mem.hold()
		s.out.adopt(next)
	}
	s.boundLocked()
	g.slow = s.out.bytes > l.limits.OutboundBytes/4
	claimed = len(g.sess.touched) <= claimPeers && s.claimLocked()
	s.kickLocked()
	return claimed
}

// dropGone takes out the frames of routes whose sender has left meanwhile, or was
// taken back: the peer has been told already. Call it with the link's lock held.
func (g *gather) dropGone() {
	kept := make([]byte, 0, len(g.buf))
	g.plain, g.events = 0, 0
	for frame := range carrier.Frames(g.buf) {
		t, flags := wire.TypeOf(frame)
		if route, ok := routeOf(t, frame); ok {
			if or := g.link.byRoute[route]; or == nil || !or.of.numbered || or.of.withdrawn && or.started.Load() != g.to {
				continue
			}
		}
		kept = carrier.AppendFrame(kept, frame)
		if t == wire.TypeEvent {
			g.events++
		}
		if t == wire.TypeEvent && flags&wire.FlagHeld == 0 {
			g.plain += len(frame) + carrier.FrameOverhead
		}
	}
	g.buf = append(g.buf[:0], kept...)
}

// routeOf returns the route that a frame of a gather is about, if it is about
// one.
func routeOf(t wire.Type, frame []byte) (route uint32, ok bool) {
	switch t {
	case wire.TypeEvent:
		_, route, _, err := wire.ParseEvent(frame)
		return route, err == nil
	case wire.TypeNumbered:
		var e wire.Numbered
		return e.Route, e.Decode(frame) == nil
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
	g.buf, g.plain, g.events, g.held, g.large = g.buf[:0], 0, 0, g.held[:0], false
}

// flush hands over everything gathered. Afterwards the reader may take in what
// must not overtake it. The run has been ended.
func (s *session) flush() {
	for _, ir := range s.noted { // first: a connection that is lost meanwhile is told how far it was to come
		ir.position.Store(ir.next)
	}
	s.noted = s.noted[:0]
	s.stretch++
	s.finishAll()
	if s.replyTimes != nil && s.timed {
		s.timed = false
		s.link.stats.requestTimes.merge(s.replyTimes)
	}
	for _, t := range s.relayed {
		t.answered()
	}
	s.relayed = s.relayed[:0]
	s.link.traffic.eventsIn.Add(s.arrived)
	s.came += int(s.arrived)
	s.arrived = 0
	s.settleCredit()
	s.retired = s.link.node.retired.Load()
	if len(s.gathers) > 4*len(s.senders)+1024 {
		s.forgetGathers()
	}
}

// finishAll hands over to each peer what is left for it. Those come last that would
// hold up the others: where something may have to be dropped, and of several
// connections of one principal, each of which has a goroutine woken that writes.
func (s *session) finishAll() {
	last := 0
	for _, g := range s.touched {
		if g.slow || len(s.touched) > claimPeers && g.to != nil && g.to.writeTurn.many() {
			s.touched[last] = g
			last++
			continue
		}
		g.finish()
	}
	for _, g := range s.touched[:last] {
		g.finish()
	}
	s.touched = s.touched[:0]
}

// finish hands over what is left, and lets go of what the gather had for this batch.
func (g *gather) finish() {
	if len(g.buf) > 0 {
		g.handOver(segment{})
	}
	g.mem.free()
	g.dirty, g.to, g.buf, g.mem = false, nil, nil, nil
}

// forgetGathers drops the batches of peers that are gone.
func (s *session) forgetGathers() {
	for l := range s.gathers {
		if l.current.Load() == nil && l.role == wire.RoleServer {
			delete(s.gathers, l)
		}
	}
}
