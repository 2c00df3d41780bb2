package sig

import (
	"context"
	"sync"
	"sync/atomic"
)

// inbox is a subscription's queue, whatever the type of its handler.
type inbox interface {
	place
	// close ends the queue, now or after what waits.
	close(drain bool)
}

// queue is the bounded queue of one subscription. Emitters append to one slice
// under the lock, the consumer works through another, and takes the whole of the
// first when it is through. So the two meet once for many events, and the
// consumer claims each by moving at, without the lock.
//
//	out  . . . | 3 | 4 | 5        in  6 | lost 7 | 8    lost 9-11
//	           at                     head
//
// A policy that has to drop an event of out freezes at first: the consumer then
// finds nothing to claim, and comes for the lock.
//
// Lost events keep their place: each entry knows what was lost just before it,
// and lost is what was lost after the last one. So #lost comes in order.
type queue[T any] struct {
	sub    *Subscription
	bound  int
	policy Policy
	// ctx ends the waiting of emitters under Block.
	ctx context.Context
	// wake has room for the one token that the waiting consumer needs. Nobody
	// closes it.
	wake chan struct{}
	// stopped is closed with the queue, for emitters that wait under Block.
	stopped chan struct{}

	// The consumer's: only it replaces out, under the lock. Entries before at
	// are its own, those behind belong to whoever moves or freezes at.
	_   [64]byte // what emitters write lies in other cache lines
	out []entry[T]
	at  atomic.Uint64
	// Under Block, which takes nothing out, at may be behind by less than stride
	// events: to move it costs more than all else that the consumer does. next is
	// the consumer's own. Events of other processes may be dropped also under
	// Block: once such have come stride is 1, from the next refill on. It is
	// changed under the lock.
	next   uint64
	stride uint64
	// watched: somebody wants to know when a place becomes free.
	watched atomic.Bool
	_       [64]byte

	mu sync.Mutex
	in []entry[T]
	// easy is how many events can be appended without a look at anything else.
	// Who changes something that an emitter has to look at makes it 0.
	easy      int
	arrived   uint64
	head      int    // of in; those before it were dropped
	given     int    // out had so many when the consumer got it
	start     int    // of out, not counting those that were dropped
	delivered uint64 // before out
	reserved  int
	lost      []Lost
	over      []func() // taken callbacks of held events beyond the bound, in order
	room      chan struct{}
	idle      bool // the consumer waits for wake
	closed    bool
	drains    bool
	mixed     bool        // an event has come that may be dropped under Block
	names     map[key]int // KeepLatest: how many of each wait in in
}

// frozen, in at, keeps the consumer from claiming.
const frozen = 1 << 63

// entry is one waiting event.
type entry[T any] struct {
	ev     EventOf[T]
	number uint64  // among the subscription's events
	before *[]Lost // what was lost between the one before and this; nil: nothing
	held   bool    // must not be dropped
}

// item is what the consumer takes at a time.
type item[T any] struct {
	lost []Lost
	ev   EventOf[T]
	has  bool // there is an event after what was lost
}

// key is what KeepLatest keeps one of.
type key struct{ sender, event Name }

func newQueue[T any](sub *Subscription, opts *SubscribeOptions) *queue[T] {
	q := &queue[T]{
		sub: sub, bound: opts.Queue, policy: opts.Policy,
		ctx: opts.Context, wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	if q.ctx == nil {
		q.ctx = context.Background()
	}
	if q.policy == Block {
		q.stride = uint64(min(max(q.bound/64, 1), 16))
	}
	if q.policy == KeepLatest {
		q.names = make(map[key]int)
	}
	return q
}

// put takes an event of this process; under Block it may wait.
func (q *queue[T]) put(ev EventOf[T]) {
	q.mu.Lock()
	if q.easy == 0 {
		q.putSlow(ev)
		return
	}
	q.easy--
	q.arrived++
	n := len(q.in)
	q.in = q.in[:n+1]
	e := &q.in[n]
	e.ev, e.number = ev, q.arrived // the rest is zero
	q.mu.Unlock()
}

// ease finds out how many events can be appended as easily as that.
func (q *queue[T]) ease() {
	q.easy = 0
	if q.names == nil && q.lost == nil && !q.idle && !q.closed {
		q.easy = max(min(q.bound-q.waiting()-q.reserved, cap(q.in)-len(q.in)), 0)
	}
}

// putSlow is put with mu held, which it releases.
func (q *queue[T]) putSlow(ev EventOf[T]) {
	for q.policy == Block && q.full() && !q.closed {
		room := q.awaited()
		if !q.full() { // it came before the consumer could see that somebody waits
			break
		}
		q.mu.Unlock()
		select {
		case <-room:
		case <-q.stopped:
			return
		case <-q.ctx.Done():
			// Now, and not when somebody else sees it: what is emitted next
			// must not arrive where this event is missing.
			q.sub.end(contextError(q.ctx), false)
			return
		}
		q.mu.Lock()
	}
	q.putLocked(ev)
}

// putRemote takes an event of another process. With taken, the event is held
// back: it is never dropped, and counts as taken once it is within the bound.
func (q *queue[T]) putRemote(ev EventOf[T], taken func(), held bool) {
	q.mu.Lock()
	if !held {
		q.mixed = true
		q.putLocked(ev)
		taken()
		return
	}
	if q.closed {
		q.mu.Unlock()
		taken()
		return
	}
	q.arrived++
	q.append(ev, true)
	q.over = append(q.over, taken)
	q.watched.Store(true)
	within := q.vacated()
	q.unlockAndWake()
	callAll(within)
}

// putReserved takes an event of this process into its reserved place.
func (q *queue[T]) putReserved(ev EventOf[T]) {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return
	}
	q.reserved--
	q.arrived++
	q.append(ev, true)
	q.unlockAndWake()
}

// putLocked applies the policy; mu is held, and released.
func (q *queue[T]) putLocked(ev EventOf[T]) {
	if q.closed {
		q.mu.Unlock()
		return
	}
	q.arrived++
	accepted := !q.full() || q.makeRoom(ev)
	if accepted {
		q.append(ev, false)
	}
	ends := !accepted && q.policy == Disconnect
	q.unlockAndWake()
	if ends {
		q.sub.end(NewError(CodeLimit, "the subscription's queue was full"), true)
	}
}

// lose announces events that were lost on their way here.
func (q *queue[T]) lose(l Lost) {
	n := max(l.Count, 1)
	q.sub.lost.Add(n)
	q.mu.Lock()
	l.First = q.arrived + 1
	q.arrived += n
	q.easy = 0
	l.Last = q.arrived
	q.lost = mergeLost(q.lost, l)
	q.unlockAndWake()
}

// close ends the queue. Callbacks of held events run, since nobody waits for
// those any more.
func (q *queue[T]) close(drain bool) {
	q.mu.Lock()
	if q.closed && (drain || !q.drains) {
		q.mu.Unlock()
		return
	}
	if !q.closed {
		close(q.stopped)
	}
	q.closed, q.drains, q.easy = true, drain, 0
	var over []func()
	if !drain {
		over, q.over = q.over, nil
	}
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	q.unlockAndWake()
	for _, taken := range over {
		taken()
	}
}

// TryReserve keeps a place for one event. A queue that has ended has room for
// anything: it forgets it.
func (q *queue[T]) TryReserve() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full() && !q.closed {
		return false
	}
	q.reserved++
	q.easy = 0
	return true
}

// Release gives a place back.
func (q *queue[T]) Release() {
	q.mu.Lock()
	q.reserved--
	within := q.vacated()
	q.mu.Unlock()
	callAll(within)
}

// Room returns a channel that is closed once there may be room.
func (q *queue[T]) Room() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return closedChan
	}
	room := q.awaited()
	q.signalRoom()
	return room
}

func (q *queue[T]) counts() (uint64, int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.delivered + uint64(len(q.out)-q.start-q.remaining()), q.waiting()
}

// remaining is how many of out the consumer has not claimed.
func (q *queue[T]) remaining() int {
	return len(q.out) - int(min(q.at.Load()&^frozen, uint64(len(q.out))))
}

// waiting is how many events wait.
func (q *queue[T]) waiting() int { return q.remaining() + len(q.in) - q.head }

// full reports whether no place is free. As long as there would be one even if
// the consumer had not claimed anything, it does not look at what that has
// claimed: each look would take a cache line from it.
func (q *queue[T]) full() bool {
	n := len(q.in) - q.head + q.reserved
	return n+q.given >= q.bound && n+q.remaining() >= q.bound
}

// awaited returns the channel that is closed when a place becomes free. If one
// already is, nobody may be there to close it.
func (q *queue[T]) awaited() chan struct{} {
	if q.room == nil {
		q.room = make(chan struct{})
	}
	q.watched.Store(true)
	return q.room
}

func (q *queue[T]) signalRoom() {
	if q.room != nil && !q.full() {
		close(q.room)
		q.room = nil
	}
}

// vacated gives free places to the first held events beyond the bound, whose
// callbacks it returns, or to whoever waits for one.
func (q *queue[T]) vacated() (within []func()) {
	beyond := min(max(q.waiting()+q.reserved-q.bound, 0), len(q.over))
	n := len(q.over) - beyond
	within, q.over = q.over[:n:n], q.over[n:]
	if len(q.over) == 0 {
		q.over = nil
	}
	q.signalRoom()
	q.watched.Store(q.room != nil || q.over != nil)
	return within
}

func callAll(list []func()) {
	for _, f := range list {
		f()
	}
}

func (q *queue[T]) unlockAndWake() {
	wake := q.idle && (q.waiting() > 0 || len(q.lost) > 0 || q.closed)
	if wake {
		q.idle = false
	}
	q.ease()
	q.mu.Unlock()
	if wake {
		select {
		case q.wake <- struct{}{}:
		default: // a token is there already
		}
	}
}
