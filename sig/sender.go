package sig

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
)

// Sender is a named endpoint: what it declared when it connected it may emit
// and answers. It is one life of its name; after [Sender.Disconnect] the name
// can be connected again.
type Sender struct {
	registry *Registry
	slot     *slot
	bridge   *Bridge // who connected it; nil: this process
	routes   []*Route
	table    eventTable       // finds routes by name
	requests map[Name]handler // with nothing to call for a remote sender
	fallback handler
	anything bool // answers every method
	fresh    bool // remote: had emitted nothing when it came
	hidden   bool // remote: nobody here is told that it is there
	epoch    uint64
	inflight inflight

	gone atomic.Bool
	err  error         // set before done is closed
	done chan struct{} // closed when the sender ends

	// slot.mu guards these.
	finished bool     // the last delivery has been queued
	announce func()   // the #connect that has not been queued yet
	backlog  []func() // deliveries that wait for an earlier life's end
}

// Spec says what a sender emits and answers.
type Spec struct {
	// Events are the names it may emit. Default: none.
	Events []Name
	// Requests are the methods it answers. Default: none.
	Requests map[Name]RequestHandler
	// Lossy are those of Events that are worth nothing late: the next one says
	// it anew. Between processes they travel by datagrams where the medium has
	// them (quic://), so that none waits for one that was lost, or for anything
	// large; of what does not arrive, or arrives late, subscriptions get a #lost
	// (P7). Such an event keeps its order among those of its name alone. What is
	// held back (EmitWait) is not lost, and in one process nothing differs.
	// Default: none.
	Lossy []Name
	// Default answers all other methods. Default: they are ErrNoMethod.
	Default RequestHandler
}

// Connect gives a sender its name. The name belongs to it until it
// disconnects: a second claimant gets [ErrNameTaken] (P10).
func (r *Registry) Connect(name Name, spec Spec) (*Sender, error) {
	s, err := newSender(r, name, spec.Events, spec.Lossy)
	if err != nil {
		return nil, err
	}
	s.requests = make(map[Name]handler, len(spec.Requests))
	for method, h := range spec.Requests {
		if err := method.Validate(); err != nil {
			return nil, fmt.Errorf("connect %s: method: %w", name, err)
		}
		if h == nil {
			return nil, fmt.Errorf("connect %s: method %s has no handler", name, method)
		}
		s.requests[method] = newHandler(h)
	}
	if spec.Default != nil {
		s.fallback, s.anything = newHandler(spec.Default), true
	}
	r.mu.Lock()
	warnings, err := r.admit(s, name)
	own := false
	if err == nil {
		own = s.slot.announce(s)
	}
	r.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	r.warnAll(warnings)
	if own {
		s.slot.drain()
	}
	return s, nil
}

// newSender checks the names; the sender is not connected yet.
func newSender(r *Registry, name Name, names, lossy []Name) (*Sender, error) {
	if err := name.Validate(); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	s := &Sender{registry: r, done: make(chan struct{}), routes: make([]*Route, len(names))}
	for i, event := range names {
		if err := event.Validate(); err != nil {
			return nil, fmt.Errorf("connect %s: event: %w", name, err)
		}
		s.routes[i] = newRoute(s, event, i)
	}
	var twice *Route
	if s.table, twice = newEventTable(s.routes); twice != nil {
		return nil, fmt.Errorf("connect %s: event %q is declared twice: %w", name, twice.name, ErrBadName)
	}
	for _, event := range lossy {
		rt := s.route(event)
		if rt == nil {
			return nil, fmt.Errorf("connect %s: lossy event %q is none of its events: %w", name, event, ErrNotDeclared)
		}
		rt.lossy = true
	}
	return s, nil
}

// Name returns the sender's name.
func (s *Sender) Name() Name { return s.slot.name }

// Emit brings the event to everybody who subscribes to it. It does not wait for
// subscribers (P7): inline handlers have run when it returns, unless one of
// this sender's was running already, queues have it, or their policy has told
// what was dropped. The error speaks of the event as a whole: undeclared, of
// the wrong type, the sender has gone, too much waits already.
func (s *Sender) Emit(event Name, data any) error {
	place := s.table.find(event)
	if place == nil {
		return s.notDeclared(event)
	}
	sole := place.sole.load()
	if sole == nil || !s.slot.idle() {
		return place.route.emit(data)
	}
	returned := false
	defer func() {
		if !returned {
			s.registry.panicked(s.slot.name, event, recover())
		}
	}()
	sole(Event{s.slot.name, event, data})
	returned = true
	return nil
}

// emit is Sender.Emit for everything but a single handler.
func (rt *Route) emit(data any) error {
	if err := rt.fits(data); err != nil {
		return err
	}
	return rt.untyped.emitMany(data)
}

// TryEmit is Emit that fails with [ErrBusy], and reaches nobody, if any present
// subscriber has no room for the event.
func (s *Sender) TryEmit(event Name, data any) error {
	rt := s.route(event)
	if rt == nil {
		return s.notDeclared(event)
	}
	if err := rt.fits(data); err != nil {
		return err
	}
	return rt.emitNow(data)
}

// EmitWait is Emit that waits, as long as ctx lives, until every present
// subscriber has room. Nothing of it is dropped on the way.
func (s *Sender) EmitWait(ctx context.Context, event Name, data any) error {
	rt := s.route(event)
	if rt == nil {
		return s.notDeclared(event)
	}
	if err := rt.fits(data); err != nil {
		return err
	}
	return rt.emitWhenRoom(ctx, data)
}

// Disconnect ends this life of the sender; the reason goes out with the
// #disconnect event, after the sender's last event. Requests it has not
// answered fail with [ErrConnectionLost]. A second call does nothing.
func (s *Sender) Disconnect(reason string) error {
	s.registry.Kick(s, NewError(CodeNotConnected, reason))
	return nil
}

// Done returns a channel that is closed when the sender has ended.
func (s *Sender) Done() <-chan struct{} { return s.done }

// Err says why the sender has ended; nil if it has not.
func (s *Sender) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Routes returns the sender's events in the order of declaration. The slice is
// shared and read-only.
func (s *Sender) Routes() []*Route { return s.routes }

// Epoch numbers the lives of senders: no two lives of a name have the same.
func (s *Sender) Epoch() uint64 { return s.epoch }

// Fresh reports whether the sender has emitted nothing that other processes count;
// of one that a bridge has connected, whether that was so then.
func (s *Sender) Fresh() bool {
	if s.bridge != nil {
		return s.fresh
	}
	return !slices.ContainsFunc(s.routes, func(rt *Route) bool { return rt.Seq() > 0 })
}

// Bridge returns the bridge that connected the sender; nil: it is local.
func (s *Sender) Bridge() *Bridge { return s.bridge }

// route returns the route of an event, or nil.
func (s *Sender) route(event Name) *Route {
	if p := s.table.find(event); p != nil {
		return p.route
	}
	return nil
}

// fits checks the payload's type.
func (rt *Route) fits(data any) error {
	if t := rt.bound.Load(); t != nil && *t != reflect.TypeOf(data) && !canBe(data, *t) {
		return NewError(CodeTypeMismatch, fmt.Sprintf("%s %s is emitted as %s, not as %T", rt.sender.slot.name, rt.name, *t, data))
	}
	return nil
}

// canBe reports whether a value can be held by a bound type as it is.
func canBe(data any, t reflect.Type) bool {
	if data == nil {
		return t.Kind() == reflect.Interface
	}
	return reflect.TypeOf(data).AssignableTo(t)
}

func (s *Sender) notDeclared(event Name) error {
	return NewError(CodeNotDeclared, fmt.Sprintf("%s does not emit %q, only %s", s.slot.name, event, listNames(s.events())))
}

// notConnected says that, and why, s emits no more.
func (s *Sender) notConnected() error {
	<-s.done // it is being closed, if not yet
	if err := s.err; CodeOf(err) != CodeNotConnected {
		return fmt.Errorf("%w: %w", NewError(CodeNotConnected, string(s.slot.name)), err)
	}
	return NewError(CodeNotConnected, fmt.Sprintf("%s has disconnected", s.slot.name))
}

func (s *Sender) events() []Name {
	names := make([]Name, len(s.routes))
	for i, rt := range s.routes {
		names[i] = rt.name
	}
	return names
}

// methods returns the names of the requests it declares, sorted.
func (s *Sender) methods() []Name {
	names := make([]Name, 0, len(s.requests))
	for m := range s.requests {
		names = append(names, m)
	}
	slices.Sort(names)
	return names
}

// origin says whose sender it is, for errors.
func (s *Sender) origin() string {
	if s.bridge != nil {
		return "another process"
	}
	return "this process"
}

// resolveRoutes fixes who gets what is still on the way; the registry's lock
// is held.
func (s *Sender) resolveRoutes() {
	for _, rt := range s.routes {
		rt.resolve()
	}
}

// listNames is for error texts, which stay short however many names there are.
func listNames(names []Name) string {
	const most = 20
	if len(names) == 0 {
		return "nothing"
	}
	var b strings.Builder
	for i, n := range names {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(names)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", string(n))
	}
	return b.String()
}
