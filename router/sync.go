package router

import (
	"context"
	"sync"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// syncTable holds the barriers we have sent and that are not answered.
type syncTable struct {
	mu    sync.Mutex
	last  uint64
	open  map[uint64]chan struct{} // closed when answered
	asked int                      // the peer's, being worked on
}

// maxSyncs is how many barriers of one peer are worked on at a time.
const maxSyncs = 64

// Sync implements [sig.Peer]: it returns when what this registry wants is in
// force at the peer and everywhere behind it. A client without a connection
// waits for one.
func (l *link) Sync(ctx context.Context) error {
	for {
		s, online, dirty := l.syncState()
		switch {
		case s != nil && !dirty, s == nil && online == nil:
			return nil // nothing to wait for, or nobody
		case s != nil:
			err := s.barrier(ctx)
			if err == nil || ctx.Err() != nil || l.role == wire.RoleServer {
				return err
			}
			continue // the connection was lost: wait for the next
		}
		select {
		case <-online:
		case <-ctx.Done():
			return ctxError(ctx, "not connected to a router")
		}
	}
}

// syncState returns the session, whether it has to be asked, and without one a
// channel that is closed when there is one again, nil if there never will be.
func (l *link) syncState() (s *session, online <-chan struct{}, dirty bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sess == nil && l.role == wire.RoleClient && !l.closed {
		if l.online == nil {
			l.online = make(chan struct{}) // closed by openLocked and detach
		}
		online = l.online
	}
	return l.sess, online, l.unsynced
}

// barrier asks the peer to answer once everything sent so far is in force.
func (s *session) barrier(ctx context.Context) error {
	l, t := s.link, &s.syncs
	done := make(chan struct{})
	t.mu.Lock()
	t.last++
	id := t.last
	t.open[id] = done
	t.mu.Unlock()
	l.mu.Lock()
	if l.sess == s {
		l.unsynced = false
		s.controlLocked(wire.Sync{ID: id}.Append(nil))
	}
	l.mu.Unlock()
	defer func() {
		t.mu.Lock()
		delete(t.open, id)
		t.mu.Unlock()
	}()
	select {
	case <-done:
		return nil
	case <-s.ctx.Done():
		return s.cause()
	case <-ctx.Done():
		l.mu.Lock()
		l.unsynced = true // not known to be in force
		l.mu.Unlock()
		return ctxError(ctx, "waiting for "+s.describe())
	}
}

// onSync answers a barrier when everything the peer has sent before it is in
// force here, which it is, and at every other peer that had to be asked.
func (s *session) onSync(e *wire.Sync) error {
	t := &s.syncs
	t.mu.Lock()
	t.asked++
	n := t.asked
	t.mu.Unlock()
	if n > maxSyncs {
		return sig.NewError(sig.CodeLimit, "more than 64 SYNC under way")
	}
	l := s.link
	l.group.Go(func() { // ends within SyncPatience
		ctx, cancel := context.WithTimeout(s.ctx, l.limits.SyncPatience)
		defer cancel()
		var wg sync.WaitGroup
		for _, other := range l.node.others(l) {
			if _, online, dirty := other.syncState(); dirty && online == nil {
				wg.Go(func() { _ = other.Sync(ctx) }) // a peer that does not answer must not hold up this one for longer
			}
		}
		wg.Wait()
		t.mu.Lock()
		t.asked--
		t.mu.Unlock()
		l.send(s, wire.Synced{ID: e.ID}.Append(nil))
	})
	return nil
}

func (s *session) onSynced(e *wire.Synced) error {
	t := &s.syncs
	t.mu.Lock()
	done := t.open[e.ID]
	delete(t.open, e.ID)
	bad := e.ID == 0 || e.ID > t.last
	t.mu.Unlock()
	if bad {
		return sig.NewError(sig.CodeProtocol, "SYNCED to no SYNC")
	}
	if done != nil {
		close(done)
	}
	return nil
}
