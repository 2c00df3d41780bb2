package sig

import (
	"context"
	"iter"
)

// Next waits for the next matching event. It does not see events emitted before
// it was called; to be sure of one that an action of yours causes, use [Events]
// or [Subscribe] before you act.
func Next[T any](ctx context.Context, r *Registry, sender, event Name) (EventOf[T], error) {
	first := &SubscribeOptions{Queue: 1, Policy: DropNewest, OnLost: func(Lost) {}} // the rest is of no interest
	for ev, err := range Events[T](ctx, r, sender, event, first) {
		return ev, err
	}
	return EventOf[T]{}, contextError(ctx)
}

// defaultEvents is the queue of an iterator that was given none.
const defaultEvents = 256

// Events subscribes at once and returns the matching events for a loop:
//
//	for ev, err := range sig.Events[float64](ctx, r, "kitchen", "temp", nil) {
//		if err != nil { ... }
//	}
//
// The subscription ends with the loop or with ctx; either ends the loop without
// an error. An error comes as the last pair: the subscription was refused, the
// registry closed, or the policy [Disconnect] ended it. Events wait in a queue
// for the loop (default: 256 of them, opts say more) and no goroutine is
// started. There can be one loop, once.
func Events[T any](ctx context.Context, r *Registry, sender, event Name, opts *SubscribeOptions) iter.Seq2[EventOf[T], error] {
	var o SubscribeOptions
	if opts != nil {
		o = *opts
	}
	if o.Queue <= 0 {
		o.Queue = defaultEvents
	}
	o.Context = ctx
	s := newSubscriber[T](r, Pattern{sender, event}, nil, &o)
	s.sub.pulled = true
	err := r.subscribe(s.sub, nil, &o)
	return func(yield func(EventOf[T], error) bool) {
		if err != nil {
			yield(EventOf[T]{}, err)
			return
		}
		defer s.sub.Unsubscribe()
		s.pull(ctx, yield)
		err = NewError(CodeClosed, "the events were taken already")
	}
}

// pull hands the queue's events to the loop. The loop's own panics are its own.
func (s *subscriber[T]) pull(ctx context.Context, yield func(EventOf[T], error) bool) {
	for ctx.Err() == nil {
		it, ok := s.queue.take(ctx.Done())
		if !ok {
			break
		}
		for _, l := range it.lost {
			if !s.yieldLost(l, yield) {
				return
			}
		}
		if it.has && !yield(it.ev, nil) {
			return
		}
	}
	if err := s.sub.Err(); err != nil && ctx.Err() == nil {
		yield(EventOf[T]{}, err)
	}
}

// yieldLost gives a loss to the loop, if that can hold one.
func (s *subscriber[T]) yieldLost(l Lost, yield func(EventOf[T], error) bool) bool {
	data, ok := any(l).(T)
	if !ok || s.onLost != nil {
		s.announce(l)
		return true
	}
	s.sub.registry.observed(s.sub, l)
	return yield(EventOf[T]{l.Sender, EventLost, data}, nil)
}
