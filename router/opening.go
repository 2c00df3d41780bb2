package router

import (
	"context"
	"io"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// newSession makes the session of a conn whose handshake is over.
func (l *link) newSession(conn carrier.Conn, c codec.Codec, address string) *session {
	s := &session{
		link: l, conn: conn, codec: c, codecKey: c.ID(), address: address, since: time.Now(), shut: make(chan struct{}),
	}
	_, s.verbatim = c.(codec.Verbatim)
	s.in = &routeTable{codec: c, verbatim: s.verbatim}
	s.chunk = firstChunk(conn.Traits().Rate)
	s.stretch = 1 // of which no route has been surveyed
	s.requests.asked = make(map[uint64]*asked)
	s.requests.serving = make(map[uint64]*served)
	s.requests.passed = make(map[uint64]*asked)
	s.workers.group = &l.group
	s.identity, _ = carrier.IdentityOf(conn)
	s.principal = provedBy(conn)
	s.direct, _ = carrier.TrySenderOf(conn)
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// open makes the session the link's connection: everything announced and asked
// for is sent before anything else can be.
func (l *link) open(s *session) {
	l.mu.Lock()
	s.corked = true
	waited := l.openLocked(s)
	s.corked = false
	claimed := s.claimLocked()
	l.mu.Unlock()
	if claimed {
		s.writeClaimed()
	}
	settleAll(waited) // not all that waited for a connection is under way on it
}

// openLocked returns the routes of which held-back events had waited.
func (l *link) openLocked(s *session) (waited []*outRoute) {
	l.sess = s
	s.catchUpLocked()
	items := l.permitted(l.offline.empty())
	for _, a := range l.inOrder() {
		a.withdrawn = false
		for _, or := range a.routes {
			if len(or.sizes) > 0 {
				waited = append(waited, or)
			}
			or.forgetHeld()
		}
		fresh := a.sender.Bridge() == nil && a.sender.Fresh()
		if s.announceLocked(a, fresh); a.known.Load() {
			s.positionsLocked(a, s.flushOfflineLocked(items[a]))
		}
		if a.left {
			if a.numbered {
				s.controlLocked(disconnectFrame(a, a.reason))
			}
			l.dropLocked(a)
		}
	}
	for p, lossy := range l.interest {
		s.subscribeLocked(p, lossy)
	}
	l.askedLocked(l.role == wire.RoleClient)
	l.current.Store(s)
	if l.online != nil {
		close(l.online)
		l.online = nil
	}
	return waited
}

// close ends the session after its reader has returned: its senders leave, its
// requests fail, and what waited for it is let go.
func (l *link) close(s *session) {
	l.mu.Lock()
	if l.sess == s {
		l.sess = nil
		l.current.Store(nil)
	}
	if l.leaving == s {
		l.leaving = nil
		close(s.left)
	}
	var routes []*outRoute
	for _, a := range l.byNumber {
		for _, or := range a.routes {
			or.forgetHeld()
			routes = append(routes, or)
		}
	}
	watch := s.watch
	if s.tailClock != nil {
		s.tailClock.Stop()
	}
	l.mu.Unlock()
	if l.role == wire.RoleClient {
		l.wantAll()
	}
	if watch != nil {
		watch.stop()
	}
	s.fail(io.EOF) // unless it has a cause already
	<-s.shut
	s.writer.Wait()
	l.mu.Lock()
	s.unreserveLocked()
	in, out := s.requests.counts()
	l.traffic.requestsIn += in
	l.traffic.requestsOut += out
	l.mu.Unlock()
	s.workers.end()
	s.inline.end()
	s.endRequests()
	s.endSenders(sig.NewError(sig.CodeConnectionLost, s.describe()), l.inbound.task)
	settleAll(routes)
	l.node.depart(l)
}

// endSenders takes everything the peer had announced out of the registry, and
// remembers where their events stood if the connection was lost. next queues the
// delivery of their #disconnect.
func (s *session) endSenders(reason *sig.Error, next func(func())) {
	s.peers.Lock()
	s.over = true
	s.peers.Unlock()
	s.revoking.Wait() // their #disconnects are queued before anybody waits for the handlers
	s.peers.Lock()
	defer s.peers.Unlock()
	clear(s.shadows)
	for _, ps := range s.senders {
		if ps.sender == nil {
			continue
		}
		if reason.Code == sig.CodeConnectionLost {
			s.rememberPosition(ps)
		}
		if deliver := s.release(ps, reason); deliver != nil {
			next(deliver)
		}
	}
}

// positionsLocked tells where the routes of a sender go on that the peer wants:
// what is missing in front of the first event or behind the last, for a while,
// would otherwise be missed in silence. told is what the peer expects after what
// was kept.
func (s *session) positionsLocked(a *announced, told map[*outRoute]uint64) {
	for _, or := range a.routes {
		ir := origin(or.rt)
		switch {
		case !or.wanted:
			continue
		case ir == nil:
			if or.rt.Sender().Bridge() != nil {
				continue // its owner is about to tell
			}
			if at, kept := told[or]; kept && at != or.number+1 {
				or.started.Store(nil) // behind what was kept something was not
			}
			s.startRouteLocked(or, or.number+1)
			continue
		case ir.lapsed.Load():
			continue // the same
		}
		if at := max(ir.position.Load(), told[or]); at != told[or] {
			or.started.Store(nil)
			s.startRouteLocked(or, at)
		}
		or.started.Store(nil) // its reader is ahead of this, and tells again
	}
}

// rememberPosition keeps where the sender's events stood, for when the same life
// of it comes back.
func (s *session) rememberPosition(ps *peerSender) {
	at := make([]position, len(ps.routes))
	for i, ir := range ps.routes {
		unbroken := !ir.lapsed.Load()
		at[i] = position{next: ir.next, known: ir.known && unbroken, awaited: !ir.known && unbroken}
	}
	n := s.link.node
	if n.gaps.remember(life{ps.sender.Name(), ps.sender.Epoch()}, at, n.reg.Subscriptions()) {
		s.hit(LimitPositions)
	}
}

func (n *node) nameNow() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.name
}
