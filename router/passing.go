package router

import (
	"fmt"
	"time"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// passOn asks the peer that owns the sender, without a goroutine of ours.
func (s *session) passOn(e *wire.Request, to *sig.Sender, owner *link) {
	next := owner.current.Load()
	if next == nil {
		s.refuse(e.ID, sig.NewError(sig.CodeConnectionLost, quoted(to.Name())))
		return
	}
	payload := e.Payload
	if next.codec.ID() != s.codec.ID() {
		var err error
		if payload, err = codec.Transcode(nil, s.codec, next.codec, payload); err != nil {
			s.refuse(e.ID, sig.NewError(sig.CodeBadPayload, err.Error()))
			return
		}
	}
	if len(payload)+requestOverhead > next.maxFrame {
		s.refuse(e.ID, sig.NewError(sig.CodeTooLarge, fmt.Sprintf("the payload has %d bytes", len(payload))))
		return
	}
	if !next.requests.takePlace(s) {
		s.refuseBusy(e.ID, quoted(to.Name())+" has too many requests under way (PendingRequests)")
		return
	}
	if err := next.claimRoom(sig.CodeBusy, len(payload)); err != nil {
		<-next.requests.slots
		s.refuse(e.ID, err)
		return
	}
	a := &asked{to: next, sender: to, method: sig.Name(e.Method), from: s, fromID: e.ID, since: s.now()}
	a.until = a.since.Add(s.patienceFor(e))
	t := &s.requests
	t.mu.Lock()
	t.passed[e.ID] = a
	t.sweepByLocked(a.until)
	t.mu.Unlock()
	if _, err := next.ask(a); err != nil {
		next.freeRoom(len(payload))
		a.finish(nil, err)
		return
	}
	out := wire.Request{ID: a.id, Sender: a.number, TimeoutMS: e.TimeoutMS, Method: e.Method, Payload: payload}
	s.relayClaimed(next, s.appended(out.Append), len(payload))
}

// keptPlaces is which part of a peer's places for requests is kept for callers that
// have few of them: nobody who asks without end keeps others from being answered.
const keptPlaces = 8

// takePlace takes a place for a request that is passed on for a caller. When few are
// left, they are for those who have hardly any; connections of one principal are one
// caller.
func (t *requestTable) takePlace(caller *session) bool {
	kept := cap(t.slots) / keptPlaces
	if cap(t.slots)-len(t.slots) <= kept && t.placesOf(caller) >= max(kept/2, 1) && kept > 0 {
		return false
	}
	select {
	case t.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// placesOf is how many requests are under way for a caller.
func (t *requestTable) placesOf(s *session) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.places[callerOf(s)]
}

// caller is whom a request is passed on for: a principal, or a connection of which
// nobody knows who it is.
type caller struct {
	id, method string
	session    *session
}

func callerOf(s *session) caller {
	if s.principal.Anonymous() {
		return caller{session: s}
	}
	return caller{id: s.principal.ID, method: s.principal.Method}
}

// takeLocked takes an entry that is there from the table.
func (t *requestTable) takeLocked(a *asked) {
	delete(t.asked, a.id)
	if a.from == nil {
		return
	}
	if by := callerOf(a.from); t.places[by] > 1 {
		t.places[by]--
	} else {
		delete(t.places, by)
	}
}

// patienceFor is how long an answer is waited for. The caller keeps its own
// deadline; this one is for a caller that is gone, or has none.
func (s *session) patienceFor(e *wire.Request) time.Duration {
	limit := s.link.limits.ReplyTTL
	if e.TimeoutMS > 0 && e.TimeoutMS < maxTimeoutMS {
		return min(time.Duration(e.TimeoutMS)*time.Millisecond+passGrace, limit)
	}
	return limit
}

// passGrace is how long after its deadline a request that was passed on is kept
// for a late answer.
const passGrace = time.Second

// abandon gives up on a request that was passed on.
func (a *asked) abandon() {
	if a.to.requests.drop(a) {
		a.from.hit(LimitReplyTTL)
		a.to.link.send(a.to, wire.Cancel{ID: a.id}.Append(nil))
		a.finish(nil, sig.NewError(sig.CodeTimeout, quoted(a.sender.Name())))
	}
}

// sweepByLocked has what was passed on looked through at a time, if that is not
// to happen earlier. One timer serves all, and most requests are over by then.
func (t *requestTable) sweepByLocked(at time.Time) {
	if at.IsZero() || t.ended || !t.sweepAt.IsZero() && !at.Before(t.sweepAt) {
		return
	}
	t.sweepAt = at
	if t.sweep == nil {
		t.sweep = time.AfterFunc(time.Until(at), t.sweepPassed)
		return
	}
	t.sweep.Reset(time.Until(at))
}

// sweepPassed abandons what was passed on and is overdue.
func (t *requestTable) sweepPassed() {
	now := time.Now()
	var overdue []*asked
	var next time.Time
	t.mu.Lock()
	for _, a := range t.passed {
		switch {
		case a.until.IsZero():
		case !a.until.After(now):
			overdue = append(overdue, a)
		case next.IsZero() || a.until.Before(next):
			next = a.until
		}
	}
	t.sweepAt = time.Time{}
	t.sweepByLocked(next)
	t.mu.Unlock()
	for _, a := range overdue {
		a.abandon()
	}
}

// finish gives the outcome to whoever asked. payload is in a.to's codec and may
// be lent.
func (a *asked) finish(payload []byte, err error) {
	if a.from == nil {
		a.tell(payload, err)
		return
	}
	if a.leave() {
		reply := a.from.passedReply(a, payload, err)
		a.from.link.send(a.from, reply.Append(nil))
		a.from.freeRoom(len(reply.Payload))
	}
	a.from.requests.answered()
}

// tell gives the outcome to a caller of this process.
func (a *asked) tell(payload []byte, err error) {
	o := outcome{err: err}
	if err == nil {
		own := a.to.ownCopy(payload)
		o.payload = &own
	}
	a.reply <- o
}

// leave takes a request that was passed on from the peer that asked. It reports
// false if that has cancelled it meanwhile, and otherwise the caller says when
// the answer is on its way, by answered.
func (a *asked) leave() (open bool) {
	<-a.to.requests.slots
	t := &a.from.requests
	t.mu.Lock()
	defer t.mu.Unlock()
	if open = t.passed[a.fromID] == a; open {
		delete(t.passed, a.fromID)
	}
	t.answering++
	return open
}

// passedReply is another peer's answer as this one gets it. For its payload room is
// claimed.
func (s *session) passedReply(a *asked, payload []byte, err error) wire.Reply {
	if err == nil {
		if payload, err = s.passedPayload(payloadIn{payload, a.to.codec}); err == nil {
			err = s.roomForAnswer(payload)
		}
	}
	if err != nil {
		return refusal(a.fromID, err)
	}
	return wire.Reply{ID: a.fromID, Payload: payload}
}
