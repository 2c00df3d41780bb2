package router

import (
	"context"
	"sync"
)

// begins puts the beginnings of interest in remote routes between the batches
// that their owner's reader takes in: a peer that begins to want a route is told
// the number of its next event at once, and only between two batches that number
// is certain.
//
//	reader:     [ batch ] rest         [ batch ............ ] rest
//	beginnings:                told                X wait     told
type begins struct {
	mu      sync.Mutex
	reading bool          // the reader is in a batch
	telling bool          // it is about to tell some
	waiting []*outRoute   // have begun meanwhile
	told    chan struct{} // closed when the reader is at rest
}

// busy says that the reader begins a batch.
func (b *begins) busy() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading = true
}

// wait returns what has begun during the batch, until that is nothing: then the
// reader is at rest.
func (b *begins) wait() (waiting []*outRoute) {
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting, b.waiting = b.waiting, nil
	b.reading = len(waiting) > 0
	b.telling = b.reading
	if !b.reading && b.told != nil {
		close(b.told)
		b.told = nil
	}
	return waiting
}

// settled returns a channel that is closed when all who have begun so far are
// told; nil if they are.
func (b *begins) settled() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.unsettledLocked() {
		return nil
	}
	return b.toldLocked()
}

// atRest returns a channel that is closed when the reader has ended its batch;
// nil if it is in none.
func (b *begins) atRest() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.reading {
		return nil
	}
	return b.toldLocked()
}

func (b *begins) toldLocked() <-chan struct{} {
	if b.told == nil {
		b.told = make(chan struct{}) // closed by wait
	}
	return b.told
}

// rest ends a batch of the reader: those who have begun to want one of its
// routes meanwhile are told the number of the next event.
func (s *session) rest() {
	for waiting := s.begins.wait(); len(waiting) > 0; waiting = s.begins.wait() {
		for _, or := range waiting {
			ir := origin(or.rt)
			if ir == nil || ir.sess != s || !ir.known || ir.past || ir.lapsed.Load() || ir.ended.Load() {
				continue // a ROUTE of the owner's is yet to come, or nothing is
			}
			if to := or.link.session(); to != nil && or.of.known.Load() {
				s.gatherFor(or.link).begin(to, or, ir.next)
			}
		}
		s.flush()
	}
}

// awaitBegins returns when those who have begun to want routes of the peer's are
// told where these stand.
func (s *session) awaitBegins(ctx context.Context) {
	if told := s.begins.settled(); told != nil {
		select {
		case <-told:
		case <-s.ctx.Done():
		case <-ctx.Done():
		}
	}
}

// beginLocked notes that the peer begins to want the route, and tells it the
// number of the next event, so that it finds out when that never arrives. The
// numbers before are no loss.
func (or *outRoute) beginLocked() {
	// In this order: a reader that goes by what was wanted before may be about to
	// send a ROUTE, which must not leave the peer without one that begins.
	or.begins.Store(true)
	or.endLocked() // an emission under way may have come after Detached
	or.wanted = true
	ir := origin(or.rt)
	switch {
	case ir != nil:
		ir.sess.begins.add(or, ir)
	case or.rt.Sender().Bridge() == nil:
		or.begun = or.rt.Seq()
		or.number = or.begun
		or.tellLocked(or.number + 1)
	default: // being connected: its owner's ROUTE is yet to come
	}
}

// beginFreshLocked is beginLocked for all routes of a sender that the peer is
// taken to want: it knows their numbers, as nothing has been emitted yet.
func (s *session) beginFreshLocked(a *announced) {
	for _, or := range a.routes {
		or.wanted, or.begun, or.number = true, 0, 0
		or.begins.Store(false)
		or.period.Store(0)
		or.started.Store(s)
		s.unsettleLocked(or)
	}
}

// add tells the number of a remote route's next event, or leaves that to its
// reader. Call it with the lock of or's link held.
func (b *begins) add(or *outRoute, ir *inRoute) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reading {
		b.waiting = append(b.waiting, or)
		ir.sess.link.node.restless.add(ir.sess.link)
		return
	}
	if at := ir.position.Load(); at > 0 && !ir.lapsed.Load() {
		or.tellLocked(at)
	} // else its owner has yet to say where it stands
}

// tellPositions tells those who want the routes of a sender that had to wait for
// its name where the routes stand: the peer has said so before.
func (s *session) tellPositions(ps *peerSender) {
	for i, rt := range ps.sender.Routes() {
		ir := ps.routes[i]
		if ir.position.Load() == 0 {
			continue
		}
		for _, t := range rt.Targets() {
			if or, ok := t.(*outRoute); ok {
				or.link.mu.Lock()
				s.begins.add(or, ir)
				or.link.mu.Unlock()
			}
		}
	}
}

// tellLocked sends the ROUTE of a route that has begun; without a connection
// the next one begins with it.
func (or *outRoute) tellLocked(next uint64) {
	s := or.link.sess
	if s == nil || !or.of.known.Load() {
		return
	}
	s.startRouteLocked(or, next)
	s.boundLocked()
	s.kickLocked()
}

// endLocked notes that the peer does not want the route.
func (or *outRoute) endLocked() {
	or.wanted = false
	or.started.Store(nil)
}
