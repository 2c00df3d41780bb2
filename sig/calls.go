package sig

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// outlet is where values of one Go type leave for the subscribers of a route.
type outlet[T any] struct {
	route *Route
	// calls are what has to be called, worked out once for the type; nil:
	// subscriptions have changed, the next emission finds out anew. The
	// registry's lock guards changes.
	calls atomic.Pointer[calls[T]]
}

// forgetter is an outlet, or an emitter, whatever its type.
type forgetter interface{ forget(delivering bool) }

// forget makes the next emission find out anew. If handlers may be running, those
// that have yet to be called are guarded.
func (o *outlet[T]) forget(delivering bool) {
	if c := o.calls.Swap(nil); c != nil && c.own && delivering {
		c.guard()
	}
}

// calls is a snapshot translated for values of type T. It is immutable.
type calls[T any] struct {
	// only is the only handler, if it is all there is to call, the slot need
	// not be owned.
	only func(EventOf[T])
	slot *slot
	// blank is the event without its payload: to copy it is less work than to put
	// an event together.
	blank EventOf[T]

	// queue is where the events go if that is all there is to do: nothing of it
	// can panic.
	queue *queue[T]
	of    *snapshot
	// takes has each subscription's way to take a T, in the order of of.subs. It
	// lies apart from the subscriptions, so that calling a thousand handlers
	// reads no more memory than their functions.
	takes []taker[T]
	// nobody: there is nothing to do.
	nobody bool
	// own: a handler runs while others have yet to get the event, or one hears
	// presence as well. Then the slot must be owned, so that an event emitted
	// meanwhile does not overtake this one.
	own bool
	// alone: there is nothing to do but to own the slot and call.
	alone bool
	// remote: bridges want the event too, or have wanted it.
	remote bool
}

func newCalls[T any](snap *snapshot) *calls[T] {
	s := snap.route.sender
	c := &calls[T]{
		of: snap, slot: s.slot, blank: EventOf[T]{Sender: s.slot.name, Name: snap.route.name},
		remote: snap.counted, takes: make([]taker[T], len(snap.subs)),
	}
	for i, sub := range snap.subs {
		c.takes[i].store(takerOf[T](sub.recv))
		if sub.hearsPresence() || sub.inline() && i < len(snap.subs)-1 {
			c.own = true
		}
	}
	c.nobody, c.alone = len(c.takes) == 0 && !c.remote, c.own && !c.remote && s.bridge == nil
	if len(c.takes) != 1 || c.own || c.remote {
		return c
	}
	c.only = c.takes[0].load()
	if sub, ok := snap.subs[0].recv.(*subscriber[T]); ok && sub.queue != nil {
		c.only, c.queue = nil, sub.queue
	}
	return c
}

// takerOf finds the direct way for a T, or the one by way of any.
func takerOf[T any](recv receiver) func(EventOf[T]) {
	if d, ok := recv.(interface{ direct() func(EventOf[T]) }); ok {
		return d.direct()
	}
	take := recv.untyped()
	return func(ev EventOf[T]) { take(Event{ev.Sender, ev.Name, ev.Data}) }
}

// emit is the hot path: with nothing changed, nothing remote and nobody
// delivering, it runs the handlers. It allocates nothing, and for one handler
// it writes to no shared memory. That one is called from here and not from a
// function of its own, because each level is a tenth of what the call costs.
func (o *outlet[T]) emit(v T) error {
	c := o.calls.Load()
	if c == nil || c.only == nil || !c.slot.idle() {
		switch {
		case c == nil:
		case c.nobody:
			return nil
		case c.alone && c.slot.tryOwn():
			return c.owned(v)
		}
		return o.emitMany(v)
	}
	returned := false
	defer func() {
		if !returned {
			c.of.panicked(recover())
		}
	}()
	ev := c.blank
	ev.Data = v
	c.only(ev)
	returned = true
	return nil
}

// emitMany is emit for everything but a single inline handler.
func (o *outlet[T]) emitMany(v T) error {
	c := o.calls.Load()
	if c == nil {
		var err error
		if c, err = o.resolve(); err != nil {
			return err
		}
	}
	if c.queue != nil && c.slot.idle() {
		ev := c.blank
		ev.Data = v
		c.queue.put(ev)
		return nil
	}
	if !c.remote {
		return c.deliver(v)
	}
	if len(c.takes) > 0 && c.slot.full() {
		return errReentry(o.route)
	}
	return joined(push(c.of, v, false), c.deliver(v))
}

// joined is errors.Join without its cost when there is no error.
func joined(a, b error) error {
	if a == nil && b == nil {
		return nil
	}
	return errors.Join(a, b)
}

// resolve finds the calls for what is subscribed now.
func (o *outlet[T]) resolve() (*calls[T], error) {
	s := o.route.sender
	s.registry.mu.Lock()
	snap := o.route.resolve()
	if snap == nil {
		s.registry.mu.Unlock()
		return nil, s.notConnected()
	}
	if c := o.calls.Load(); c != nil { // another was faster; forget must find the only ones
		s.registry.mu.Unlock()
		return c, nil
	}
	c, ok := any(snap.any).(*calls[T])
	if !ok {
		c = newCalls[T](snap)
	}
	o.calls.Store(c)
	if u, ok := any(c).(*calls[any]); ok && o.route.bound.Load() == nil {
		o.route.place.sole.store(u.only)
	}
	s.registry.mu.Unlock()
	return c, nil
}

// deliver brings v to the local subscriptions, now or after what this sender
// is already delivering.
func (c *calls[T]) deliver(v T) error {
	switch {
	case len(c.takes) == 0:
		return nil
	case !c.own && c.slot.idle():
		c.from(0, v)
		return nil
	case c.slot.tryOwn():
		if c.of.route.sender.bridge != nil { // it may have left, and the snapshot lives on
			return c.ownedLate(v)
		}
		return c.owned(v)
	}
	return c.leave(v)
}

// leave queues v for who is delivering.
func (c *calls[T]) leave(v T) error {
	s := c.of.route.sender
	if s.slot.full() {
		return errReentry(c.of.route)
	}
	own, ok := s.slot.post(s, func() { c.from(0, v) })
	if !ok {
		return s.notConnected()
	}
	if own {
		s.slot.drain()
	}
	return nil
}

// owned is from(0, v) by the slot's new owner. It looks at the snapshot once, at
// the beginning: who makes one stale while the slot is owned guards its calls. Of a
// sender of this process that has left all are stale. Four calls a turn of the loop
// take a sixth less time than one.
func (c *calls[T]) owned(v T) error {
	if c.of.stale.Load() {
		return c.ownedLate(v)
	}
	takes, ev := c.takes, c.blank
	left, at, done := len(takes), 0, false // at is the place in those left
	defer func() {
		if done {
			c.slot.release()
			return
		}
		defer c.slot.release() // also if one of those behind ends this goroutine
		c.broken(recover(), len(c.takes)-left+at, v)
	}()
	ev.Data = v
	for left >= 4 {
		four := (*[4]taker[T])(takes)
		four[0].load()(ev)
		at = 1
		four[1].load()(ev)
		at = 2
		four[2].load()(ev)
		at = 3
		four[3].load()(ev)
		takes = takes[4:]
		left, at = len(takes), 0
	}
	if left >= 2 {
		two := (*[2]taker[T])(takes)
		two[0].load()(ev)
		at = 1
		two[1].load()(ev)
		at = 2
	}
	if at < left {
		takes[at].load()(ev)
	}
	done = true
	return nil
}

// ownedLate is owned when the snapshot may have been stale before the slot was owned,
// so that nobody guards it. The slot was idle a moment ago: a sender that has left has
// delivered its #disconnect already.
func (c *calls[T]) ownedLate(v T) error {
	defer c.slot.release()
	if s := c.of.route.sender; s.gone.Load() {
		return s.notConnected()
	}
	c.from(0, v)
	return nil
}

// guard keeps the event that is being delivered from those who unsubscribe from now
// on: each call looks first. So those of a delivery that nothing disturbs need not.
func (c *calls[T]) guard() {
	for i, sub := range c.of.subs {
		take := c.takes[i].load()
		c.takes[i].store(func(ev EventOf[T]) {
			if !sub.ended.Load() {
				take(ev)
			}
		})
	}
}

func errReentry(rt *Route) error {
	return NewError(CodeBusy, fmt.Sprintf("%d events of %q wait for its handlers to return", maxWaiting, rt.sender.slot.name))
}

// from gives v to the subscriptions from the i-th on, in order. One recover
// serves them all: when a handler does not return, next still names it.
func (c *calls[T]) from(next int, v T) {
	defer func() {
		if next < len(c.takes) {
			c.broken(recover(), next, v)
		}
	}()
	ev := c.blank
	ev.Data = v
	for ; next < len(c.takes); next++ {
		if take := c.takes[next].load(); !c.of.stale.Load() || !c.of.subs[next].ended.Load() {
			take(ev)
		}
	}
}

// broken reports a panic and serves those behind. With no panic, the handler
// is ending its goroutine (t.FailNow does), and this is their last chance.
func (c *calls[T]) broken(panicked any, i int, v T) {
	c.of.panicked(panicked)
	c.from(i+1, v)
}

func (snap *snapshot) panicked(p any) {
	s := snap.route.sender
	s.registry.panicked(s.slot.name, snap.route.name, p)
}

// panicked turns a handler's panic into a warning; the emitter is not to blame.
func (r *Registry) panicked(sender, event Name, p any) {
	err := fmt.Errorf("handler panicked: %v\n%s", p, debug.Stack())
	if p == nil {
		err = errors.New("handler ended its goroutine")
	}
	r.warn(Warning{Sender: sender, Event: event, Err: err})
}
