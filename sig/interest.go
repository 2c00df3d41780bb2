package sig

// interest is everybody's interest in one pattern: local subscriptions, in the
// order of subscribing, and bridges on behalf of their peers. The registry's
// lock guards it.
type interest struct {
	pattern     Pattern
	class       class
	node        *node
	first, last *member
	bridges     map[*Bridge]claim
	firm        int // local subscriptions that do not accept loss
	firmBridges int // the same of bridges
}

// claim is the interest of one bridge in a pattern.
type claim struct {
	pass  func(*Route) bool // of the routes, those that pass; nil: all
	lossy bool              // events may be lost rather than be late
}

func (c claim) passes(rt *Route) bool { return c.pass == nil || c.pass(rt) }

// wish is what is wanted of a pattern, or of a route.
type wish struct {
	on    bool // somebody wants it,
	lossy bool // and all who do accept loss
}

// class orders local delivery: everything, broadcast, channel, specific (P3).
type class uint8

const (
	classEverything class = iota
	classBroadcast
	classChannel
	classSpecific
)

func classOf(p Pattern) class {
	switch {
	case !p.Sender.exact() && !p.Event.exact():
		return classEverything
	case !p.Event.exact():
		return classBroadcast
	case !p.Sender.exact():
		return classChannel
	}
	return classSpecific
}

// member is a subscription's place in the list of an interest.
type member struct {
	sub        *Subscription
	in         *interest
	prev, next *member
}

func (in *interest) add(m *member) {
	m.in, m.prev = in, in.last
	if in.last != nil {
		in.last.next = m
	} else {
		in.first = m
	}
	in.last = m
	if !m.sub.lossy {
		in.firm++
	}
}

func (in *interest) remove(m *member) {
	if m.prev != nil {
		m.prev.next = m.next
	} else {
		in.first = m.next
	}
	if m.next != nil {
		m.next.prev = m.prev
	} else {
		in.last = m.prev
	}
	m.in, m.prev, m.next = nil, nil, nil
	if !m.sub.lossy {
		in.firm--
	}
}

// set makes, changes or ends the interest of a bridge.
func (in *interest) set(b *Bridge, c claim, on bool) {
	if old, had := in.bridges[b]; had && !old.lossy {
		in.firmBridges--
	}
	if !on {
		delete(in.bridges, b)
		return
	}
	if in.bridges == nil {
		in.bridges = make(map[*Bridge]claim)
	}
	in.bridges[b] = c
	if !c.lossy {
		in.firmBridges++
	}
}

// parties is how many are interested: each bridge, and the local subscriptions
// together. Firm ones do not accept loss.
type parties struct{ all, firm int }

func (in *interest) parties() parties {
	n := parties{len(in.bridges), in.firmBridges}
	if in.first != nil {
		n.all++
	}
	if in.firm > 0 {
		n.firm++
	}
	return n
}

// without is what all want but b, whose interest has not changed since n was
// counted.
func (n parties) without(in *interest, b *Bridge) wish {
	if c, has := in.bridges[b]; has {
		n.all--
		if !c.lossy {
			n.firm--
		}
	}
	return wish{n.all > 0, n.all > 0 && n.firm == 0}
}

// tell tells the bridges of a change that a party (nil: local subscriptions) has
// made to an interest. A bridge is never told of its own, so what the second party
// wants is news to the one that was alone before.
func (r *Registry) tell(in *interest, party *Bridge, before parties) {
	after := in.parties()
	if settled(before.all, after.all) && settled(before.firm, after.firm) {
		return
	}
	if after.all > before.all {
		r.tellAsked(in, party, before, 1)
	}
	for _, b := range r.bridges {
		if b == party {
			continue
		}
		switch was, is := before.without(in, b), after.without(in, b); {
		case was == is:
		case is.on:
			b.peer.InterestAdded(in.pattern, is.lossy)
		default:
			b.peer.InterestRemoved(in.pattern)
		}
	}
	if after.all < before.all {
		r.tellAsked(in, party, before, -1)
	}
	if after.all == 0 {
		r.index.drop(in)
	}
}

// tellAsked counts an interest that a bridge is told of, or no longer is, for each
// route that it matches of the senders the bridge has connected.
func (r *Registry) tellAsked(in *interest, party *Bridge, before parties, n int) {
	if r.asking == 0 {
		return
	}
	after := in.parties()
	r.eachRoute(in.pattern, func(rt *Route) {
		b := rt.sender.bridge
		if b != nil && b != party && b.asking != nil && before.without(in, b).on != after.without(in, b).on {
			b.asks(rt, n)
		}
	})
}

// settled reports whether a count is the same as before to each of the parties: it
// is to those that see only whether there are others.
func settled(before, after int) bool { return before == after || min(before, after) >= 2 }

// addMember puts a local subscription in force.
func (r *Registry) addMember(m *member, p Pattern) {
	in := r.index.find(p)
	before := in.parties()
	in.add(m)
	r.tell(in, nil, before)
	r.eachRoute(p, func(rt *Route) {
		was := rt.wanted()
		rt.heardBy(m.sub, 1)
		rt.changedWanted(was)
		rt.invalidate()
	})
}

func (r *Registry) removeMember(m *member) {
	in := m.in
	if in == nil {
		return
	}
	before := in.parties()
	in.remove(m)
	r.eachRoute(in.pattern, func(rt *Route) {
		was := rt.wanted()
		rt.heardBy(m.sub, -1)
		rt.changedWanted(was)
		rt.invalidate()
	})
	r.tell(in, nil, before)
}

// eachRoute calls f for each event of a connected sender that p matches. An
// exact sender costs one look-up.
func (r *Registry) eachRoute(p Pattern, f func(*Route)) {
	if p.Sender.exact() {
		if sl := r.slots[p.Sender]; sl != nil && sl.current != nil {
			sl.current.eachRoute(p.Event, f)
		}
		return
	}
	for name, sl := range r.slots {
		if sl.current != nil && (p.Sender == Any || MatchName(p.Sender, name)) {
			sl.current.eachRoute(p.Event, f)
		}
	}
}

func (s *Sender) eachRoute(event Name, f func(*Route)) {
	if event.exact() {
		if rt := s.route(event); rt != nil {
			f(rt)
		}
		return
	}
	for _, rt := range s.routes {
		if event == Any || MatchName(event, rt.name) {
			f(rt)
		}
	}
}
