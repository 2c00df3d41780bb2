package sig

import "strings"

// index finds the subscriptions that match an event. It is a tree by segments:
// those of the sender pattern, then those of the event pattern. Matching walks
// it with a set of nodes, one segment at a time, so that its cost is bounded by
// the size of the tree whatever patterns a peer has thought of.
//
//	root ─ "house" ─ "*" ─┤event├─ "temp"      house/* temp
//	     └ "**"          ─┤event├─ "**"        ** **
//
// The registry's lock guards it.
type index struct {
	root    *node
	step    uint64 // marks the nodes already in the next set
	current []*node
	next    []*node
}

type node struct {
	parent *node
	key    string // the segment, of a literal node
	kind   nodeKind
	lit    map[string]*node
	one    *node // "*"
	many   *node // "**"
	event  *node // where the event pattern begins
	mark   uint64
	in     *interest
}

type nodeKind uint8

const (
	nodeLiteral nodeKind = iota
	nodeOne
	nodeMany
	nodeEvent
)

func newIndex() *index { return &index{root: &node{kind: nodeEvent}} }

// find returns the interest in exactly this pattern, made if need be.
func (x *index) find(p Pattern) *interest {
	n := x.root.path(p.Sender)
	if n.event == nil {
		n.event = &node{parent: n, kind: nodeEvent}
	}
	n = n.event.path(p.Event)
	if n.in == nil {
		n.in = &interest{pattern: p, node: n, class: classOf(p)}
	}
	return n.in
}

// lookup is find that makes nothing.
func (x *index) lookup(p Pattern) *interest {
	n := x.root.existing(p.Sender)
	if n == nil || n.event == nil {
		return nil
	}
	if n = n.event.existing(p.Event); n == nil {
		return nil
	}
	return n.in
}

// drop removes an interest nobody has any more, and the branch it leaves bare.
func (x *index) drop(in *interest) {
	n := in.node
	n.in = nil
	for n.parent != nil && n.in == nil && len(n.lit) == 0 && n.one == nil && n.many == nil && n.event == nil {
		n.parent.cut(n)
		n = n.parent
	}
}

// match appends the interests that match an event of a sender.
func (x *index) match(sender, event Name, out []*interest) []*interest {
	x.current = x.current[:0]
	x.step++
	x.current = x.enter(x.current, x.root)
	x.walk(sender)
	if event.Reserved() {
		return x.reserved(event, out)
	}
	x.step++
	x.next = x.next[:0]
	for _, n := range x.current {
		if n.event != nil {
			x.next = x.enter(x.next, n.event)
		}
	}
	x.current, x.next = x.next, x.current
	x.walk(event)
	for _, n := range x.current {
		if n.in != nil {
			out = append(out, n.in)
		}
	}
	return out
}

// reserved finds who wants a reserved event of the senders in x.current: by its
// own name, or by exactly Any.
func (x *index) reserved(event Name, out []*interest) []*interest {
	for _, n := range x.current {
		if n.event == nil {
			continue
		}
		if m := n.event.lit[string(event)]; m != nil && m.in != nil {
			out = append(out, m.in)
		}
		if m := n.event.many; m != nil && m.in != nil {
			out = append(out, m.in)
		}
	}
	return out
}

// walk replaces the set of nodes by those one name further.
func (x *index) walk(name Name) {
	seg, rest, more := "", string(name), true
	for more {
		seg, rest, more = strings.Cut(rest, "/")
		x.step++
		x.next = x.next[:0]
		for _, n := range x.current {
			if n.kind == nodeMany {
				x.next = x.enter(x.next, n)
			}
			if c := n.lit[seg]; c != nil {
				x.next = x.enter(x.next, c)
			}
			if n.one != nil {
				x.next = x.enter(x.next, n.one)
			}
		}
		x.current, x.next = x.next, x.current
	}
}

// enter adds a node to a set, with the "**" below it, which may match nothing.
func (x *index) enter(set []*node, n *node) []*node {
	for ; n != nil && n.mark != x.step; n = n.many {
		n.mark = x.step
		set = append(set, n)
	}
	return set
}

// literals calls f for each interest in an exact event of exactly this sender.
func (x *index) literals(sender Name, f func(*interest)) {
	if n := x.root.existing(sender); n != nil && n.event != nil {
		n.event.eachLiteral(f)
	}
}

func (n *node) eachLiteral(f func(*interest)) {
	if n.in != nil {
		f(n.in)
	}
	for _, c := range n.lit {
		c.eachLiteral(f)
	}
}

// each calls f for every interest there is.
func (n *node) each(f func(*interest)) {
	if n == nil {
		return
	}
	if n.in != nil {
		f(n.in)
	}
	for _, c := range n.lit {
		c.each(f)
	}
	n.one.each(f)
	n.many.each(f)
	n.event.each(f)
}

// path follows a pattern down, making what is missing.
func (n *node) path(pattern Name) *node {
	seg, rest, more := "", string(pattern), true
	for more {
		seg, rest, more = strings.Cut(rest, "/")
		n = n.child(seg)
	}
	return n
}

func (n *node) child(seg string) *node {
	switch seg {
	case wildOne:
		if n.one == nil {
			n.one = &node{parent: n, kind: nodeOne}
		}
		return n.one
	case wildMany:
		if n.many == nil {
			n.many = &node{parent: n, kind: nodeMany}
		}
		return n.many
	}
	c := n.lit[seg]
	if c == nil {
		if n.lit == nil {
			n.lit = make(map[string]*node)
		}
		c = &node{parent: n, key: seg}
		n.lit[seg] = c
	}
	return c
}

func (n *node) existing(pattern Name) *node {
	seg, rest, more := "", string(pattern), true
	for more && n != nil {
		seg, rest, more = strings.Cut(rest, "/")
		switch seg {
		case wildOne:
			n = n.one
		case wildMany:
			n = n.many
		default:
			n = n.lit[seg]
		}
	}
	return n
}

func (n *node) cut(child *node) {
	switch child.kind {
	case nodeOne:
		n.one = nil
	case nodeMany:
		n.many = nil
	case nodeEvent:
		n.event = nil
	default:
		delete(n.lit, child.key)
	}
}
