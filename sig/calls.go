package sig

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// outlet is where values of one Go type leave for the subscribers of a route.
// It keeps the calls it has to make, worked out once for the type.
type outlet[T any] struct {
	route *Route
	calls atomic.Pointer[calls[T]]
}

// calls is a snapshot translated for values of type T. It is immutable.
type calls[T any] struct {
	of     *snapshot
	slot   *slot
	sender Name
	event  Name
	list   []call[T]
	// own: a handler runs while others have yet to get the event, or one hears
	// presence as well. Then the slot must be owned, so that an event emitted
	// meanwhile does not overtake this one.
	own bool
	// remote: bridges want the event too, or have wanted it.
	remote bool
	// only is the only handler, if it is all there is to call and the slot need
	// not be owned.
	only func(EventOf[T])
}

// call is one subscription's way to take a T.
type call[T any] struct {
	take func(EventOf[T])
	sub  *Subscription
}

func newCalls[T any](snap *snapshot) *calls[T] {
	rt := snap.route
	c := &calls[T]{
		of: snap, slot: rt.sender.slot, sender: rt.sender.slot.name, event: rt.name,
		remote: snap.counted, list: make([]call[T], len(snap.subs)),
	}
	for i, sub := range snap.subs {
		c.list[i] = call[T]{takerOf[T](sub.recv), sub}
		if sub.hearsPresence() || sub.inline() && i < len(snap.subs)-1 {
			c.own = true
		}
	}
	if len(c.list) == 1 && !c.own && !c.remote {
		c.only = c.list[0].take
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
// it writes to no shared memory.
func (o *outlet[T]) emit(v T) error {
	c := o.calls.Load()
	if c != nil && c.of == o.route.snap.Load() {
		if c.only != nil && c.slot.idle() {
			c.alone(v)
			return nil
		}
		if !c.remote {
			return c.deliver(v)
		}
	}
	return o.emitSlow(v)
}

func (o *outlet[T]) emitSlow(v T) error {
	c, err := o.resolve()
	if err != nil {
		return err
	}
	if !c.remote {
		return c.deliver(v)
	}
	if len(c.list) > 0 && o.route.sender.slot.full() {
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
	snap := o.route.current()
	if snap == nil {
		return nil, o.route.sender.notConnected()
	}
	if c := o.calls.Load(); c != nil && c.of == snap {
		return c, nil
	}
	c, ok := any(snap.any).(*calls[T])
	if !ok {
		c = newCalls[T](snap)
	}
	o.calls.Store(c)
	return c, nil
}

// deliver brings v to the local subscriptions, now or after what this sender
// is already delivering.
func (c *calls[T]) deliver(v T) error {
	switch {
	case len(c.list) == 0:
		return nil
	case !c.own && c.slot.idle():
		c.from(0, v)
		return nil
	case c.slot.tryOwn():
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

// owned is from(0, v) by the slot's new owner. The slot was idle a moment ago,
// so a sender that has left has delivered its #disconnect already.
func (c *calls[T]) owned(v T) error {
	if s := c.of.route.sender; s.gone.Load() {
		s.slot.release()
		return s.notConnected()
	}
	next := 0
	defer func() {
		if next < len(c.list) {
			c.broken(recover(), next, v)
		}
		c.slot.release()
	}()
	for ; next < len(c.list); next++ {
		if k := &c.list[next]; !k.sub.ended.Load() {
			k.take(EventOf[T]{c.sender, c.event, v})
		}
	}
	return nil
}

func errReentry(rt *Route) error {
	return NewError(CodeBusy, fmt.Sprintf("%d events of %q wait for its handlers to return", maxWaiting, rt.sender.slot.name))
}

// from gives v to the subscriptions from the i-th on, in order. One recover
// serves them all: when a handler does not return, next still names it.
func (c *calls[T]) from(next int, v T) {
	defer func() {
		if next < len(c.list) {
			c.broken(recover(), next, v)
		}
	}()
	for ; next < len(c.list); next++ {
		if k := &c.list[next]; !k.sub.ended.Load() {
			k.take(EventOf[T]{c.sender, c.event, v})
		}
	}
}

// alone gives v to the only subscription: from without the loop.
func (c *calls[T]) alone(v T) {
	returned := false
	defer func() {
		if !returned {
			c.of.panicked(recover())
		}
	}()
	c.only(EventOf[T]{c.sender, c.event, v})
	returned = true
}

// broken reports a panic and serves those behind. With no panic, the handler
// is ending its goroutine (t.FailNow does), and this is their last chance.
func (c *calls[T]) broken(panicked any, i int, v T) {
	c.list[i].sub.registry.panicked(c.sender, c.event, panicked)
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
