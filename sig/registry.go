package sig

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
)

// Registry is the hub inside one process: it knows the senders, local ones and
// those that routers bring from other processes, and who subscribes to what.
// All methods can be called from several goroutines, and from handlers; only
// [Registry.Shutdown] and [Registry.Close] wait for handlers.
type Registry struct {
	name string
	id   [16]byte
	warn func(Warning)

	// wg counts the goroutines of subscriptions, calls those of request handlers.
	wg    sync.WaitGroup
	calls sync.WaitGroup
	// observers counts subscriptions to #lost itself.
	observers atomic.Int64

	// mu guards the rest and all that says so elsewhere. It is taken for
	// changes and look-ups by name, never to emit, and no handler runs under it.
	mu        sync.RWMutex
	closed    bool
	slots     map[Name]*slot
	connected int // slots that have a current sender
	index     *index
	bridges   []*Bridge
	asking    int // how many of them have a peer that is Asking
	epoch     uint64
	sequence  uint64 // of subscriptions
	scratch   []*interest
	live      map[*Subscription]struct{} // all subscriptions that have not ended
}

// Options configure a registry. The zero value works.
type Options struct {
	// Name says which registry this is, in messages. Default: "".
	Name string
	// OnWarning hears of what is nobody's error to return: a handler that
	// panicked, a subscription that can never match, a payload that does not
	// fit. It runs with no lock held, on whatever goroutine found it, and must
	// not block. Default: slog.Default().Warn.
	OnWarning func(Warning)
}

// Warning is something a developer should know and no caller can be told.
type Warning struct {
	Sender, Event Name // where known
	Err           error
}

// String says it in one line, or more if a stack belongs to it.
func (w Warning) String() string {
	return fmt.Sprintf("%s %s: %v", w.Sender, w.Event, w.Err)
}

// New makes an empty registry. It starts no goroutine.
func New(opts *Options) *Registry {
	if opts == nil {
		opts = &Options{}
	}
	r := &Registry{
		name: opts.Name, warn: opts.OnWarning,
		slots: make(map[Name]*slot), index: newIndex(),
		live: make(map[*Subscription]struct{}),
	}
	if r.warn == nil {
		r.warn = func(w Warning) {
			slog.Default().Warn("gosig: "+w.Err.Error(), "registry", r.name, "sender", string(w.Sender), "event", string(w.Event))
		}
	}
	rand.Read(r.id[:]) // never fails
	var seed [8]byte
	rand.Read(seed[:])
	r.epoch = binary.BigEndian.Uint64(seed[:]) >> 1 // room to count up
	return r
}

// Name returns the name given in [Options].
func (r *Registry) Name() string { return r.name }

// ID returns a random number that no other registry has.
func (r *Registry) ID() [16]byte { return r.id }

// lookup finds the connected sender of that name.
func (r *Registry) lookup(name Name) *Sender {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if sl := r.slots[name]; sl != nil {
		return sl.current
	}
	return nil
}

// admit gives s its name, and tells the bridges. It returns what to warn of
// once the lock is free.
func (r *Registry) admit(s *Sender, name Name) ([]Warning, error) {
	if r.closed {
		return nil, NewError(CodeClosed, "the registry")
	}
	sl := r.slots[name]
	if sl != nil && sl.current != nil {
		return nil, NewError(CodeNameTaken, fmt.Sprintf("%q is connected already, by %s", name, sl.current.origin()))
	}
	if sl == nil {
		r.sweep()
		sl = &slot{name: name}
		r.slots[name] = sl
	}
	if s.bridge == nil {
		r.epoch++
		s.epoch = r.epoch
	}
	s.slot, sl.current = sl, s
	r.connected++
	sl.begin(s)
	s.announce = r.presenceEvent(s, EventConnect, "")
	var keen []*Bridge // want everything, until they know what they want
	for _, b := range r.bridges {
		if b != s.bridge && b.peer.SenderConnected(s) {
			keen = append(keen, b)
		}
	}
	for _, rt := range s.routes {
		for _, b := range keen {
			b.ask(rt, false)
		}
		r.link(rt)
	}
	return r.undeclared(s), nil
}

// link works out who wants a new route.
func (r *Registry) link(rt *Route) {
	r.scratch = r.index.match(rt.sender.slot.name, rt.name, r.scratch[:0])
	for _, in := range r.scratch {
		for m := in.first; m != nil; m = m.next {
			rt.heardBy(m.sub, 1)
		}
		for b, c := range in.bridges {
			if c.passes(rt) {
				b.link(rt, c.lossy)
			}
		}
		if b := rt.sender.bridge; b != nil && b.asking != nil && in.parties().without(in, b).on {
			b.asks(rt, 1)
		}
	}
	rt.changedWanted(wish{})
}

// undeclared warns of subscriptions to exact events that s will never emit (P2).
func (r *Registry) undeclared(s *Sender) (warnings []Warning) {
	if s.hidden {
		return nil // what it declares is not all there is to know
	}
	r.index.literals(s.slot.name, func(in *interest) {
		event := in.pattern.Event
		if in.first != nil && !event.Reserved() && s.route(event) == nil {
			warnings = append(warnings, Warning{s.slot.name, event, s.notDeclared(event)})
		}
	})
	return warnings
}

// sweep forgets names nobody has had for long, once they are the majority.
func (r *Registry) sweep() {
	if len(r.slots) < 2*r.connected+64 {
		return
	}
	for name, sl := range r.slots {
		if sl.current == nil && sl.deserted() {
			delete(r.slots, name)
		}
	}
}

// Warn reports what a router found wrong, as the registry reports its own.
// Call it without the registry's lock.
func (r *Registry) Warn(w Warning) { r.warn(w) }

// Subscriptions counts the subscriptions made so far. A router notes it to know
// later who was there at a time, see [Route.DeliverLost].
func (r *Registry) Subscriptions() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sequence
}

// warnAll is for use without the lock.
func (r *Registry) warnAll(warnings []Warning) {
	for _, w := range warnings {
		r.warn(w)
	}
}
