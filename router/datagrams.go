package router

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// Events that may be lost travel in datagrams beside the connection's stream, each
// with its number, where the medium has datagrams: those that their sender has
// declared lossy (protocol.md §8.6), and those of which everybody behind the peer
// accepts loss, for as long as that holds: a period (§8.7).
//
//	sender's side:  [7] [8] [9] ..... idle: ROUTE 10 on the stream
//	receiver's:     [7]     [9]  8 is lost      10: nothing is
//
// The numbers are those that all events have, so that what is missing is found,
// and announced in its place, by whoever counts them.

// numbers reports whether the peer gets the route's events with their numbers.
func (s *session) numbers(or *outRoute) bool {
	return s.datagrams != nil && (or.rt.Lossy() || s.period(or) != 0)
}

// period is the one in which the peer gets the route's events with their numbers,
// although their sender has not declared them lossy; 0: there is none.
func (s *session) period(or *outRoute) uint32 {
	if !s.hasPeriods(or) {
		return 0
	}
	return or.period.Load()
}

func (s *session) hasPeriods(or *outRoute) bool {
	return s.datagrams != nil && s.features&wire.FeatureLossyInterest != 0 && !or.rt.Lossy()
}

// choose begins or ends a period, if whether the peer accepts loss has changed:
// the next ROUTE, which must come before the next event, says so. It is for
// whoever puts the route's events in order: its reader, or the lock.
func (s *session) choose(or *outRoute) (changed bool) {
	lossy := s.hasPeriods(or) && or.lossy.Load()
	if lossy == (or.period.Load() != 0) {
		return false
	}
	if lossy {
		or.periods++
		or.period.Store(or.periods)
	} else {
		or.period.Store(0)
	}
	or.started.Store(nil)
	return true
}

// numbered is numbers after choose, for the reader: the event in its hand is number
// seq.
func (out outRef) numbered(to *session, seq uint64) bool {
	if to.choose(out.or) {
		out.beginNow(to, seq)
	}
	return to.numbers(out.or)
}

// beginNow sends the route's ROUTE, if the peer has none. It reports false if
// nothing is to be sent.
func (out outRef) beginNow(to *session, seq uint64) bool {
	first := out.or.started.Load() != to
	if !out.g.begin(to, out.or, seq) {
		return false
	}
	out.g.handOver(segment{})
	out.g.aim(to)
	if first {
		to.link.mu.Lock()
		defer to.link.mu.Unlock()
		to.unsettleLocked(out.or)
	}
	return true
}

// numberedOverhead is the most that a NUMBERED's header takes.
const numberedOverhead = 1 + 5 + 10 + 5

// emitLocked queues one event. The caller sees to it that somebody writes.
func (s *session) emitLocked(or *outRoute, held bool, seq uint64, payload []byte) {
	period := s.period(or) // looked at once: an event that was kept is not its reader's
	if period == 0 && (s.datagrams == nil || !or.rt.Lossy()) {
		s.eventLocked(or, held, payload)
		return
	}
	s.numberedLocked(or, period, held, seq, payload)
}

// numberedLocked sends one event with its number: in a datagram, unless that might
// overtake what must come before it.
func (s *session) numberedLocked(or *outRoute, period uint32, held bool, seq uint64, payload []byte) {
	frame := wire.Numbered{Route: or.id, Seq: seq, Held: held, Period: period, Payload: payload}.Append(nil)
	s.tailLocked(or, seq)
	settled := s.settledLocked(or)
	if !held && settled {
		switch err := s.datagrams.SendDatagram(frame); {
		case err == nil:
			return
		case errors.Is(err, carrier.ErrNoRoom):
			s.link.stats.lost(sig.LossDatagram, 1)
			return
		}
	}
	plain := 0
	if held {
		or.holdLocked(len(payload))
	} else {
		plain = len(frame) + carrier.FrameOverhead
	}
	if held || settled { // else what was queued before it is about to be written
		s.unsettleLocked(or)
	}
	s.out.mark(s.out.events(carrier.AppendFrame(nil, frame), plain), len(frame))
	s.boundLocked()
}

// unsettleLocked notes that something of the route waits for the stream, which
// datagrams must not overtake.
func (s *session) unsettleLocked(or *outRoute) { or.unsettled = s.takes + settleAfter }

// settledLocked reports whether what was queued of the route is likely to be
// written: the writer has taken so often since. Held-back events must have come
// back.
func (s *session) settledLocked(or *outRoute) bool {
	written := s.takes >= or.unsettled || !s.writing && len(s.out.segs) == 0
	return written && or.started.Load() == s && len(or.sizes) == 0
}

// settleAfter: what gathers now goes into one of the next two writes, and is
// written by the one behind it.
const settleAfter = 3

// tail is how far the events of a route have been sent.
type tail struct {
	seq    uint64 // of the last one
	period uint32 // in which that was
	fresh  bool   // since the clock last looked
}

// tailTime is after how long, twice at most, a route that has fallen idle is said
// to stand where it stands.
const tailTime = 100 * time.Millisecond

// tailLocked notes an event whose arrival nobody can be sure of.
func (s *session) tailLocked(or *outRoute, seq uint64) {
	put(&s.tails, or, tail{seq, s.period(or), true})
	if s.tailClock == nil {
		s.tailClock = time.AfterFunc(tailTime, s.tellIdle)
	} else if len(s.tails) == 1 {
		s.tailClock.Reset(tailTime)
	}
}

// tellIdle says where the routes stand that have fallen idle.
func (s *session) tellIdle() {
	defer s.contain()
	l := s.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.ctx.Err() != nil {
		return
	}
	for or, t := range s.tails {
		if !t.fresh {
			s.tellTailLocked(or, t)
			continue
		}
		t.fresh = false
		s.tails[or] = t
	}
	if len(s.tails) > 0 {
		s.tailClock.Reset(tailTime)
	}
	s.kickLocked()
}

// tellTailsLocked says where all routes stand, before an envelope that vouches for
// what was before it.
func (s *session) tellTailsLocked(t wire.Type) {
	switch t {
	case wire.TypeSync, wire.TypeSynced, wire.TypeGoodbye, wire.TypeDisconnect:
		for or, t := range s.tails {
			s.tellTailLocked(or, t)
		}
	}
}

// tellBeforeLocked says what an envelope vouches for that is about to be queued.
func (s *session) tellBeforeLocked(t wire.Type) {
	s.tellTailsLocked(t)
	if t == wire.TypeSync || t == wire.TypeSynced {
		s.sayWantsLocked()
	}
	if t == wire.TypeSync {
		s.sayAsksLocked()
	}
}

// tellBefore is tellBeforeLocked for an envelope that is queued apart.
func (s *session) tellBefore(t wire.Type) {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	if s.link.sess == s {
		s.tellBeforeLocked(t)
	}
}

func (s *session) tellTailLocked(or *outRoute, t tail) {
	delete(s.tails, or)
	switch {
	case !or.of.numbered: // it was taken back, and the peer has been told
	case or.started.Load() != s: // whoever wants it again is told the number by a ROUTE that begins
	case s.period(or) != t.period: // the ROUTE of the next period tells, and this would overtake what is before that
	default:
		s.out.control(wire.Route{Route: or.id, Seq: t.seq + 1, Period: t.period}.Append(nil))
	}
}

// forwardNumbered passes an event on to a peer that gets the route's with their
// numbers.
func (ir *inRoute) forwardNumbered(out outRef, to *session, flags wire.Flags, payload []byte) {
	seq := ir.next - 1
	if !out.beginNow(to, seq) {
		return
	}
	if to.codecKey != ir.sess.codecKey {
		data, err := to.encoded(payload, ir.sess.codec)
		if err != nil {
			to.noteTail(out.or, seq)
			return // the number of the next one tells
		}
		payload = data
	}
	if len(payload)+numberedOverhead > to.maxFrame {
		to.noteTail(out.or, seq)
		return // the same
	}
	held := flags&wire.FlagHeld != 0 && to.features&wire.FeatureHeld != 0
	l := to.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sess == to && !out.or.gone && out.or.of.numbered {
		to.numberedLocked(out.or, to.period(out.or), held, seq, payload)
		to.kickLocked()
	}
}

// inHand are datagrams that have come and are not taken in yet.
type inHand struct {
	mu     sync.Mutex
	frames [][]byte
}

func (h *inHand) put(frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frames = append(h.frames, frame)
}

func (h *inHand) take() [][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	frames := h.frames
	h.frames = nil
	return frames
}

// expectDatagrams has them read from now on: the peer has said that it may send
// some. What has come before waits in the carrier. An idle connection, of which
// there may be many, does without the goroutine. It is for the reader.
func (s *session) expectDatagrams() {
	if s.datagrams != nil && !s.expecting {
		s.expecting = true
		s.writer.Go(s.readDatagrams) // ends with the connection
	}
}

// readDatagrams takes in datagrams, between the batches of the reader, until the
// connection ends.
func (s *session) readDatagrams() {
	defer s.contain()
	for {
		frame, err := s.datagrams.ReceiveDatagram(s.ctx)
		if err != nil {
			return // the reader finds out why
		}
		s.inHand.put(frame)
		if err := s.takeDatagrams(); err != nil {
			s.violation(err)
			return
		}
		if s.allowance != nil {
			s.holdBack() // what does not wait meanwhile is lost, as datagrams are
		}
	}
}

func (s *session) takeDatagrams() error {
	s.reads.Lock()
	defer s.reads.Unlock()
	s.heard.Store(true)
	s.clock = time.Time{}
	s.begins.busy()
	err := s.handleDatagrams()
	s.flush()
	s.rest()
	if b := s.local; b != nil {
		s.local = nil
		b.compact()
		s.link.inbound.push(b)
	}
	return err
}

// handleDatagrams takes in those that are in hand. It holds s.reads.
func (s *session) handleDatagrams() error {
	for _, frame := range s.inHand.take() {
		s.came++
		s.link.traffic.bytesIn.Add(uint64(len(frame)))
		var e wire.Numbered
		if err := e.Decode(frame); err != nil {
			return err
		}
		if e.Held {
			return sig.NewError(sig.CodeProtocol, "a held-back event in a datagram")
		}
		ir := s.in.get(e.Route)
		if ir == nil || e.Period != ir.period {
			continue // of a sender that has left or is yet to come, or of such a period
		}
		if err := s.onNumbered(&e); err != nil {
			return err
		}
	}
	return nil
}

// catchUp takes in what has come in datagrams before it is found to be missing.
func (s *session) catchUp() error {
	if s.datagrams == nil {
		return nil
	}
	over, cancel := context.WithCancel(s.ctx)
	cancel() // of those that are there already
	for range 1000 {
		frame, err := s.datagrams.ReceiveDatagram(over)
		if err != nil {
			break
		}
		s.inHand.put(frame)
	}
	return s.handleDatagrams()
}

// onNumbered takes in an event that says which it is: those that it skips are lost,
// and what is behind already has been announced so.
func (s *session) onNumbered(e *wire.Numbered) error {
	ir := s.in.get(e.Route)
	switch {
	case ir == nil:
		return unless("numbered of nobody", sig.NewError(sig.CodeProtocol, fmt.Sprintf("NUMBERED on route %d, which was not announced", e.Route)))
	case e.Period != 0 && s.features&wire.FeatureLossyInterest == 0:
		return sig.NewError(sig.CodeProtocol, "a period without the feature lossy interest")
	case e.Period == 0 && !ir.lossy && enforced("numbered and not lossy"):
		return sig.NewError(sig.CodeProtocol, fmt.Sprintf("NUMBERED on route %d, whose events must not be lost", e.Route))
	case e.Held && s.features&wire.FeatureHeld == 0:
		return sig.NewError(sig.CodeProtocol, "a held-back event without the feature held")
	case ir.ended.Load(), !e.Held && (!ir.known || ir.past || ir.lapsed.Load() || e.Seq < ir.next):
		return nil
	}
	if ir.known && !ir.past && e.Seq > ir.next && !ir.lapsed.Load() {
		if err := s.onLost(&wire.Lost{Route: e.Route, Count: e.Seq - ir.next, Reason: wire.LossDatagram}); err != nil {
			return err
		}
	}
	next := max(ir.next, e.Seq+1)
	ir.next = e.Seq
	var flags wire.Flags
	if e.Held {
		flags = wire.FlagHeld
	}
	batch := appendEventFrame(nil, flags, e.Route, e.Payload)
	_, err := s.event(batch, 0, len(batch))
	s.came-- // it was counted when it came, and is again as an event
	s.endRun()
	s.localEnd = -1 // it lies apart from the batch that is being read
	ir.next = next
	ir.position.Store(ir.next)
	return err
}

// onLossy learns which events of the next sender may be lost.
func (s *session) onLossy(e *wire.Lossy) error {
	if s.features&wire.FeatureDatagrams == 0 {
		return unless("lossy without the feature", sig.NewError(sig.CodeProtocol, "LOSSY without the feature datagrams"))
	}
	if len(s.lossyNext) > 0 {
		return unless("lossy twice", sig.NewError(sig.CodeProtocol, "LOSSY twice before a CONNECT"))
	}
	s.lossyNext = e.Events
	return nil
}

// takeLossy returns which of the events that a CONNECT declares may be lost.
func (s *session) takeLossy(e *wire.Connect) (list []uint32, err error) {
	list, s.lossyNext = s.lossyNext, nil
	if n := len(list); n > 0 && int(list[n-1]) >= len(e.Events) {
		return nil, unless("lossy beyond", sig.NewError(sig.CodeProtocol, fmt.Sprintf("LOSSY event %d of %q, which has %d", list[n-1], e.Name, len(e.Events))))
	}
	return list, nil
}

// lossyLocked says which events of a sender may be lost, before its CONNECT.
func (s *session) lossyLocked(a *announced) {
	if s.features&wire.FeatureDatagrams == 0 {
		return
	}
	var e wire.Lossy
	for i, or := range a.routes {
		if or.rt.Lossy() {
			e.Events = append(e.Events, uint32(i))
		}
	}
	if len(e.Events) > 0 {
		s.controlLocked(e.Append(nil))
	}
}

// noteTail is tailLocked for events that will not come.
func (s *session) noteTail(or *outRoute, seq uint64) {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	if s.link.sess == s && !or.gone {
		s.tailLocked(or, seq)
	}
}
