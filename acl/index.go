package acl

import (
	"strings"

	"github.com/gosig/gosig/sig"
)

// index finds, among the rules of one verb and effect, those that may match: by
// the segments before the first wildcard of the sender pattern, and then of the
// name pattern. A rule can match a name only if the name begins with those.
//
//	"house/*"  "temp"      "house" -> "temp" -> rule
//	"**"       "secret/**" ""      -> "secret" -> rule
//
// A question looks up each beginning of its sender, and for each that is there
// each beginning of its name. Rules whose patterns begin with wildcards all hang
// under "" and are tried one by one.
type index map[string]map[string][]entry

// entry is a rule without placeholders.
type entry struct {
	number int // of the rule, from 1
	shape
}

func (x index) add(e entry) {
	sender, name := e.sender.head, e.event.head
	if x[sender] == nil {
		x[sender] = make(map[string][]entry)
	}
	x[sender][name] = append(x[sender][name], e)
}

// nextBeginning returns the end of the beginning of s that is one segment longer
// than s[:end], and -1 if that is all of s.
func nextBeginning(s string, end int) int {
	if end == len(s) {
		return -1
	}
	from := end
	if end > 0 {
		from++ // the separator
	}
	if i := strings.IndexByte(s[from:], '/'); i >= 0 {
		return from + i
	}
	return len(s)
}

// match returns the lowest number of a rule in the set that matches, or 0.
func (x index) match(in set, sender, name sig.Name) int {
	best := 0
	for i := 0; i >= 0; i = nextBeginning(string(sender), i) {
		names := x[string(sender[:i])]
		if names == nil {
			continue
		}
		for j := 0; j >= 0; j = nextBeginning(string(name), j) {
			entries := names[string(name[:j])]
			for k := range entries {
				e := &entries[k]
				if best != 0 && e.number > best {
					break // they are in the order of their numbers
				}
				if in.has(e.number) && e.match(sender, name) {
					best = e.number
				}
			}
		}
	}
	return best
}

// contain returns the lowest number of a rule in the set whose pattern contains q,
// or 0: like match, with the beginnings of q, since all names of q begin so.
func (x index) contain(in set, q *shape) int {
	best := 0
	sender, name := q.sender.head, q.event.head
	for i := 0; i >= 0; i = nextBeginning(sender, i) {
		names := x[sender[:i]]
		for j := 0; j >= 0 && names != nil; j = nextBeginning(name, j) {
			entries := names[name[:j]]
			for k := range entries {
				e := &entries[k]
				if (best == 0 || e.number < best) && in.has(e.number) && e.contains(q) {
					best = e.number
				}
			}
		}
	}
	return best
}

// overlap calls f for each rule in the set that may intersect q, in no order; f
// has to look.
func (x index) overlap(in set, q *shape, f func(e *entry)) {
	for s, names := range x {
		if !q.sender.startsWith(s) {
			continue
		}
		for n, entries := range names {
			if !q.event.startsWith(n) {
				continue
			}
			for i := range entries {
				if in.has(entries[i].number) {
					f(&entries[i])
				}
			}
		}
	}
}

// set is a set of rule numbers.
type set []uint64

func newSet(n int) set { return make(set, n/64+1) }

func (s set) has(n int) bool { return s[n/64]&(1<<(n%64)) != 0 }

func (s set) put(n int) { s[n/64] |= 1 << (n % 64) }
