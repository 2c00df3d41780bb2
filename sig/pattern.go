package sig

import "strings"

// Pattern is a sender pattern and an event pattern: what a subscription or a
// rule speaks of. In each, the segment "*" matches any one segment and "**"
// any number of segments, none included.
//
// Reserved events are matched by the event pattern [Any] and by their own name,
// by nothing else: "*" does not match "#connect".
type Pattern struct{ Sender, Event Name }

// String is the sender pattern and the event pattern with a space between.
func (p Pattern) String() string { return string(p.Sender) + " " + string(p.Event) }

// Validate reports what is wrong with p as an [ErrBadName]. The event may be
// one of the reserved ones.
func (p Pattern) Validate() error {
	if err := p.Sender.validate(true); err != nil {
		return err
	}
	switch p.Event {
	case EventConnect, EventDisconnect, EventLost:
		return nil
	}
	return p.Event.validate(true)
}

// Match reports whether p matches an event of a sender. It does not allocate,
// and takes at most as many steps as the two have segments, multiplied.
func (p Pattern) Match(sender, event Name) bool {
	return MatchName(p.Sender, sender) && MatchName(p.Event, event)
}

// Contains reports whether p matches everything that q matches.
func (p Pattern) Contains(q Pattern) bool {
	return containsSegments(p.Sender, q.Sender) && ContainsName(p.Event, q.Event)
}

// Intersects reports whether some event of some sender matches both.
func (p Pattern) Intersects(q Pattern) bool {
	return IntersectsName(p.Sender, q.Sender) && IntersectsName(p.Event, q.Event)
}

// MatchName reports whether the pattern matches the name.
func MatchName(pattern, name Name) bool {
	switch {
	case pattern == Any || pattern == name:
		return true
	case pattern.exact() || name.Reserved():
		return false
	}
	return matchSegments(string(pattern), string(name))
}

// matchSegments is the greedy glob match: on a mismatch only the last "**" can
// help, by taking one segment more, because it can do whatever an earlier one
// could.
//
//	p, n         what is left of pattern and name
//	retryP/N     pattern after the last "**", and the name from where that tail
//	             was tried last
func matchSegments(p, n string) bool {
	const none = "\x00" // no "**" seen yet
	retryP, retryN := none, ""
	for n != "" || p != "" {
		if p != "" {
			seg, rest := cutSegment(p)
			if seg == wildMany {
				p, retryP, retryN = rest, rest, n
				continue
			}
			if n != "" {
				if have, after := cutSegment(n); seg == wildOne || seg == have {
					p, n = rest, after
					continue
				}
			}
		}
		if retryP == none || retryN == "" {
			return false
		}
		_, retryN = cutSegment(retryN)
		p, n = retryP, retryN
	}
	return true
}

func cutSegment(s string) (seg, rest string) {
	if i := strings.IndexByte(s, '/'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// ContainsName reports whether p matches every name that q matches. Names are
// taken to be of any length, so that the answer is never a wrong yes.
func ContainsName(p, q Name) bool {
	switch {
	case p == Any || p == q:
		return true
	case p.Reserved() || q.Reserved() || q == Any:
		return false // only Any matches both reserved names and others
	}
	return containsSegments(p, q)
}

// containsSegments decides containment of names that are not reserved, in
// steps that grow with the product of the lengths.
//
// It runs p as an automaton over the names of q. A wildcard in q may stand for
// any segment; the hardest is a fresh one, which occurs nowhere in p: what
// matches with that matches with every other. A "**" in q stands for any
// number of fresh segments, of which one number is the hardest:
//   - if p can get to its next "**" on fresh segments alone, then more of them
//     only help p, and none at all is the hardest;
//   - otherwise every match begun within p dies of enough of them.
func containsSegments(p, q Name) bool {
	if p == Any || p == q {
		return true
	}
	a := newAutomaton(p)
	qs := segments(q)
	if !hasOther(qs, wildMany) {
		qs = []string{wildOne, wildMany} // a name has at least one segment
	}
	states := a.start()
	for _, seg := range qs {
		switch seg {
		case wildOne:
			states = a.step(states, "")
		case wildMany:
			states = a.hardest(states)
		default:
			states = a.step(states, seg)
		}
		if states == 0 {
			return false
		}
	}
	return states.accepts(a)
}

// IntersectsName reports whether some name matches both p and q.
func IntersectsName(p, q Name) bool {
	switch {
	case p == Any || q == Any || p == q:
		return true
	case q.exact():
		return MatchName(p, q)
	case p.exact():
		return MatchName(q, p)
	}
	return intersectSegments(segments(p), segments(q))
}

// intersectSegments fills the table "p[i:] and q[j:] have a name in common"
// from the ends, keeping one row.
func intersectSegments(p, q []string) bool {
	below := make([]bool, len(q)+1)
	row := make([]bool, len(q)+1)
	for i := len(p); i >= 0; i-- {
		for j := len(q); j >= 0; j-- {
			switch {
			case i == len(p) && j == len(q):
				row[j] = true
			case i < len(p) && p[i] == wildMany:
				row[j] = below[j] || j < len(q) && row[j+1]
			case j < len(q) && q[j] == wildMany:
				row[j] = row[j+1] || i < len(p) && below[j]
			case i < len(p) && j < len(q):
				row[j] = (p[i] == wildOne || q[j] == wildOne || p[i] == q[j]) && below[j+1]
			default:
				row[j] = false
			}
		}
		row, below = below, row
	}
	return below[0]
}

func segments(n Name) []string { return strings.Split(string(n), "/") }

func hasOther(segs []string, than string) bool {
	for _, s := range segs {
		if s != than {
			return true
		}
	}
	return false
}
