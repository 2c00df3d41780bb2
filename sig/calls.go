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
	sender Name
	event  Name
	list   []call[T]
	// own: a handler runs while others have yet to get the event, or one hears
	// presence as well. Then the slot must be owned, so that an event emitted
	// meanwhile does not overtake this one.
	own bool
	// remote: bridges want the event too, or have wanted it.
	remote bool
}

// call is one subscription's way to take a T.
type call[T any] struct {
	take func(EventOf[T])
	sub  *Subscription
}

func newCalls[T any](snap *snapshot) *calls[T] {
	rt := snap.route
	c := &calls[T]{
		of: snap, sender: rt.sender.slot.name, event: rt.name,
		remote: snap.counted, list: make([]call[T], len(snap.subs)),
	}
	for i, sub := range snap.subs {
		c.list[i] = call[T]{takerOf[T](sub.recv), sub}
		if sub.hearsPresence() || sub.inline() && i < len(snap.subs)-1 {
			c.own = true
		}
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
	if c == nil || c.of != o.route.snap.Load() || c.remote || c.own || !o.route.sender.slot.idle() {
		return o.emitSlow(v)
	}
	c.all(v)
	return nil
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
	return errors.Join(c.of.push(v, false), c.deliver(v))
}

// push counts the event and hands it to the bridges that want it.
func (snap *snapshot) push(v any, held bool) (err error) {
	if !snap.counted {
		return nil
	}
	seq := snap.route.seq.Add(1)
	if len(snap.remote) == 0 {
		return nil
	}
	em := &Emission{value: v, held: held, seq: seq}
	for _, t := range snap.remote {
		err = errors.Join(err, t.Push(em))
	}
	return err
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
	s := c.of.route.sender
	switch {
	case len(c.list) == 0:
		return nil
	case !c.own && s.slot.idle():
		c.all(v)
		return nil
	case s.slot.tryOwn():
		return c.owned(s, v)
	case s.slot.full():
		return errReentry(c.of.route)
	}
	own, ok := s.slot.post(s, func() { c.all(v) })
	if !ok {
		return s.notConnected()
	}
	if own {
		s.slot.drain()
	}
	return nil
}

// owned delivers while the caller owns the slot. The slot was idle a moment
// ago, so that a sender that has left has delivered its #disconnect already.
func (c *calls[T]) owned(s *Sender, v T) error {
	defer s.slot.release()
	if s.gone.Load() {
		return s.notConnected()
	}
	c.all(v)
	return nil
}

func errReentry(rt *Route) error {
	return NewError(CodeBusy, fmt.Sprintf("%d events of %q wait for its handlers to return", maxWaiting, rt.sender.slot.name))
}

// all gives v to each subscription in order.
func (c *calls[T]) all(v T) {
	for i := 0; i < len(c.list); {
		i = c.from(i, v)
	}
}

// from gives v to the subscriptions from the i-th on. One recover serves them
// all: when a handler panics it returns early, with the next one's index.
func (c *calls[T]) from(i int, v T) (next int) {
	next = i
	clean := false
	defer func() {
		if !clean {
			next = c.broken(recover(), next, v)
		}
	}()
	for ; next < len(c.list); next++ {
		if k := &c.list[next]; !k.sub.ended.Load() {
			k.take(EventOf[T]{c.sender, c.event, v})
		}
	}
	clean = true
	return next
}

// broken reports a panic. With none, the handler is ending its goroutine
// (t.FailNow does), and this is the last chance to serve the others.
func (c *calls[T]) broken(panicked any, i int, v T) (next int) {
	sub := c.list[i].sub
	sub.registry.panicked(c.sender, c.event, panicked)
	if panicked == nil {
		for next = i + 1; next < len(c.list); {
			next = c.from(next, v)
		}
	}
	return i + 1
}

// panicked turns a handler's panic into a warning; the emitter is not to blame.
func (r *Registry) panicked(sender, event Name, p any) {
	err := fmt.Errorf("handler panicked: %v\n%s", p, debug.Stack())
	if p == nil {
		err = errors.New("handler ended its goroutine")
	}
	r.warn(Warning{Sender: sender, Event: event, Err: err})
}
