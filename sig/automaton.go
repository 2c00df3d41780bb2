package sig

import "math/bits"

// automaton runs a name pattern over one segment after the other. State i means
// that the first i segments of the pattern are matched; the last state, that
// the name may end here. "**" is normalised: "**" "**" is one, and "**" "*" is
// "*" "**", so that after "**" comes a literal segment or the end.
type automaton struct {
	segs  []string
	loops stateSet // states whose next segment is "**"
}

// stateSet has bit i for state i. A pattern longer than that is no valid name,
// and contains nothing but itself.
type stateSet uint64

const maxAutomaton = 62

func newAutomaton(p Name) automaton {
	var a automaton
	many := false
	put := func(seg string) { a.segs = append(a.segs, seg) }
	for _, seg := range segments(p) {
		switch {
		case seg == wildMany:
			many = true
		case seg == wildOne || !many:
			put(seg)
		default:
			put(wildMany)
			put(seg)
			many = false
		}
	}
	if many {
		put(wildMany)
	}
	for i, seg := range a.segs[:min(len(a.segs), maxAutomaton)] {
		if seg == wildMany {
			a.loops |= 1 << i
		}
	}
	return a
}

func (a automaton) start() stateSet {
	if len(a.segs) > maxAutomaton {
		return 0
	}
	return a.skip(1)
}

// skip adds what is reached by taking no segment for a "**".
func (a automaton) skip(s stateSet) stateSet { return s | (s&a.loops)<<1 }

// step takes one segment; "" is one that no literal of the pattern equals.
func (a automaton) step(s stateSet, seg string) stateSet {
	next := s & a.loops
	for i, want := range a.segs {
		if s&(1<<i) != 0 && (want == wildOne || want == seg) {
			next |= 1 << (i + 1)
		}
	}
	return a.skip(next)
}

// hardest is where the pattern stands after the number of fresh segments that
// is the hardest for it, see [containsSegments].
func (a automaton) hardest(s stateSet) stateSet {
	after := s
	for range a.segs {
		after = a.step(after, "")
	}
	after = a.step(after, "")
	if lastLoop(after&a.loops) > lastLoop(s&a.loops) {
		return s
	}
	return after
}

func lastLoop(s stateSet) int { return bits.Len64(uint64(s)) }

func (s stateSet) accepts(a automaton) bool { return s&(1<<len(a.segs)) != 0 }
