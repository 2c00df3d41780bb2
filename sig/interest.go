package sig

// interest is everybody's interest in one pattern: local subscriptions, in the
// order of subscribing, and bridges on behalf of their peers. The registry's
// lock guards it.
type interest struct {
	pattern     Pattern
	class       class
	node        *node
	first, last *member
	bridges     map[*Bridge]func(*Route) bool // of the routes, those that pass; nil: all
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
}

// parties counts who is interested: each bridge, and the local subscriptions
// together.
func (in *interest) parties() int {
	n := len(in.bridges)
	if in.first != nil {
		n++
	}
	return n
}

// sole is the only bridge interested; with no or several parties, or a local
// one, it is nil.
func (in *interest) sole() *Bridge {
	if in.first == nil && len(in.bridges) == 1 {
		for b := range in.bridges {
			return b
		}
	}
	return nil
}

// joined tells the bridges that a party (nil: the first local subscription)
// has come. A bridge is never told of its own interest, so with two parties
// the one that was alone before hears of the other now.
func (r *Registry) joined(in *interest, party *Bridge, alone *Bridge) {
	switch in.parties() {
	case 1:
		for _, b := range r.bridges {
			if b != party {
				b.peer.InterestAdded(in.pattern)
			}
		}
	case 2:
		if alone != nil {
			alone.peer.InterestAdded(in.pattern)
		}
	}
}

// left is the reverse of joined.
func (r *Registry) left(in *interest, party *Bridge) {
	switch in.parties() {
	case 0:
		for _, b := range r.bridges {
			if b != party {
				b.peer.InterestRemoved(in.pattern)
			}
		}
		r.index.drop(in)
	case 1:
		if b := in.sole(); b != nil {
			b.peer.InterestRemoved(in.pattern)
		}
	}
}

// addMember puts a local subscription in force.
func (r *Registry) addMember(m *member, p Pattern) {
	in := r.index.find(p)
	alone, first := in.sole(), in.first == nil
	in.add(m)
	if first {
		r.joined(in, nil, alone)
	}
	r.eachRoute(p, func(rt *Route) {
		was := rt.wanted()
		rt.locals.Add(1)
		rt.changedWanted(was)
		rt.invalidate()
	})
}

func (r *Registry) removeMember(m *member) {
	in := m.in
	if in == nil {
		return
	}
	in.remove(m)
	r.eachRoute(in.pattern, func(rt *Route) {
		was := rt.wanted()
		rt.locals.Add(-1)
		rt.changedWanted(was)
		rt.invalidate()
	})
	if in.first == nil {
		r.left(in, nil)
	}
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
