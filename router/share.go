package router

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// share is what one principal may use of the processors: so many of its
// connections are worked for at once as Limits.Processors says, and the others wait
// in order until one of them has had its turn. A turn is one batch that was read, or
// what a medium takes of one write at once; nobody waits for a peer in it, nor for
// another turn.
//
//	reader:  receive [take] take in a batch, hand it on [giveUp] receive ...
//	writer:  [take] write what the medium takes [giveUp] wait for it [take] ...
//
// It is there for the others. The runtime looks for what has arrived on their
// sockets when a processor has nothing else to do, or else every 10 ms, and who is
// found then waits behind all that are ready to run: with a processor for each busy
// connection of one principal there would be none to spare (P8). Who is alone has
// nobody to make room for.
type share struct {
	of    *shares
	users atomic.Int32 // connections; changed with the server's lock held

	mu      sync.Mutex
	most    int
	busy    int
	waiting []chan struct{} // the oldest first; each is told once by whoever gives its turn up
}

// shares are those of all principals of a server, by whom they are of.
type shares struct {
	named   map[string]*share // the server's lock guards it
	present atomic.Int32      // principals that are connected; who has no name counts for each connection
}

// join returns the share of a principal for one more connection. Call it with the
// server's lock held.
func (t *shares) join(key string, most int) *share {
	sh := t.named[key]
	if sh == nil {
		sh = &share{of: t}
		t.present.Add(1)
		if key != "" { // else nobody knows who it is, or where from: each for itself
			put(&t.named, key, sh)
		}
	}
	sh.users.Add(1)
	sh.allow(most)
	return sh
}

// leave is for a connection that has ended.
func (t *shares) leave(key string, sh *share) {
	if sh.users.Add(-1) == 0 {
		delete(t.named, key)
		t.present.Add(-1)
	}
}

// allow sets how many connections are worked for at once from now on.
func (sh *share) allow(most int) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.most = most
}

// turn is one goroutine's place in its principal's share.
type turn struct {
	share  *share        // nil: nobody has to be made room for
	called chan struct{} // capacity 1: whoever gives a turn up goes on; nil: it never had to wait
	work   int           // since another processor was last asked to look around
}

// alone reports whether nobody has to be made room for.
func (t *turn) alone() bool { return t.share == nil || t.share.of.present.Load() == 1 }

// lookAround has an idle processor look for what has arrived, before a turn for a
// batch of so many bytes. The runtime forgets to: the processor that waits for all
// sockets goes on with what it has found, and when that is one goroutine which wakes
// no other, as a reader whose peers are all slow, nobody waits in its place until the
// runtime's monitor passes by after 10 or 20 ms. Gosched wakes an idle processor,
// which finds nothing else to do than to wait for the sockets.
func (t *turn) lookAround(bytes int) {
	if t.work += bytes + turnWork; t.work >= longTurn && !t.alone() {
		t.work = 0
		runtime.Gosched()
	}
}

const (
	turnWork = 512      // what a batch costs beside its bytes, in bytes
	longTurn = 16 << 10 // takes about as long as to wake a processor a hundred times
)

// many reports whether the principal has more connections than a reader writes to
// itself.
func (t *turn) many() bool { return t.share != nil && t.share.users.Load() > claimPeers }

// crowded reports whether others of the principal wait for a turn.
func (t *turn) crowded() bool {
	sh := t.share
	if sh == nil {
		return false
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return len(sh.waiting) > 0
}

// take waits for a turn, and returns how long that took if it was long.
func (t *turn) take() (waited time.Duration) {
	sh := t.share
	if sh == nil {
		return 0
	}
	sh.mu.Lock()
	if sh.busy < sh.most || sh.of.present.Load() == 1 {
		sh.busy++
		sh.mu.Unlock()
		return 0
	}
	if t.called == nil {
		t.called = make(chan struct{}, 1)
	}
	sh.waiting = append(sh.waiting, t.called)
	sh.mu.Unlock()
	start := time.Now()
	<-t.called
	if waited = time.Since(start); waited < longWait {
		return 0
	}
	return waited
}

// longWait is after which time waiting for a turn counts as having reached the limit:
// whoever has a few busy connections waits for less all the time.
const longWait = 10 * time.Millisecond

// takeTurn takes one of the session's turns.
func (s *session) takeTurn(t *turn) {
	if waited := t.take(); waited > 0 {
		s.hit(LimitProcessors, "then", "waited for its turn", "for", waited)
	}
}

// giveUp hands the turn to whoever has waited longest.
func (t *turn) giveUp() {
	sh := t.share
	if sh == nil {
		return
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if len(sh.waiting) == 0 || sh.busy > sh.most {
		sh.busy--
		return
	}
	sh.waiting[0] <- struct{}{}
	sh.waiting = append(sh.waiting[:0], sh.waiting[1:]...)
}
