package router

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// syncTable holds the barriers of one connection. One SYNC at a time is under
// way; all who need a later one share the next. The link's lock guards it.
//
//	SUBSCRIBE a   SYNC 1   SUBSCRIBE b   SUBSCRIBE c   SYNCED 1   SYNC 2
//	              flight   next: for all who wait for b or c      flight
type syncTable struct {
	last    uint64
	flight  *barrier                   // sent, not answered
	next    *barrier                   // to be sent once that is answered
	asked   int                        // the peer's, being worked on
	refused map[sig.Pattern]*sig.Error // what the peer does not grant
}

// barrier is a SYNC. Its answer says that everything sent before it is in force.
type barrier struct {
	id    uint64
	since time.Time
	done  chan struct{} // closed when answered
}

// maxSyncs is how many barriers of one peer are worked on at a time.
const maxSyncs = 64

// Sync implements [sig.Peer]: it returns when what this registry wants is in
// force at the peer and everywhere behind it. A client without a connection
// waits for one. A server does not wait for a client that is gone, or has been
// silent for SyncPatience.
func (l *link) Sync(ctx context.Context) error {
	for {
		s, b, online := l.outstanding()
		switch {
		case b != nil && l.role == wire.RoleServer:
			s.awaitPatiently(ctx, b)
			if ctx.Err() != nil {
				return ctxError(ctx, "waiting for "+s.describe())
			}
			return nil
		case b != nil:
			if err := s.await(ctx, b); err == nil || ctx.Err() != nil {
				return err
			}
			continue // the connection was lost: wait for the next
		case online == nil:
			return nil // nothing to wait for, or nobody
		}
		select {
		case <-online:
		case <-ctx.Done():
			return ctxError(ctx, "not connected to a router")
		}
	}
}

// outstanding returns the barrier after which all that the peer was asked for is
// in force, nil if it is already. A client without a connection gets a channel
// that is closed when there is one again; it is nil if there never will be.
func (l *link) outstanding() (s *session, b *barrier, online <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, online = l.connectionLocked(); s != nil {
		b = s.outstandingLocked()
	}
	return s, b, online
}

// connectionLocked returns the session, if it has not ended, or what outstanding
// says of a client without one.
func (l *link) connectionLocked() (s *session, online <-chan struct{}) {
	if s = l.sess; s != nil && s.ctx.Err() == nil {
		return s, nil
	}
	if l.role == wire.RoleClient && !l.closed {
		if l.online == nil {
			l.online = make(chan struct{}) // closed by open and detach
		}
		online = l.online
	}
	return nil, online
}

func (s *session) outstandingLocked() *barrier {
	switch t := &s.syncs; {
	case s.link.unsynced:
		return s.barrierLocked()
	case t.next != nil:
		return t.next
	default:
		return t.flight
	}
}

// barrierLocked returns the next barrier, which is sent at once if none is under
// way.
func (s *session) barrierLocked() *barrier {
	t := &s.syncs
	if t.next == nil {
		t.next = &barrier{since: time.Now(), done: make(chan struct{})}
		s.link.node.restless.add(s.link)
	}
	b := t.next
	s.sendSyncLocked()
	return b
}

func (s *session) sendSyncLocked() {
	t := &s.syncs
	if t.flight != nil || t.next == nil {
		return
	}
	t.last++
	t.flight, t.next = t.next, nil
	t.flight.id = t.last
	s.link.unsynced = false
	s.controlLocked(wire.Sync{ID: t.last}.Append(nil))
}

// barrier asks the peer to answer once everything sent so far is in force, and
// waits for that.
func (s *session) barrier(ctx context.Context) error { return s.await(ctx, s.beginBarrier()) }

func (s *session) beginBarrier() *barrier {
	l := s.link
	s.sendAllEarly()
	b := &barrier{} // of a connection that is over: never answered
	claimed := false
	l.mu.Lock()
	if l.sess == s {
		s.corked = true
		b = s.barrierLocked()
		s.corked = false
		claimed = s.claimLocked()
	}
	l.mu.Unlock()
	if claimed {
		s.writeClaimed()
	}
	return b
}

func (s *session) await(ctx context.Context, b *barrier) error {
	select {
	case <-b.done:
		return nil
	case <-s.ctx.Done():
		return s.cause()
	case <-ctx.Done():
		return ctxError(ctx, "waiting for "+s.describe())
	}
}

// awaitPatiently is await for somebody who goes on without a peer that is gone,
// or has not answered within SyncPatience. That runs from when the barrier was
// first needed, so that a silent peer is waited for once and not by everybody.
func (s *session) awaitPatiently(ctx context.Context, b *barrier) {
	until, cancel := context.WithDeadline(ctx, b.since.Add(s.link.limits.SyncPatience))
	defer cancel()
	if s.await(until, b) != nil && until.Err() != nil && ctx.Err() == nil {
		s.hit(LimitSync) // the caller goes on in any case
	}
}

// onSync answers a barrier when everything the peer has sent before it is in
// force here, which it is, and at every other peer that had to be asked: mostly
// there is none.
func (s *session) onSync(e *wire.Sync) error {
	l := s.link
	others := slices.DeleteFunc(l.node.restless.list(), func(other *link) bool { return other == l || other.rests() })
	if len(others) == 0 {
		s.tellBefore(wire.TypeSynced)
		s.queue(syncedSize, byCaller, wire.Synced{ID: e.ID}.Append)
		return nil
	}
	l.mu.Lock()
	s.syncs.asked++
	n := s.syncs.asked
	l.mu.Unlock()
	if n > maxSyncs {
		return s.limitError(LimitSync, "more than 64 SYNC under way")
	}
	l.group.Go(func() { // ends within SyncPatience
		var wg sync.WaitGroup
		for _, other := range others {
			to, b, _ := other.outstanding()
			if b != nil {
				wg.Go(func() { to.awaitPatiently(s.ctx, b) })
			}
			if to != nil {
				to.awaitBegins(s.ctx)
			}
		}
		wg.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		s.syncs.asked--
		if l.sess == s {
			s.controlLocked(wire.Synced{ID: e.ID}.Append(nil))
		}
	})
	return nil
}

// syncedSize is the most that a SYNCED takes.
const syncedSize = 1 + 10

func (s *session) onSynced(e *wire.Synced) error {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	t := &s.syncs
	if t.flight == nil || t.flight.id != e.ID {
		return unless("synced to nothing", sig.NewError(sig.CodeProtocol, "SYNCED to no SYNC"))
	}
	close(t.flight.done)
	t.flight = nil
	s.sendSyncLocked()
	return nil
}

// Refused implements [sig.Refuser].
func (l *link) Refused(p sig.Pattern) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sess != nil {
		if err := l.sess.syncs.refused[p]; err != nil {
			return err
		}
	}
	return nil
}

// noteRefusal remembers that the peer does not grant a pattern, for as long as
// the connection lasts: the next one asks again.
func (s *session) noteRefusal(p sig.Pattern, err *sig.Error) {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	if _, wanted := s.link.interest[p]; !wanted {
		return // taken back meanwhile
	}
	if s.syncs.refused == nil {
		s.syncs.refused = make(map[sig.Pattern]*sig.Error)
	}
	s.syncs.refused[p] = err
}
