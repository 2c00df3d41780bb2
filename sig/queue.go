package sig

import (
	"context"
	"sync"
)

// inbox is a subscription's queue, whatever the type of its handler.
type inbox interface {
	place
	// close ends the queue, now or after what waits.
	close(drain bool)
}

// queue is the bounded queue of one subscription: a list, because policies take
// events out of its middle, in one slice that grows up to the bound.
//
// Lost events keep their place: each entry knows what was lost just before it,
// and tail what was lost after the last one. So #lost comes in order.
//
//	lost 1-2 | 3 | 4 | lost 5 | 6 | tail: lost 7-9
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

	mu        sync.Mutex
	entries   []entry[T] // index 0 is not used: 0 means none
	free      int32      // list of unused entries, by next
	head      int32
	tail      int32
	n         int
	reserved  int
	unheld    int // of the n, those that a policy may drop
	lost      []Lost
	over      []func() // taken callbacks of held events beyond the bound, in order
	room      chan struct{}
	idle      bool // the consumer waits for wake
	closed    bool
	drains    bool
	arrived   uint64
	delivered uint64
	names     map[key]int // KeepLatest: how many of each wait
}

// entry is one waiting event.
type entry[T any] struct {
	ev         EventOf[T]
	number     uint64 // among the subscription's events
	before     []Lost // what was lost between the one before and this
	held       bool   // must not be dropped
	prev, next int32
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
		entries: make([]entry[T], 1, min(opts.Queue, 16)+1),
	}
	if q.ctx == nil {
		q.ctx = context.Background()
	}
	if q.policy == KeepLatest {
		q.names = make(map[key]int)
	}
	return q
}

// put takes an event of this process; under Block it may wait.
func (q *queue[T]) put(ev EventOf[T]) {
	q.mu.Lock()
	for q.policy == Block && q.taken() >= q.bound && !q.closed {
		room := q.awaited()
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
	within := q.taken() <= q.bound
	if !within {
		q.over = append(q.over, taken)
	}
	q.unlockAndWake()
	if within {
		taken()
	}
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
	accepted := q.taken() < q.bound || q.makeRoom(ev)
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
	l.Last = q.arrived
	q.lost = mergeLost(q.lost, l)
	q.unlockAndWake()
}

// take waits for the next item. It returns false when the queue has ended, or
// stop is ready.
func (q *queue[T]) take(stop <-chan struct{}) (it item[T], ok bool) {
	for {
		q.mu.Lock()
		if q.closed && (!q.drains || q.n == 0 && len(q.lost) == 0) {
			q.mu.Unlock()
			return it, false
		}
		if q.n > 0 || len(q.lost) > 0 {
			return q.takeLocked(), true
		}
		q.idle = true
		q.mu.Unlock()
		if stop == nil {
			<-q.wake
			continue
		}
		select {
		case <-q.wake:
		case <-stop:
			return it, false
		}
	}
}

// takeLocked takes the head, or what was lost after the last; mu is held, and
// released.
func (q *queue[T]) takeLocked() (it item[T]) {
	if q.n == 0 {
		it.lost, q.lost = q.lost, nil
		q.mu.Unlock()
		return it
	}
	e := &q.entries[q.head]
	it = item[T]{lost: e.before, ev: e.ev, has: true}
	q.unlink(q.head)
	q.delivered++
	taken := q.vacated()
	q.mu.Unlock()
	if taken != nil {
		taken()
	}
	return it
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
	q.closed, q.drains = true, drain
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
	if q.taken() >= q.bound && !q.closed {
		return false
	}
	q.reserved++
	return true
}

// Release gives a place back.
func (q *queue[T]) Release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reserved--
	q.signalRoom()
}

// Room returns a channel that is closed once there may be room.
func (q *queue[T]) Room() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken() < q.bound || q.closed {
		return closedChan
	}
	return q.awaited()
}

func (q *queue[T]) counts() (uint64, int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.delivered, q.n
}

// taken is how many places are not free.
func (q *queue[T]) taken() int { return q.n + q.reserved }

// awaited returns the channel that is closed when a place becomes free.
func (q *queue[T]) awaited() chan struct{} {
	if q.room == nil {
		q.room = make(chan struct{})
	}
	return q.room
}

func (q *queue[T]) signalRoom() {
	if q.room != nil && q.taken() < q.bound {
		close(q.room)
		q.room = nil
	}
}

// vacated gives a free place to the first held event beyond the bound, or to
// whoever waits for one.
func (q *queue[T]) vacated() (taken func()) {
	if len(q.over) > 0 {
		taken, q.over = q.over[0], q.over[1:]
		return taken
	}
	q.signalRoom()
	return nil
}

func (q *queue[T]) unlockAndWake() {
	wake := q.idle && (q.n > 0 || len(q.lost) > 0 || q.closed)
	if wake {
		q.idle = false
	}
	q.mu.Unlock()
	if wake {
		select {
		case q.wake <- struct{}{}:
		default: // a token is there already
		}
	}
}
