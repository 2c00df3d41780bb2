package sig

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"
)

// Subscription is the handle that ends a subscription.
type Subscription struct {
	registry *Registry
	pattern  Pattern
	class    class
	seq      uint64
	recv     receiver
	inbox    inbox // its queue; nil: inline
	onEnd    func(error)
	lossy    bool
	// ended keeps events that were under way from the handler.
	ended atomic.Bool
	lost  atomic.Uint64
	done  chan struct{} // closed after the last event

	// The registry's lock guards the rest. A watch is a member of two interests.
	members [2]member
	over    bool
	err     error
	stop    func() bool // takes the hook out of the caller's context
	pulled  bool        // an iterator takes the events, no goroutine does
}

// SubscribeOptions choose how a subscription takes its events. The zero value
// works.
type SubscribeOptions struct {
	// Queue is how many events may wait for the handler, which then runs on a
	// goroutine of the subscription's own. Default: 0, the handler runs inline,
	// on the goroutine that emits.
	Queue int
	// Policy says what a full queue does. Default: [DropOldest].
	Policy Policy
	// Keep says that the handler keeps []byte payloads after it returns.
	// Default: false, an inline handler for []byte is lent the payload of an
	// event of another process, and copies what it wants to keep. Events of
	// this process share the emitter's bytes in any case, which nobody changes.
	Keep bool
	// Lossy says that an event is worth nothing late, because the next one says it
	// anew. Where all who want the events of a route over a connection say so, or
	// the sender has declared them so in [Spec], they may be sent in a way in which
	// some are lost; that is announced, as any loss (P7). Events of one sender and
	// name keep their order; what [Sender.EmitWait] sends is never lost. Default:
	// false.
	Lossy bool
	// Context ends the subscription, and the waiting of emitters for its queue
	// under [Block], when it is done. Default: none.
	Context context.Context
	// OnLost hears of dropped events, in order with the others, instead of a
	// #lost event. Default: a handler of a type that can hold a [Lost], such as
	// any, gets #lost events; of losses of another there is a Warning.
	OnLost func(Lost)
	// OnEnd is called after the last event, with what [Subscription.Err] says.
	// Default: none.
	OnEnd func(error)
}

// Policy says what a full queue does with one event too many. Each event that
// it drops is announced to the subscription (P7).
type Policy uint8

// The policies.
const (
	// DropOldest drops the event that has waited longest.
	DropOldest Policy = iota
	// DropNewest drops the event that comes.
	DropNewest
	// KeepLatest drops the oldest waiting event that a later one of the same
	// sender and name supersedes; if there is none, the oldest.
	KeepLatest
	// Block makes the emitter wait until there is room, the subscription ends or
	// its Context is done. It works within the process: for events of another
	// one it is DropOldest. Its handler must not emit what it subscribes to
	// itself: it would wait for itself. In a queue of 128 or more up to 15 places
	// become free together, unless somebody waits for one.
	Block
	// Disconnect ends the subscription with [ErrLimit], after what waits.
	Disconnect
)

// Subscribe calls h for each event that matches. The sender pattern and the
// event pattern are names, or [Any], or contain wildcards (P1); the sender need
// not exist yet (P2). T is the type the handler wants the payload to have, see
// [Data]; with T any it gets every event, #connect, #disconnect and #lost
// included, if the pattern matches.
//
// A handler runs inline unless opts give it a queue: on the goroutine that
// emits, so on several at once if several emit. An event that the handler itself
// causes may come before it returns. With a queue it runs on a goroutine of its
// own, one event after the other.
//
// An exact event that the connected sender does not declare is an
// [ErrNotDeclared], one whose type can never become a T an [ErrTypeMismatch].
func Subscribe[T any](r *Registry, sender, event Name, h func(EventOf[T]), opts *SubscribeOptions) (*Subscription, error) {
	if h == nil {
		return nil, fmt.Errorf("subscribe to %s %s: no handler", sender, event)
	}
	s := newSubscriber(r, Pattern{sender, event}, h, opts)
	if err := r.subscribe(s.sub, s.start(), opts); err != nil {
		return nil, err
	}
	return s.sub, nil
}

// subscribe puts a subscription in force. A loop, if any, is its goroutine.
func (r *Registry) subscribe(sub *Subscription, loop func(), opts *SubscribeOptions) error {
	if err := sub.pattern.Validate(); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	r.mu.Lock()
	warnings, err := r.fitting(sub)
	if err == nil {
		r.enroll(sub, loop, opts)
		r.addMember(&sub.members[0], sub.pattern)
	}
	r.mu.Unlock()
	r.warnAll(warnings)
	return err
}

// fitting checks a subscription against what the connected senders declare.
func (r *Registry) fitting(sub *Subscription) ([]Warning, error) {
	p := sub.pattern
	switch {
	case r.closed:
		return nil, NewError(CodeClosed, "the registry")
	case p.Event.Reserved():
		return nil, fittingReserved(p, sub.recv.payload())
	case !p.Event.exact():
		return nil, nil
	}
	if p.Sender.exact() {
		sl := r.slots[p.Sender]
		if sl == nil || sl.current == nil {
			return nil, nil
		}
		rt := sl.current.route(p.Event)
		switch {
		case rt == nil && sl.current.hidden:
			return nil, nil // whoever hides it says what there is to hear
		case rt == nil:
			return nil, fmt.Errorf("subscribe: %w", sl.current.notDeclared(p.Event))
		}
		return nil, rt.unfit(sub.recv.payload())
	}
	// One of the channel's senders may not fit; the others still do.
	var warnings []Warning
	r.eachRoute(p, func(rt *Route) {
		if err := rt.unfit(sub.recv.payload()); err != nil {
			warnings = append(warnings, Warning{rt.sender.slot.name, rt.name, err})
		}
	})
	return warnings, nil
}

// fittingReserved checks the handler's type against a reserved event's payload.
func fittingReserved(p Pattern, want reflect.Type) error {
	have := reflect.TypeFor[Presence]()
	if p.Event == EventLost {
		have = reflect.TypeFor[Lost]()
	}
	if compatible(have, want) {
		return nil
	}
	return NewError(CodeTypeMismatch, fmt.Sprintf("subscribe: %s carries a %s, which cannot become a %s", p.Event, have, want))
}

// enroll makes the registry responsible for ending the subscription.
func (r *Registry) enroll(sub *Subscription, loop func(), opts *SubscribeOptions) {
	r.sequence++
	sub.seq = r.sequence
	r.live[sub] = struct{}{}
	if sub.pattern.Event == EventLost {
		r.observers.Add(1)
	}
	for i := range sub.members {
		sub.members[i].sub = sub
	}
	if loop != nil {
		r.wg.Go(loop) // ends when the subscription does
	}
	if opts == nil || opts.Context == nil || opts.Context.Done() == nil {
		return
	}
	ctx := opts.Context
	r.wg.Add(1)
	sub.stop = context.AfterFunc(ctx, func() {
		defer r.wg.Done()
		sub.end(contextError(ctx), false)
	})
}

// Unsubscribe ends the subscription; what waits in its queue is discarded. No
// handler begins after it returns, but one may be running on another goroutine:
// [Subscription.Done] tells when that has returned too, if it has a queue. It
// can be called twice, and from the handler.
func (s *Subscription) Unsubscribe() { s.end(nil, false) }

// end ends the subscription, now or after what waits in its queue.
func (s *Subscription) end(err error, drain bool) {
	if !drain {
		s.ended.Store(true)
	}
	first := s.withdraw(err)
	if s.inbox != nil {
		s.inbox.close(drain)
	}
	if first && (s.inbox == nil || s.pulled) {
		s.ended.Store(true)
		s.finish()
	}
}

// withdraw takes the subscription out of the registry, once.
func (s *Subscription) withdraw(err error) (first bool) {
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.over {
		return false
	}
	s.over, s.err = true, err
	for i := range s.members {
		r.removeMember(&s.members[i])
	}
	delete(r.live, s)
	if s.pattern.Event == EventLost {
		r.observers.Add(-1)
	}
	if s.stop != nil && s.stop() {
		r.wg.Done()
	}
	return true
}

// finish says that the last event has been delivered.
func (s *Subscription) finish() {
	close(s.done)
	if s.onEnd == nil {
		return
	}
	s.guard(s.pattern.Sender, s.pattern.Event, func() { s.onEnd(s.Err()) })
}

// take hands over an event of this process, outside the hot path.
func (s *Subscription) take(ev Event) {
	if !s.ended.Load() {
		s.guard(ev.Sender, ev.Name, func() { s.recv.untyped()(ev) })
	}
}

// guard runs foreign code so that its panic harms nobody.
func (s *Subscription) guard(sender, event Name, f func()) {
	clean := false
	defer func() {
		if !clean {
			s.registry.panicked(sender, event, recover())
		}
	}()
	f()
	clean = true
}

// Err says why the subscription has ended: nil while it has not and after
// Unsubscribe, else [ErrClosed] (the registry), [ErrLimit] (the policy
// [Disconnect]), or [ErrTimeout] or [ErrCancelled] (its Context).
func (s *Subscription) Err() error {
	s.registry.mu.RLock()
	defer s.registry.mu.RUnlock()
	return s.err
}

// Done returns a channel that is closed when the subscription has ended and,
// if it has a queue, its handler has returned from the last event.
func (s *Subscription) Done() <-chan struct{} { return s.done }

// Pattern returns what it subscribes to.
func (s *Subscription) Pattern() Pattern { return s.pattern }

// InForce waits until the subscription has reached every router that must know
// of it, so that events emitted elsewhere afterwards arrive here. The error of a
// router that does not grant it is its refusal, for example an [ErrLimit].
func (s *Subscription) InForce(ctx context.Context) error {
	if err := s.registry.Sync(ctx); err != nil {
		return err
	}
	return s.registry.refusal(s.pattern)
}

// SubscriptionStats count a subscription's events.
type SubscriptionStats struct {
	// Delivered counts events that came through the queue or from another
	// process. Inline ones of this process are not counted: that would cost more
	// than delivering them.
	Delivered uint64
	// Lost counts events that were dropped on the way, as far as known.
	Lost uint64
	// Queued is how many wait now.
	Queued int
}

// Stats returns the counters.
func (s *Subscription) Stats() SubscriptionStats {
	st := SubscriptionStats{Lost: s.lost.Load()}
	st.Delivered, st.Queued = s.recv.counts()
	return st
}

func (s *Subscription) inline() bool { return s.inbox == nil }

// hearsPresence reports whether #disconnect reaches the same handler as the
// sender's events, so that one must not overtake the other.
func (s *Subscription) hearsPresence() bool { return s.pattern.Event == Any }
