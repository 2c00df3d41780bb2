package sig

import (
	"context"
	"fmt"
	"reflect"
)

// Emitter emits one event of one sender with payloads of type T. It is found
// once and then emits without look-up, boxing or allocation.
type Emitter[T any] struct{ out outlet[T] }

// NewEmitter makes the emitter of an event the sender has declared, and fixes
// the type of its payloads for the sender's life: emitting the event with
// another type is an [ErrTypeMismatch] from then on.
func NewEmitter[T any](s *Sender, event Name) (*Emitter[T], error) {
	rt := s.route(event)
	if rt == nil {
		return nil, s.notDeclared(event)
	}
	if err := rt.bind(reflect.TypeFor[T]()); err != nil {
		return nil, err
	}
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := rt.typed.(*Emitter[T])
	if !ok {
		e = &Emitter[T]{}
		e.out.route = rt
		rt.typed = e
	}
	return e, nil
}

func (e *Emitter[T]) forget(delivering bool) { e.out.forget(delivering) }

// Emit is [Sender.Emit] for this event.
func (e *Emitter[T]) Emit(v T) error { return e.out.emit(v) }

// TryEmit is [Sender.TryEmit] for this event.
func (e *Emitter[T]) TryEmit(v T) error { return e.out.route.emitNow(v) }

// EmitWait is [Sender.EmitWait] for this event.
func (e *Emitter[T]) EmitWait(ctx context.Context, v T) error {
	return e.out.route.emitWhenRoom(ctx, v)
}

// bind chooses the type of the event's payloads, and warns subscribers whose
// handlers can never take one.
func (rt *Route) bind(t reflect.Type) error {
	r := rt.sender.registry
	r.mu.Lock()
	if have := rt.bound.Load(); have != nil {
		r.mu.Unlock()
		if *have != t {
			return NewError(CodeTypeMismatch, fmt.Sprintf("%s %s is emitted as %s already, not as %s", rt.sender.slot.name, rt.name, *have, t))
		}
		return nil
	}
	rt.bound.Store(&t)
	rt.invalidate() // those who emit by name have to look at types from now on
	var warnings []Warning
	for _, sub := range r.matching(rt.sender.slot.name, rt.name) {
		if err := rt.unfit(sub.recv.payload()); err != nil {
			warnings = append(warnings, Warning{rt.sender.slot.name, rt.name, err})
		}
	}
	r.mu.Unlock()
	r.warnAll(warnings)
	return nil
}

// unfit says why handlers of type t can never take this event, if so.
func (rt *Route) unfit(t reflect.Type) error {
	bound := rt.bound.Load()
	if bound == nil || compatible(*bound, t) {
		return nil
	}
	return NewError(CodeTypeMismatch, fmt.Sprintf("%s %s is emitted as %s, which cannot become the subscriber's %s",
		rt.sender.slot.name, rt.name, *bound, t))
}
