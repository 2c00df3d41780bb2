package router

import (
	"context"
	"errors"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// lead has a caller that is alone with its request read the answer itself, while
// one such request follows the other: the reader stands by meanwhile. Else the
// reader would have to wake the caller, for which the runtime wakes a thread as
// well, on a processor that the peer could use.
//
//	reader  receive answer, stand by .................................. receive
//	caller  ask             ask, receive answer   ask, receive answer   .
//	patrol          .                .                   .              . nobody has read since
//
// In between nobody reads. So a patrol passes by in every inlineTick: when nobody
// has read since the time before, it gives the reader its role back, and a caller
// that has waited so long is interrupted, which does that as well. What comes
// meanwhile thus waits for two ticks at most, and only when something other than
// the next request follows many quick ones. It is all off as soon as anything but
// the one answer comes.
type lead struct {
	// turn gives the reader its role back, with what has ended the reading, if
	// anything has. Capacity 1: the reader waits for it, and whoever makes role
	// byReader sends it once.
	turn chan error

	// Guarded by requests.mu.
	role   role
	on     bool // the patrol is on its way: only then may role be byNoOne
	reads  uint64
	seen   uint64 // of them, when the patrol last passed
	patrol *time.Timer
	ctx    context.Context // of a caller's Receive
	cancel context.CancelFunc

	// Of whoever reads.
	streak int       // answers that were all there was, in quick succession
	need   int       // so many it takes: each time twice as many,
	began  uint64    // unless callers have read as often since; reads at the time
	latest time.Time // when the last one came
}

// role says who reads, and has what is the reader's alone.
type role uint8

const (
	byReader role = iota
	byOneCaller
	byNoOne // whoever asks next, or the patrol, decides
)

// leadAfter and leadAfterMost bound lead.need.
const (
	leadAfter     = 16
	leadAfterMost = 16 << 10
)

// violated is an error that is the peer's fault.
type violated struct{ error }

func (v violated) Unwrap() error { return v.error }

// takeBatch takes in what receive has returned. lone says that it was one answer to
// a caller of this process, and nothing else.
func (s *session) takeBatch(batch []byte, err error) (lone bool, _ error) {
	switch {
	case err == nil:
	case errors.Is(err, carrier.ErrFrameTooLarge), errors.Is(err, carrier.ErrProtocol):
		return false, violated{err} // the peer can still be told
	default:
		return false, err
	}
	s.heard.Store(true)
	s.fresh = s.wasSilent()
	s.link.traffic.bytesIn.Add(uint64(len(batch)))
	t, _ := wire.TypeOf(batch[carrier.FrameOverhead:])
	lone = t == wire.TypeReply && carrier.FrameEnd(batch, 0) == len(batch)
	if err := s.takeIn(batch); err != nil {
		return false, violated{err}
	}
	return lone && s.woken, nil
}

// mayStandBy reports whether the batch that has come makes it likely that the next
// one is for a caller alone to read.
func (s *session) mayStandBy(lone bool) bool {
	l := s.lead
	if l == nil {
		if !lone || s.link.role != wire.RoleClient || !carrier.CanResume(s.conn) {
			return false
		}
		l = s.beginLead()
	}
	if !lone || s.latest.Sub(l.latest) > inlineTick {
		l.streak = 0
	}
	if !lone {
		return false
	}
	l.latest = s.latest
	l.streak++
	return l.streak > max(l.need, leadAfter)
}

func (s *session) beginLead() *lead {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	s.lead = &lead{turn: make(chan error, 1)}
	return s.lead
}

// standBy has the reader wait until it is to read again. The error is of whoever
// has read meanwhile.
func (s *session) standBy() error {
	t, l := &s.requests, s.lead
	if !l.leave(t) {
		return nil
	}
	var err error
	select {
	case err = <-l.turn:
	case <-s.ctx.Done():
		if !l.takeBack(t) {
			err = <-l.turn // from the caller, whose Receive fails
		}
	}
	l.streak = 0
	if l.need = min(2*max(l.need, leadAfter), leadAfterMost); l.reads-l.began >= uint64(l.need) {
		l.need = leadAfter
	}
	return err
}

// takeBack makes the reader read if nobody does.
func (l *lead) takeBack(t *requestTable) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.role != byNoOne {
		return false
	}
	l.role = byReader
	return true
}

// leave begins the time in which callers read, unless one waits already.
func (l *lead) leave(t *requestTable) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.asked) > 0 || t.ended {
		return false
	}
	if l.ctx == nil || l.ctx.Err() != nil {
		l.ctx, l.cancel = context.WithCancel(context.Background())
	}
	l.role, l.on, l.seen, l.began = byNoOne, true, l.reads, l.reads
	if l.patrol == nil {
		l.patrol = time.AfterFunc(inlineTick, func() { l.look(t) })
	} else {
		l.patrol.Reset(inlineTick)
	}
	return true
}

// look is the patrol.
func (l *lead) look(t *requestTable) {
	t.mu.Lock()
	defer t.mu.Unlock()
	still := l.reads == l.seen
	l.seen = l.reads
	switch {
	case l.role == byReader:
		l.on = false
	case !still:
		l.patrol.Reset(inlineTick)
	case l.role == byNoOne:
		l.role, l.on = byReader, false
		l.turn <- nil
	default:
		l.on = false
		l.cancel() // the caller gives the role back
	}
}

// readAnswer has the caller read until its answer has come, if nobody reads and
// it comes soon.
func (s *session) readAnswer(a *asked) {
	t := &s.requests
	t.mu.Lock()
	mine := s.lead != nil && s.lead.role == byNoOne
	if mine {
		s.lead.role = byOneCaller
	}
	t.mu.Unlock()
	if !mine {
		return
	}
	lone, err := false, errLead
	defer func() { s.giveRole(lone, err) }() // also when something of ours panics
	lone, err = s.readUntil(a)
}

var errLead error = sig.NewError(sig.CodeConnectionLost, "a caller that was reading has ended")

// readUntil reads until the answer has come. lone says that nothing else has.
func (s *session) readUntil(a *asked) (lone bool, err error) {
	defer s.contain()
	l := s.lead
	lone = true
	for len(a.reply) == 0 {
		one, err := s.takeBatch(s.receive(l.ctx))
		if err != nil {
			return false, err
		}
		if lone = lone && one; !lone {
			break // it may be a request, which the reader may have to answer
		}
		s.woken = false // who waits for it is here
	}
	return lone, nil
}

// giveRole ends a caller's reading: it leaves the role for the next one, or gives
// it back to the reader.
func (s *session) giveRole(lone bool, err error) {
	t, l := &s.requests, s.lead
	t.mu.Lock()
	if lone && err == nil && l.on && len(t.asked) == 0 && s.ctx.Err() == nil {
		l.role = byNoOne
		l.reads++
		t.mu.Unlock()
		return
	}
	if l.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // the patrol has interrupted it
	}
	l.role = byReader
	t.mu.Unlock()
	l.turn <- err
}

// endLocked stops the patrol: nobody reads any more. l may be nil. Call it with the
// lock of requests held.
func (l *lead) endLocked() {
	if l != nil && l.patrol != nil {
		l.patrol.Stop()
		l.cancel()
	}
}
