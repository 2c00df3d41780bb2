package sig

import (
	"context"
	"fmt"
	"slices"
)

// Bridge joins a registry to another process. It is the side that a router
// talks to; [Peer] is the router's own side. Users see neither.
type Bridge struct {
	registry *Registry
	peer     Peer
	// The registry's lock guards these.
	senders  map[*Sender]struct{}
	patterns map[Pattern]struct{}
	closed   bool
	choosy   Choosy // the peer, if it is one
	asking   Asking // the same
}

// Peer is a router's side of a [Bridge].
//
// Methods marked (locked) are called with the registry's lock held, in the
// order of the changes: they must not block, nor call the registry. They may
// call the accessors of Sender and Route, except [Route.Targets]. Another peer may
// be told of the same at the same time.
type Peer interface {
	// SenderConnected (locked) tells of a sender of another origin; Attach also
	// tells of each one already there. If it returns true the peer is taken to
	// want all the sender's events until [Bridge.Want] says otherwise.
	SenderConnected(s *Sender) (wantsAll bool)
	// SenderDisconnected (locked) tells that it has ended. Its targets get no
	// events any more; Detached is not called for them.
	SenderDisconnected(s *Sender, reason string)
	// InterestAdded (locked) tells of the first subscription, local or of
	// another bridge, never this bridge's own, with this pattern, and whether it
	// accepts loss; then again each time when another answer holds for all of
	// them. Patterns of reserved events are among them.
	InterestAdded(p Pattern, lossy bool)
	// InterestRemoved (locked) tells that the last one is gone.
	InterestRemoved(p Pattern)
	// Wanted (locked) tells whether any subscription other than this bridge's
	// own matches rt, a route of a sender this bridge connected, and if so, whether
	// all of them accept loss. A new sender's routes are not wanted until it says
	// so, perhaps before Connect returns.
	Wanted(rt *Route, on, lossy bool)
	// Target (locked) returns the target for rt towards this peer, the same
	// object each time for the same rt: the peer begins to want the route. An
	// emission whose Seq is greater than rt.Seq is now will be pushed to it.
	Target(rt *Route) Target
	// Detached (locked) tells that this bridge's Subscribe patterns no longer
	// match rt. An emission under way may still push.
	Detached(rt *Route)
	// Request asks a sender that this bridge connected. It blocks, until ctx
	// ends or s is Done at the latest; the latter is [ErrConnectionLost]. Data may be an Encoded, valid while it blocks; the
	// reply may be an Encoded.
	Request(ctx context.Context, s *Sender, method Name, data any) (any, error)
	// Sync blocks until what was sent so far is in force over there.
	Sync(ctx context.Context) error
}

// Refuser is a [Peer] that knows which patterns the other side does not grant.
type Refuser interface {
	// Refused says why the pattern is not in force over there; nil if it is,
	// or if that is not known yet. After Sync it is.
	Refused(p Pattern) error
}

// Choosy is a [Peer] whose other side may not have every event that it wants.
type Choosy interface {
	// MayHave (locked) reports whether the other side may have the route's events,
	// where it asks for them by [Bridge.Want]. It is asked once for each time that
	// it begins to want them, see also [Bridge.Reconsider].
	MayHave(rt *Route) bool
}

// Asking is a [Peer] whose other side sends every route that a pattern matches
// which InterestAdded has told of, whether or not somebody wants it here: who has
// subscribed to the pattern may have been denied that route, see
// [Bridge.SubscribeWhere].
type Asking interface {
	// Asked (locked) tells whether there is such a pattern for rt, a route of a
	// sender that this bridge connected: before the InterestAdded that makes it so,
	// and behind the InterestRemoved that ends it. A new sender's routes are not
	// asked for until it says so, perhaps before Connect returns.
	Asked(rt *Route, on bool)
}

// Target receives the events of one route on behalf of a peer. Its methods can
// be called from several goroutines at once.
type Target interface {
	// Push sends the event. It never blocks; it runs on the emitting goroutine.
	// A target that the route no longer has may still be pushed to by emissions
	// that are under way.
	Push(em *Emission) error
	// PushBytes is Push of bytes that are not held back, where these are all that it
	// needs to know. It reports false if Push has to do it.
	PushBytes(seq uint64, data []byte) (took bool, err error)
	// TryReserve makes room for one held-back event; Push of an Emission that is
	// Reserved consumes it.
	TryReserve() bool
	// Release gives a reservation back.
	Release()
	// Room returns a channel that is closed once there may be room again.
	Room() <-chan struct{}
}

// LossyTarget is a [Target] that can send events in a way in which some are lost.
type LossyTarget interface {
	// MayLose (locked) says whether it may, as of the next event. Until it is said,
	// it may not.
	MayLose(on bool)
}

// RemoteSpec says what a sender of another process emits and answers.
type RemoteSpec struct {
	Events, Requests []Name
	Default          bool // it answers all other methods as well
	Fresh            bool // it has emitted nothing yet
	Hidden           bool // nobody here is told that it is there: no #connect, not in a list
	Epoch            uint64
	Lossy            []Name // of Events
}

// Attach joins a peer to the registry and tells it what there is.
func (r *Registry) Attach(p Peer) (*Bridge, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, NewError(CodeClosed, "the registry")
	}
	b := &Bridge{registry: r, peer: p, senders: make(map[*Sender]struct{}), patterns: make(map[Pattern]struct{})}
	b.choosy, _ = p.(Choosy)
	b.asking, _ = p.(Asking)
	r.bridges = append(r.bridges, b)
	if b.asking != nil {
		r.asking++
	}
	for _, sl := range r.slots {
		if sl.current != nil {
			s := sl.current
			if !p.SenderConnected(s) {
				continue
			}
			for _, rt := range s.routes {
				was := rt.wanted()
				b.ask(rt, false)
				rt.changedWanted(was)
			}
		}
	}
	r.index.root.each(func(in *interest) { p.InterestAdded(in.pattern, in.parties().firm == 0) })
	return b, nil
}

// Connect gives a sender of the other process its name here. The caller calls
// the notice's Deliver before it delivers events of the sender.
func (b *Bridge) Connect(name Name, spec RemoteSpec) (*Sender, *Notice, error) {
	r := b.registry
	s, err := newSender(r, name, spec.Events, spec.Lossy)
	if err != nil {
		return nil, nil, err
	}
	s.requests = make(map[Name]handler, len(spec.Requests))
	for _, method := range spec.Requests {
		if err := method.Validate(); err != nil {
			return nil, nil, fmt.Errorf("connect %s: method: %w", name, err)
		}
		s.requests[method] = handler{}
	}
	s.bridge, s.anything, s.fresh, s.epoch, s.hidden = b, spec.Default, spec.Fresh, spec.Epoch, spec.Hidden
	r.mu.Lock()
	if b.closed {
		err = NewError(CodeClosed, "the bridge")
	}
	var warnings []Warning
	if err == nil {
		warnings, err = r.admit(s, name)
	}
	if err == nil {
		b.senders[s] = struct{}{}
	}
	r.mu.Unlock()
	if err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	r.warnAll(warnings)
	return s, &Notice{sender: s}, nil
}

// Disconnect ends a sender this bridge connected. The caller calls the notice's
// Deliver after the sender's last event; it is nil if the sender had ended.
func (b *Bridge) Disconnect(s *Sender, reason string) *Notice {
	b.registry.mu.Lock()
	defer b.registry.mu.Unlock()
	return b.registry.end(Eviction{s, NewError(CodeNotConnected, reason), reason})[0]
}

// Subscribe adds a pattern the peer wants events of. It is called once for each
// distinct pattern.
func (b *Bridge) Subscribe(p Pattern) { b.SubscribeWhere(p, nil, false) }

// SubscribeWhere is Subscribe for those of the routes that pass; nil is all. It is
// asked with the registry's lock held, must not block, and gives the same answer
// for a route as long as the pattern is subscribed to. Lossy is as in
// [SubscribeOptions].
func (b *Bridge) SubscribeWhere(p Pattern, pass func(*Route) bool, lossy bool) {
	r := b.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, have := b.patterns[p]; have || b.closed {
		return
	}
	b.patterns[p] = struct{}{}
	in := r.index.find(p)
	before, c := in.parties(), claim{pass, lossy}
	in.set(b, c, true)
	r.tell(in, b, before)
	r.eachRoute(p, func(rt *Route) {
		if !c.passes(rt) {
			return
		}
		was := rt.wanted()
		b.link(rt, lossy)
		rt.changedWanted(was)
	})
}

// SetLossy exchanges what SubscribeWhere was told of a pattern.
func (b *Bridge) SetLossy(p Pattern, lossy bool) {
	r := b.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, have := b.patterns[p]; !have {
		return
	}
	in := r.index.lookup(p)
	c := in.bridges[b]
	if c.lossy == lossy {
		return
	}
	before := in.parties()
	c.lossy = lossy
	in.set(b, c, true)
	r.tell(in, b, before)
	r.eachRoute(p, func(rt *Route) {
		if l := rt.links[b]; l != nil && c.passes(rt) {
			was := rt.wanted()
			l.exchange(rt, lossy)
			rt.changedWanted(was)
		}
	})
}

// Refilter exchanges what SubscribeWhere lets pass of a pattern. Routes that pass
// before and after are not touched.
func (b *Bridge) Refilter(p Pattern, pass func(*Route) bool) {
	r := b.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, have := b.patterns[p]; !have {
		return
	}
	in := r.index.lookup(p)
	before := in.bridges[b]
	if pass == nil && before.pass == nil {
		return // all of it, as before
	}
	after := claim{pass, before.lossy}
	in.bridges[b] = after
	r.eachRoute(p, func(rt *Route) {
		has := after.passes(rt)
		if has == before.passes(rt) {
			return
		}
		was := rt.wanted()
		if has {
			b.link(rt, after.lossy)
		} else if b.unlink(rt, after.lossy) {
			b.peer.Detached(rt)
		}
		rt.changedWanted(was)
	})
}

// Reconsider asks a [Choosy] peer again about all routes that it has begun to
// want by Want, and ends its interest in those that it may no longer have.
func (b *Bridge) Reconsider() {
	r := b.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if b.choosy == nil || b.closed {
		return
	}
	for _, sl := range r.slots {
		if sl.current == nil {
			continue
		}
		for _, rt := range sl.current.routes {
			if l := rt.links[b]; l != nil && l.asked && !b.choosy.MayHave(rt) {
				b.unask(rt, l)
			}
		}
	}
}

// unask ends the interest that Want has begun.
func (b *Bridge) unask(rt *Route, l *link) {
	was := rt.wanted()
	l.asked = false
	if b.unlink(rt, l.lenient) {
		b.peer.Detached(rt)
	}
	rt.changedWanted(was)
}

// Want adds or takes back the peer's interest in one route, beside its patterns,
// or exchanges whether that accepts loss. It ends with the sender.
func (b *Bridge) Want(rt *Route, on, lossy bool) {
	b.registry.mu.Lock()
	defer b.registry.mu.Unlock()
	if b.closed || rt.sender.gone.Load() || rt.sender.bridge == b {
		return
	}
	if on {
		was := rt.wanted()
		b.ask(rt, lossy)
		rt.changedWanted(was)
	} else if l := rt.links[b]; l != nil && l.asked {
		b.unask(rt, l)
	}
}

// ask links the route if Want has not done so, and the peer may have it.
func (b *Bridge) ask(rt *Route, lossy bool) {
	if l := rt.links[b]; l != nil && l.asked {
		if l.lenient != lossy {
			l.lenient = lossy
			l.exchange(rt, lossy)
		}
		return
	}
	if rt.sender.bridge == b || b.choosy != nil && !b.choosy.MayHave(rt) {
		return
	}
	b.link(rt, lossy)
	l := rt.links[b]
	l.asked, l.lenient = true, lossy
}

// Peer returns the router's side.
func (b *Bridge) Peer() Peer { return b.peer }

// Unsubscribe takes a pattern back.
func (b *Bridge) Unsubscribe(p Pattern) {
	b.registry.mu.Lock()
	defer b.registry.mu.Unlock()
	b.unsubscribe(p, true)
}

func (b *Bridge) unsubscribe(p Pattern, tell bool) {
	r := b.registry
	if _, have := b.patterns[p]; !have {
		return
	}
	delete(b.patterns, p)
	in := r.index.lookup(p)
	before, c := in.parties(), in.bridges[b]
	in.set(b, claim{}, false)
	r.tell(in, b, before)
	r.eachRoute(p, func(rt *Route) {
		if !c.passes(rt) {
			return
		}
		was := rt.wanted()
		if b.unlink(rt, c.lossy) && tell {
			b.peer.Detached(rt)
		}
		rt.changedWanted(was)
	})
}

// Close ends the bridge: all its senders leave, its interest ends, and its peer
// is told nothing any more. The notice delivers their #disconnect events.
func (b *Bridge) Close(reason string) *Notice {
	r := b.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	r.bridges = slices.DeleteFunc(r.bridges, func(o *Bridge) bool { return o == b })
	if b.asking != nil {
		r.asking--
	}
	for p := range b.patterns {
		b.unsubscribe(p, false)
	}
	b.unlinkAll()
	var senders []Eviction
	for s := range b.senders {
		senders = append(senders, Eviction{s, NewError(CodeConnectionLost, reason), reason})
	}
	return &Notice{more: r.end(senders...)}
}

// unlinkAll ends the interest in single routes.
func (b *Bridge) unlinkAll() {
	for _, sl := range b.registry.slots {
		if sl.current == nil {
			continue
		}
		for _, rt := range sl.current.routes {
			if rt.links[b] == nil {
				continue
			}
			was := rt.wanted()
			rt.drop(b)
			rt.changedWanted(was)
		}
	}
}
