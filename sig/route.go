package sig

import (
	"cmp"
	"reflect"
	"slices"
	"sync/atomic"
)

// Route is one event of one life of a sender: the unit that subscriptions are
// resolved to, so that emitting needs no look-up. Only routers see routes.
type Route struct {
	sender *Sender
	name   Name
	index  int
	place  *eventPlace // in the sender's table
	lossy  bool

	// snap is what an emission reaches now; nil: subscriptions have changed,
	// the next emission finds out anew.
	snap atomic.Pointer[snapshot]
	// untyped emits values of any type; used by [Sender.Emit].
	untyped outlet[any]
	// bound is the type that [NewEmitter] chose; nil: none yet.
	bound atomic.Pointer[reflect.Type]
	// locals counts the local subscriptions that match; the registry's lock
	// guards changes.
	locals atomic.Int64
	user   atomic.Pointer[any]
	// seq counts the events emitted since a bridge first wanted the route, so
	// that a peer that was away can tell how many it has missed.
	seq    atomic.Uint64
	excess excess

	// The registry's lock guards the rest.
	typed   forgetter         // the *Emitter of the bound type; nil: none yet
	links   map[*Bridge]*link // who else wants this route; never the owner's bridge
	firm    int               // local subscriptions and links that do not accept loss
	asks    int               // patterns that match it and the owner's bridge has been told of; if that is Asking
	counted bool              // a bridge has wanted the route: seq counts
	changed chan struct{}     // closed at the next change; nil: nobody waits for one
}

// snapshot is what one emission reaches. It is immutable.
type snapshot struct {
	// stale is set when the route has, or will have, another snapshot. If the slot
	// is owned at that moment, calls of this one are guarded.
	stale  atomic.Bool
	route  *Route
	subs   []*Subscription
	remote []Target
	// counted: emissions have to be counted, if only for a peer that is away.
	counted bool
	any     *calls[any]
}

func newRoute(s *Sender, name Name, index int) *Route {
	rt := &Route{sender: s, name: name, index: index}
	rt.untyped.route = rt
	return rt
}

// Sender returns the life of the sender this route belongs to.
func (rt *Route) Sender() *Sender { return rt.sender }

// Name returns the event's name.
func (rt *Route) Name() Name { return rt.name }

// Index returns the event's place in the list the sender connected with.
func (rt *Route) Index() int { return rt.index }

// Lossy reports whether the event may be lost rather than be late, see [Spec].
func (rt *Route) Lossy() bool { return rt.lossy }

// Seq numbers the latest event of a local sender's route, as [Emission.Seq] does;
// 0: nothing to count yet.
func (rt *Route) Seq() uint64 { return rt.seq.Load() }

// User returns what SetUser stored: one slot for the router that connected the
// sender, or for the only router if the sender is local.
func (rt *Route) User() any {
	if p := rt.user.Load(); p != nil {
		return *p
	}
	return nil
}

// SetUser stores a value for User.
func (rt *Route) SetUser(v any) { rt.user.Store(&v) }

// HasLocal reports whether any local subscription matches.
func (rt *Route) HasLocal() bool { return rt.locals.Load() > 0 }

// Targets returns the bridge targets that want this event now, never the
// owner's. The slice is shared and read-only.
func (rt *Route) Targets() []Target {
	if snap := rt.current(); snap != nil {
		return snap.remote
	}
	return nil
}

// wanted is what anybody but the owner's bridge wants of the route.
func (rt *Route) wanted() wish {
	on := rt.locals.Load() > 0 || len(rt.links) > 0
	return wish{on, on && rt.firm == 0}
}

// heardBy notes one local subscription more, or less.
func (rt *Route) heardBy(sub *Subscription, n int) {
	rt.locals.Add(int64(n))
	if !sub.lossy {
		rt.firm += n
	}
}

// changedWanted tells the owner's bridge if the answer of wanted has changed.
func (rt *Route) changedWanted(was wish) {
	if is := rt.wanted(); is != was && rt.sender.bridge != nil {
		rt.sender.bridge.peer.Wanted(rt, is.on, is.lossy)
	}
}

// invalidate makes the next emission look up its targets; the registry's lock
// is held.
func (rt *Route) invalidate() {
	if old := rt.snap.Swap(nil); old != nil {
		old.stale.Store(true)
		delivering := !rt.sender.slot.idle() // or about to, and then it sees that old is stale
		rt.untyped.forget(delivering)
		rt.place.sole.store(nil)
		if rt.typed != nil {
			rt.typed.forget(delivering)
		}
	}
	if rt.changed != nil {
		close(rt.changed)
		rt.changed = nil
	}
}

// current returns what an emission reaches, or nil if the sender has left.
func (rt *Route) current() *snapshot {
	if snap := rt.snap.Load(); snap != nil {
		return snap
	}
	r := rt.sender.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	return rt.resolve()
}

// resolve is current with the registry's lock held. A remote sender that has
// left still has events on the way to local handlers; a local one has not.
func (rt *Route) resolve() *snapshot {
	if snap := rt.snap.Load(); snap != nil {
		return snap
	}
	s := rt.sender
	if s.gone.Load() && s.bridge == nil {
		return nil
	}
	snap := &snapshot{route: rt, subs: s.registry.matching(s.slot.name, rt.name)}
	for _, l := range rt.links {
		snap.remote = append(snap.remote, l.target)
	}
	rt.counted = rt.counted || len(snap.remote) > 0
	snap.counted = rt.counted
	snap.any = newCalls[any](snap)
	rt.snap.Store(snap)
	return snap
}

// stale returns a channel that is closed when snap is no longer current.
func (rt *Route) stale(snap *snapshot) <-chan struct{} {
	r := rt.sender.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if rt.snap.Load() != snap {
		return closedChan
	}
	if rt.changed == nil {
		rt.changed = make(chan struct{})
	}
	return rt.changed
}

// closedChan is ready at once.
var closedChan = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// matching returns the local subscriptions that match, in the order of delivery
// (P3). The registry's lock is held.
func (r *Registry) matching(sender, event Name) []*Subscription {
	r.scratch = r.index.match(sender, event, r.scratch[:0])
	var subs []*Subscription
	for _, in := range r.scratch {
		for m := in.first; m != nil; m = m.next {
			subs = append(subs, m.sub)
		}
	}
	slices.SortFunc(subs, func(a, b *Subscription) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.seq, b.seq))
	})
	return subs
}

// listeners returns the local subscriptions to a reserved event whose handlers
// can take its payload.
func (r *Registry) listeners(sender, event Name, payload reflect.Type) []*Subscription {
	subs := r.matching(sender, event)
	return slices.DeleteFunc(subs, func(s *Subscription) bool { return !s.recv.holds(payload) })
}
