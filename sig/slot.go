package sig

import (
	"sync"
	"sync/atomic"
)

// slot puts the deliveries of one sender name in order (P3). It survives the
// sender's lives: what a later life emits waits until the #disconnect of the
// earlier one has been delivered.
//
//	state 0                idle: an emission may run its handlers at once
//	state slotOwned        one goroutine is running handlers of this name
//	state slotOwned|queued more waits; the owner runs it before it lets go
//	state |slotGated       lives wait behind the first one
//
// Nobody ever waits for a slot: who finds it owned leaves its delivery with the
// owner and goes on. Hence a handler may emit for its own sender, and no two
// senders can block each other.
type slot struct {
	name    Name
	current *Sender // who has the name now, or nil; the registry's lock guards it
	state   atomic.Uint32
	// waiting counts deliveries in pending and in backlogs, to bound them.
	waiting atomic.Int64

	mu      sync.Mutex
	pending []func() // in order; head is the first that has not run
	head    int
	lives   []*Sender // oldest first; only the first one delivers
}

const (
	slotOwned  uint32 = 1
	slotQueued uint32 = 2
	slotGated  uint32 = 4
)

// maxWaiting bounds what waits in one slot: a handler that emits without end
// for its own sender gets [ErrBusy] instead of all memory.
const maxWaiting = 65536

// idle reports whether nobody delivers and nothing waits.
func (sl *slot) idle() bool { return sl.state.Load() == 0 }

// full reports whether one more emission would exceed the bound.
func (sl *slot) full() bool { return sl.waiting.Load() >= maxWaiting }

// tryOwn takes the idle slot; who succeeds calls release.
func (sl *slot) tryOwn() bool { return sl.state.CompareAndSwap(0, slotOwned) }

// release runs what gathered meanwhile, and lets go.
func (sl *slot) release() {
	if !sl.state.CompareAndSwap(slotOwned, 0) {
		sl.drain()
	}
}

// post queues a delivery of s. If own is true, nobody was there to run it and
// the caller has become the owner: it calls drain, with no lock held. ok is
// false if s has already said good-bye.
func (sl *slot) post(s *Sender, deliver func()) (own, ok bool) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if s.finished {
		return false, false
	}
	sl.waiting.Add(1)
	if sl.lives[0] != s {
		s.backlog = append(s.backlog, deliver)
		return false, true
	}
	sl.pending = append(sl.pending, deliver)
	return sl.claim(), true
}

// begin adds a life. Its first delivery, once somebody calls announce, is the
// #connect that s.announce holds.
func (sl *slot) begin(s *Sender) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	sl.lives = append(sl.lives, s)
	if len(sl.lives) > 1 {
		sl.state.Or(slotGated)
	}
}

// announce queues the #connect of s, like post.
func (sl *slot) announce(s *Sender) (own bool) {
	sl.mu.Lock()
	connect := s.announce
	s.announce = nil
	sl.mu.Unlock()
	if connect != nil {
		own, _ = sl.post(s, connect)
	}
	return own
}

// finish queues the last delivery of s, and what later lives have left waiting
// for it. Like post it may make the caller the owner.
func (sl *slot) finish(s *Sender, disconnect func()) (own bool) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if s.finished {
		return false
	}
	s.finished = true
	if s.announce != nil { // it was ended before its #connect went out
		sl.waiting.Add(1)
		s.backlog = append(s.backlog, s.announce)
		s.announce = nil
	}
	sl.waiting.Add(1)
	s.backlog = append(s.backlog, disconnect)
	if sl.lives[0] != s {
		return false
	}
	for len(sl.lives) > 0 {
		first := sl.lives[0]
		sl.pending = append(sl.pending, first.backlog...)
		first.backlog = nil
		if !first.finished {
			break
		}
		sl.lives[0] = nil // the name stays for a while, and must not keep who had it
		sl.lives = sl.lives[1:]
	}
	own = sl.claim()
	if len(sl.lives) < 2 {
		sl.state.And(^slotGated)
	}
	return own
}

// claim marks that something waits; mu is held.
func (sl *slot) claim() (own bool) {
	return sl.state.Or(slotOwned|slotQueued)&slotOwned == 0
}

// drain runs what waits until nothing does. The caller owns the slot.
func (sl *slot) drain() {
	clean := false
	// A handler may end its goroutine (t.FailNow does): somebody must still
	// run the rest, or this sender would be mute for ever.
	defer func() {
		if !clean {
			sl.drain()
		}
	}()
	for {
		deliver := sl.pop()
		if deliver == nil {
			clean = true
			return
		}
		deliver()
	}
}

// pop takes the next delivery, or gives the slot up if there is none.
func (sl *slot) pop() func() {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.head == len(sl.pending) {
		sl.pending, sl.head = sl.pending[:0], 0
		if cap(sl.pending) > 1024 {
			sl.pending = nil // a burst is over: give its memory back
		}
		sl.state.And(^(slotOwned | slotQueued))
		return nil
	}
	deliver := sl.pending[sl.head]
	sl.pending[sl.head] = nil
	sl.head++
	sl.waiting.Add(-1)
	return deliver
}

// deserted reports whether the slot can be forgotten.
func (sl *slot) deserted() bool {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	return len(sl.lives) == 0 && sl.idle()
}
