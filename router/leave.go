package router

import (
	"context"
	"time"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// leave ends a connection that works, for another one, so that nothing which was
// emitted here is lost or arrives twice:
//
//	emitted:     on this connection | kept ....................... | on the next
//	this side:                      DISCONNECT... SYNC     GOODBYE
//	the server:                                     SYNCED         hangs up
//
// The senders leave as by a lost connection, so that their lives go on and
// whoever counts their events goes on counting (protocol.md §8.2); and they leave
// before the connection does, so that their names are free wherever it leads.
// Requests under way are waited for, but no longer than patience. It reports
// false, having changed nothing, if the connection ends or does not answer within
// that; else the session ends.
func (s *session) leave(patience time.Duration, reason string) bool {
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	if s.barrier(ctx) != nil { // a line this slow would keep everything waiting
		return false
	}
	s.requests.silent(ctx, s.ctx)
	if !s.detach(ctx) {
		return false
	}
	s.link.wantAll()
	s.awaitReaders()
	b := s.withdraw(reason)
	if s.leftErr = s.await(s.ctx, b); s.leftErr == nil { // a dead line ends by the keepalive
		s.farewell(reason)
	}
	return true
}

// detach parts the session from its link at a moment when no request is under
// way, or when ctx ends: from then on the link has no connection.
func (s *session) detach(ctx context.Context) bool {
	l, t := s.link, &s.requests
	for {
		l.mu.Lock()
		t.mu.Lock()
		silent := t.silentLocked() || ctx.Err() != nil
		t.mu.Unlock()
		switch {
		case l.sess != s || s.ctx.Err() != nil:
			l.mu.Unlock()
			return false
		case silent:
			s.left = make(chan struct{}) // closed by link.close
			l.sess, l.leaving = nil, s
			l.current.Store(nil)
			l.mu.Unlock()
			return true
		}
		l.mu.Unlock()
		t.silent(ctx, s.ctx)
	}
}

// awaitReaders returns when no reader of another connection has anything for
// this one in its hands.
func (s *session) awaitReaders() {
	for _, other := range s.link.node.others(s.link) {
		o := other.session()
		if o == nil {
			continue
		}
		if rest := o.begins.atRest(); rest != nil {
			select {
			case <-rest:
			case <-o.ctx.Done():
			case <-s.ctx.Done():
			}
		}
	}
}

// withdraw takes back all senders. The barrier is behind the last of them.
func (s *session) withdraw(reason string) *barrier {
	l := s.link
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.inOrder() {
		if a.numbered {
			s.sendEarlyLocked(a, nil)
			s.controlLocked(wire.Disconnect{Sender: a.info.number, Code: wire.CodeConnectionLost, Reason: reason}.Append(nil))
			a.numbered = false
		}
	}
	return s.barrierLocked()
}

// awaitLeft returns when a connection that is being left is closed, and why the
// peer may not have taken in all that was sent on it.
func (s *session) awaitLeft(ctx context.Context) error {
	select {
	case <-s.left:
		return s.leftErr
	case <-ctx.Done():
		return ctxError(ctx, "leaving "+s.describe())
	}
}

// farewell says goodbye to a peer that has taken in all there was.
func (s *session) farewell(reason string) {
	s.link.mu.Lock()
	s.controlLocked(wire.Goodbye{Code: wire.CodeClosed, Reason: reason}.Append(nil))
	s.link.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.ctx, partingTime)
	defer cancel()
	if s.drained(ctx) == nil {
		<-ctx.Done() // the peer hangs up, having read it, or says nothing more
	}
	s.fail(sig.NewError(sig.CodeClosed, reason))
}
