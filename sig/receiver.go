package sig

import (
	"reflect"
	"sync/atomic"
)

// receiver is a subscription's handler and queue, whatever the handler's type.
type receiver interface {
	// payload is the type the handler wants.
	payload() reflect.Type
	// holds reports whether the handler takes a reserved event's payload.
	holds(payload reflect.Type) bool
	// untyped returns the way for a payload of any type. It may panic, as the
	// handler may.
	untyped() func(Event)
	// held takes an event for which a place in the queue is reserved.
	held(ev Event)
	// remote takes an event of another process; taken, if not nil, is called
	// once when it is in the queue or handled.
	remote(ev remoteEvent, taken func())
	// remoteRun takes the current event of a run and those after it, while they
	// go straight to this subscription, and returns the route of the one that does
	// not: it is the current one then.
	remoteRun(snap *snapshot, run Run) (undelivered *Route)
	// lose announces lost events in order with the others, and numbers them.
	lose(l Lost)
	counts() (delivered uint64, queued int)
}

// subscriber is the receiver for handlers of type T.
type subscriber[T any] struct {
	sub     *Subscription
	handler func(EventOf[T])
	onLost  func(Lost)
	convert func(ev Event) (T, error)
	queue   *queue[T] // nil: inline
	lent    bool      // a []byte from another process need not be copied
	// arrived numbers what an inline subscription gets from other processes.
	arrived atomic.Uint64
}

func newSubscriber[T any](r *Registry, p Pattern, h func(EventOf[T]), opts *SubscribeOptions) *subscriber[T] {
	s := &subscriber[T]{
		sub:     &Subscription{registry: r, pattern: p, class: classOf(p), done: make(chan struct{})},
		handler: h,
		convert: func(ev Event) (T, error) { return Data[T](ev.Data) },
	}
	s.sub.recv = s
	if opts != nil {
		s.onLost, s.sub.onEnd, s.sub.lossy = opts.OnLost, opts.OnEnd, opts.Lossy
		if opts.Queue > 0 {
			s.queue = newQueue[T](s.sub, opts)
			s.sub.inbox = s.queue
		}
	}
	_, bytes := any((*T)(nil)).(*[]byte)
	s.lent = bytes && s.queue == nil && (opts == nil || !opts.Keep)
	return s
}

// start returns the loop of a queue's goroutine, or nil.
func (s *subscriber[T]) start() func() {
	if s.queue == nil {
		return nil
	}
	return s.loop
}

// loop hands the queue's events to the handler until the subscription ends.
func (s *subscriber[T]) loop() {
	clean := false
	defer func() {
		if !clean { // the handler ended this goroutine: go on with another
			s.sub.registry.wg.Go(s.loop)
		}
	}()
	for s.serve() {
	}
	clean = true
	s.sub.ended.Store(true)
	s.sub.finish()
}

// serve is loop until the queue has ended, or a handler panics. One recover
// serves all events in between; more says that there may be others.
func (s *subscriber[T]) serve() (more bool) {
	var last *entry[T] // it has its names still; nil: call looks after itself
	returned := false
	defer func() {
		if more = !returned; more && last != nil {
			s.sub.registry.panicked(last.ev.Sender, last.ev.Name, recover())
		}
	}()
	q, ended := s.queue, &s.sub.ended
	for {
		e := q.claim()
		if e == nil || e.before != nil || ended.Load() {
			last = nil
			it, ok := q.item(e)
			if !ok {
				break
			}
			for _, l := range it.lost {
				s.announce(l)
			}
			if it.has && !ended.Load() {
				s.call(it.ev)
			}
			continue
		}
		ev := e.ev
		q.leave(e)
		last = e
		s.handler(ev)
	}
	returned = true
	return false
}

func (s *subscriber[T]) payload() reflect.Type { return reflect.TypeFor[T]() }

func (s *subscriber[T]) holds(payload reflect.Type) bool {
	if s.sub.pattern.Event.Reserved() {
		return true // checked when it subscribed
	}
	return payload.AssignableTo(s.payload())
}

// direct returns the way for a T that needs no conversion.
func (s *subscriber[T]) direct() func(EventOf[T]) {
	if s.queue != nil {
		return s.queue.put
	}
	return s.handler
}

func (s *subscriber[T]) untyped() func(Event) {
	if u, ok := any(s).(*subscriber[any]); ok {
		return u.direct()
	}
	take := s.direct()
	return func(ev Event) {
		v, err := s.convert(ev)
		if err != nil {
			s.unusable(ev.Sender, ev.Name, err)
			return
		}
		take(EventOf[T]{ev.Sender, ev.Name, v})
	}
}

func (s *subscriber[T]) held(ev Event) {
	v, err := s.convert(ev)
	switch {
	case err != nil:
		if s.queue != nil {
			s.queue.Release()
		}
		s.unusable(ev.Sender, ev.Name, err)
	case s.queue != nil:
		s.queue.putReserved(EventOf[T]{ev.Sender, ev.Name, v})
	case !s.sub.ended.Load():
		s.call(EventOf[T]{ev.Sender, ev.Name, v})
	}
}

func (s *subscriber[T]) remote(re remoteEvent, taken func()) {
	held := taken != nil
	if !held {
		taken = func() {}
	}
	if s.sub.ended.Load() {
		taken()
		return
	}
	v, err := decodeTo[T](re)
	switch {
	case err != nil:
		s.unusable(re.sender, re.event, err)
		taken()
	case s.queue != nil:
		s.queue.putRemote(EventOf[T]{re.sender, re.event, v}, taken, held)
	default:
		s.arrived.Add(1)
		defer taken() // also when the handler ends its goroutine
		s.call(EventOf[T]{re.sender, re.event, v})
	}
}

// unusable counts an event whose payload does not fit as lost: it disturbs
// nobody else.
func (s *subscriber[T]) unusable(sender, event Name, err error) {
	s.sub.registry.warn(Warning{sender, event, err})
	s.lose(Lost{Sender: sender, Event: event, Count: 1, Reason: LossBadPayload})
}

func (s *subscriber[T]) lose(l Lost) {
	if s.queue != nil {
		s.queue.lose(l)
		return
	}
	n := max(l.Count, 1)
	s.sub.lost.Add(n)
	l.Last = s.arrived.Add(n)
	l.First = l.Last - n + 1
	s.announce(l)
}

// announce tells the handler, or who else can be told.
func (s *subscriber[T]) announce(l Lost) {
	if s.sub.ended.Load() {
		return
	}
	s.sub.registry.observed(s.sub, l)
	data, ok := any(l).(T)
	switch {
	case s.onLost != nil:
		s.sub.guard(l.Sender, EventLost, func() { s.onLost(l) })
	case ok:
		s.call(EventOf[T]{l.Sender, EventLost, data})
	case l.Reason != LossBadPayload: // of those there is a warning already
		s.sub.registry.warn(Warning{l.Sender, l.Event, lostError(l)})
	}
}

// call runs the handler so that its panic harms nobody.
func (s *subscriber[T]) call(ev EventOf[T]) {
	clean := false
	defer func() {
		if !clean {
			s.sub.registry.panicked(ev.Sender, ev.Name, recover())
		}
	}()
	s.handler(ev)
	clean = true
}

func (s *subscriber[T]) counts() (uint64, int) {
	if s.queue != nil {
		return s.queue.counts()
	}
	return s.arrived.Load() - s.sub.lost.Load(), 0
}

// lostError is a loss in a warning.
func lostError(l Lost) error { return NewError(CodeLimit, l.String()) }

// observed shows a loss to those who subscribe to #lost itself.
func (r *Registry) observed(by *Subscription, l Lost) {
	if r.observers.Load() == 0 || by.pattern.Event == EventLost {
		return
	}
	r.mu.Lock()
	subs := r.matching(l.Sender, EventLost)
	r.mu.Unlock()
	for _, sub := range subs {
		if sub.pattern.Event == EventLost {
			sub.take(Event{l.Sender, EventLost, l})
		}
	}
}
