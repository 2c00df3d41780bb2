package audit

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// maxAlike bounds how many kinds of denials are counted apart: more principals
// than that are counted together.
const maxAlike = 1024

// sampler counts denials that are alike.
type sampler struct {
	window time.Duration
	counts map[alike]*counted
}

// alike is what denials have in common that are counted together.
type alike struct {
	kind                              Kind
	principal, method, verb, listener string
	rule                              int
}

type counted struct {
	last  Entry
	count int
	until time.Time
}

func (s *sampler) init(window time.Duration) {
	s.window, s.counts = window, map[alike]*counted{}
}

// first reports whether the entry is to be written, and counts it otherwise.
func (s *sampler) first(e Entry, now time.Time) bool {
	key := alike{e.Kind, e.Principal, e.Method, e.Verb, "", e.Rule}
	if e.Kind == Refused { // who it was, nobody knows
		key = alike{kind: e.Kind, listener: e.Listener}
	}
	c := s.counts[key]
	if c == nil && len(s.counts) >= maxAlike {
		key = alike{kind: e.Kind}
		e = Entry{Kind: e.Kind, Reason: "many principals, counted together"}
		c = s.counts[key]
	}
	if c == nil {
		s.counts[key] = &counted{last: e, until: now.Add(s.window)}
		return true
	}
	c.last = e
	c.count++
	return false
}

// due returns the counts of windows that are over. Who had nothing to count is
// forgotten, the next denial is a first one again.
func (s *sampler) due(now time.Time) []Entry {
	var all []Entry
	for key, c := range s.counts {
		if now.Before(c.until) {
			continue
		}
		if c.count == 0 {
			delete(s.counts, key)
			continue
		}
		all = append(all, c.take())
		c.until = now.Add(s.window)
	}
	return sorted(all)
}

// all returns all counts, at the end.
func (s *sampler) all() []Entry {
	var all []Entry
	for c := range maps.Values(s.counts) {
		if c.count > 0 {
			all = append(all, c.take())
		}
	}
	return sorted(all)
}

func (c *counted) take() Entry {
	e := c.last
	e.Count, c.count = c.count, 0
	return e
}

func sorted(all []Entry) []Entry {
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Verb, b.Verb), cmp.Compare(a.Rule, b.Rule))
	})
	return all
}
