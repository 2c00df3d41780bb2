package sig

import (
	"context"
	"errors"
	"fmt"
)

// place is where one held-back event needs room: the queue of a subscription or
// the target of a bridge. Reserving is all or nothing over all places of an
// event: an emitter that keeps some while it waits for others would stop those
// others' emitters, and two such emitters could wait for each other for ever.
type place interface {
	TryReserve() bool
	Release()
	Room() <-chan struct{}
}

// emitNow emits if there is room everywhere, or not at all.
func (rt *Route) emitNow(v any) error {
	snap := rt.current()
	if snap == nil {
		return rt.sender.notConnected()
	}
	places := snap.places()
	if reserve(places) >= 0 {
		return NewError(CodeBusy, fmt.Sprintf("a subscriber of %s %s has no room", rt.sender.slot.name, rt.name))
	}
	return snap.emitHeld(v, places)
}

// emitWhenRoom emits as soon as there is room everywhere.
func (rt *Route) emitWhenRoom(ctx context.Context, v any) error {
	for {
		if err := ctx.Err(); err != nil {
			return contextError(ctx)
		}
		snap := rt.current()
		if snap == nil {
			return rt.sender.notConnected()
		}
		places := snap.places()
		full := reserve(places)
		if full < 0 {
			return snap.emitHeld(v, places)
		}
		if err := rt.awaitRoom(ctx, snap, places[full]); err != nil {
			return err
		}
	}
}

// awaitRoom returns when it is worth trying again.
func (rt *Route) awaitRoom(ctx context.Context, snap *snapshot, p place) error {
	room := p.Room()
	if p.TryReserve() { // it came between the attempt and the look at Room
		p.Release()
		return nil
	}
	select {
	case <-room:
	case <-rt.stale(snap): // perhaps the one without room is gone
	case <-rt.sender.done:
	case <-ctx.Done():
		return contextError(ctx)
	}
	return nil
}

// places lists where an event of this snapshot needs room. An inline handler
// needs none.
func (snap *snapshot) places() []place {
	var places []place
	for _, sub := range snap.subs {
		if sub.inbox != nil {
			places = append(places, sub.inbox)
		}
	}
	for _, t := range snap.remote {
		places = append(places, t)
	}
	return places
}

// reserve takes one place everywhere, or none and returns who had no room.
func reserve(places []place) (full int) {
	for i, p := range places {
		if !p.TryReserve() {
			release(places[:i])
			return i
		}
	}
	return -1
}

func release(places []place) {
	for _, p := range places {
		p.Release()
	}
}

// emitHeld sends an event for which all places are reserved.
func (snap *snapshot) emitHeld(v any, places []place) error {
	s := snap.route.sender
	if s.slot.full() {
		release(places)
		return errReentry(snap.route)
	}
	err := push(snap, v, true)
	if len(snap.subs) == 0 {
		return err
	}
	own, ok := s.slot.post(s, func() { snap.deliverHeld(v) })
	if !ok {
		for _, sub := range snap.subs {
			if sub.inbox != nil {
				sub.inbox.Release()
			}
		}
		return errors.Join(err, s.notConnected())
	}
	if own {
		s.slot.drain()
	}
	return err
}

func (snap *snapshot) deliverHeld(v any) { snap.heldFrom(0, v) }

// heldFrom is deliverHeld from the i-th subscription on, also if a handler ends
// its goroutine.
func (snap *snapshot) heldFrom(next int, v any) {
	defer func() {
		if next < len(snap.subs) {
			snap.heldFrom(next+1, v)
		}
	}()
	rt := snap.route
	for ; next < len(snap.subs); next++ {
		snap.subs[next].recv.held(Event{rt.sender.slot.name, rt.name, v})
	}
}

// contextError is the error of a context that has ended, in this package's terms.
func contextError(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ErrTimeout
	}
	return ErrCancelled
}
