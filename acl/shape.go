package acl

import (
	"strings"

	"github.com/gosig/gosig/sig"
)

// shape is a pattern with what lets most comparisons end early: the literal text
// before its first wildcard and after its last. A name matches only if it begins
// and ends so, which costs a comparison of a few bytes.
//
//	"house/*/temp"  head "house"  tail "temp"
//	"house"         head "house"  tail "house"
//	"**"            head ""       tail ""
//
// The texts are compared by bytes, not by segments: that leaves out less than it
// could, and never what matches.
type shape struct {
	sig.Pattern
	sender, event ends
}

type ends struct{ head, tail string }

func shapeOf(p sig.Pattern) shape { return shape{p, endsOf(p.Sender), endsOf(p.Event)} }

func endsOf(pattern sig.Name) ends {
	s := string(pattern)
	first, last := strings.IndexByte(s, '*'), strings.LastIndexByte(s, '*')
	if first < 0 {
		return ends{s, s}
	}
	return ends{s[:max(first-1, 0)], s[min(last+2, len(s)):]} // without the separators
}

func (s *shape) match(sender, event sig.Name) bool {
	return s.sender.around(string(sender), string(sender)) && s.event.around(string(event), string(event)) &&
		s.Match(sender, event)
}

func (s *shape) contains(q *shape) bool {
	return s.sender.around(q.sender.head, q.sender.tail) && s.event.around(q.event.head, q.event.tail) &&
		s.Contains(q.Pattern)
}

func (s *shape) intersects(q *shape) bool {
	return s.sender.meet(q.sender) && s.event.meet(q.event) && s.Intersects(q.Pattern)
}

// around reports whether whatever begins with head and ends with tail begins and
// ends as e does.
func (e ends) around(head, tail string) bool {
	return strings.HasPrefix(head, e.head) && strings.HasSuffix(tail, e.tail)
}

// startsWith reports whether something that begins as e does may begin with s.
func (e ends) startsWith(s string) bool {
	return strings.HasPrefix(e.head, s) || strings.HasPrefix(s, e.head)
}

// meet reports whether something may begin and end as both do.
func (e ends) meet(f ends) bool {
	return e.startsWith(f.head) &&
		(strings.HasSuffix(e.tail, f.tail) || strings.HasSuffix(f.tail, e.tail))
}
