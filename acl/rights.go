package acl

import (
	"slices"

	"github.com/gosig/gosig/sig"
)

// bound is the Rights of one principal under a policy.
type bound struct {
	policy *Policy
	who    *person
	speaks set // the rules that speak of the principal
	// own are the rules with placeholders, filled in; by verb and effect, in the
	// order of their numbers.
	own [len(verbs)][2][]entry
}

// fill adds the patterns that a rule with placeholders means for the principal. A
// placeholder becomes one literal segment, so that it matches itself only. Who has
// no ID has nothing to fill in, and such rules do not speak of it.
func (b *bound) fill(r *rule) {
	for _, p := range r.patterns(b.who) {
		for _, v := range r.verbs() {
			list := &b.own[v.index()][r.effect]
			*list = append(*list, entry{r.number, shapeOf(p)})
		}
	}
}

// patterns are those that a rule means for a principal, of which it speaks.
func (r *rule) patterns(who *person) []sig.Pattern {
	if !r.template() {
		return []sig.Pattern{r.pattern.Pattern}
	}
	if who.Anonymous() {
		return nil
	}
	groups := []string{""}
	if r.uses(placeGroup) {
		groups = who.groups
	}
	var all []sig.Pattern
	for _, g := range groups {
		if r.uses(placeGroup) && len(r.Groups) > 0 && !slices.Contains(r.Groups, g) {
			continue
		}
		fill := func(pattern sig.Name) sig.Name {
			return mapSegments(string(pattern), func(seg string) string {
				switch seg {
				case placeSelf:
					return string(Segment(who.ID))
				case placeGroup:
					return string(Segment(g))
				}
				return seg
			})
		}
		all = append(all, sig.Pattern{Sender: fill(r.pattern.Sender), Event: fill(r.pattern.Event)})
	}
	return all
}

func (b *bound) Decide(verb Verb, sender, name sig.Name) Decision {
	d := Decision{Question: Question{verb, sender, name}}
	q, v, ok := d.Question.normal()
	if !ok {
		d.Reason = BadName
		return d
	}
	if n := b.match(v, denies, q.Sender, q.Name); n > 0 {
		return b.decided(d, n, false)
	}
	if n := b.match(v, allows, q.Sender, q.Name); n > 0 {
		return b.decided(d, n, true)
	}
	return d
}

func (b *bound) decided(d Decision, number int, allowed bool) Decision {
	d.Allowed, d.Reason, d.Rule, d.Label = allowed, ByRule, number, b.policy.rules[number-1].Label
	return d
}

// match returns the lowest number of a rule that matches, or 0.
func (b *bound) match(verb, effect int, sender, name sig.Name) int {
	n := b.policy.fixed[verb][effect].match(b.speaks, sender, name)
	own := b.own[verb][effect]
	for i := range own {
		if n != 0 && own[i].number > n {
			break
		}
		if own[i].match(sender, name) {
			return own[i].number
		}
	}
	return n
}

// Subscribe accepts a pattern that one rule contains. Whether several rules
// together do is not asked: the answer would be hard to predict and to explain.
func (b *bound) Subscribe(pattern sig.Pattern) (Decision, Filter) {
	d := Decision{Question: Question{Subscribe, pattern.Sender, pattern.Event}}
	if pattern.Validate() != nil {
		d.Reason = BadName
		return d, Filter{}
	}
	v := Subscribe.index()
	if presence(pattern.Event) {
		v = Observe.index()
	}
	q := shapeOf(pattern)
	if n := b.contain(v, denies, &q); n > 0 {
		return b.decided(d, n, false), Filter{}
	}
	if n := b.contain(v, allows, &q); n > 0 {
		return b.decided(d, n, true), b.filter(&q)
	}
	if n := b.touch(v, allows, &q); n > 0 {
		d = b.decided(d, n, false)
		d.Reason = PartOnly
	}
	return d, Filter{}
}

// filter is that of an accepted subscription: as one rule allows all of it, only
// the denies that overlap are left to look at, and whom one may observe.
func (b *bound) filter(q *shape) Filter {
	f := Filter{pattern: q.Pattern}
	if !presence(q.Event) {
		f.open = true
		for _, e := range b.overlap(Subscribe.index(), denies, q) {
			f.denied = append(f.denied, e.shape)
		}
	}
	if presence(q.Event) || q.Event == sig.Any {
		at := shapeOf(sig.Pattern{Sender: q.Sender, Event: sig.EventConnect})
		f.seen = senders(b.overlap(Observe.index(), allows, &at))
		f.hidden = senders(b.overlap(Observe.index(), denies, &at))
	}
	return f
}

func senders(entries []entry) []sig.Name {
	var all []sig.Name
	for _, e := range entries {
		all = append(all, e.Sender)
	}
	return all
}

// contain returns the lowest number of a rule whose pattern contains q, or 0.
func (b *bound) contain(verb, effect int, q *shape) int {
	n := b.policy.fixed[verb][effect].contain(b.speaks, q)
	own := b.own[verb][effect]
	for i := range own {
		if (n == 0 || own[i].number < n) && own[i].contains(q) {
			n = own[i].number
		}
	}
	return n
}

// touch returns the lowest number of a rule whose pattern intersects q, or 0.
func (b *bound) touch(verb, effect int, q *shape) int {
	best := 0
	b.near(verb, effect, q, func(e *entry) {
		if (best == 0 || e.number < best) && e.intersects(q) {
			best = e.number
		}
	})
	return best
}

// overlap returns the rules whose patterns intersect q, by number.
func (b *bound) overlap(verb, effect int, q *shape) []entry {
	var all []entry
	b.near(verb, effect, q, func(e *entry) {
		if e.intersects(q) {
			all = append(all, *e)
		}
	})
	slices.SortStableFunc(all, func(a, b entry) int { return a.number - b.number })
	return all
}

// near calls f for each rule whose pattern may intersect q, in no order.
func (b *bound) near(verb, effect int, q *shape, f func(e *entry)) {
	b.policy.fixed[verb][effect].overlap(b.speaks, q, f)
	own := b.own[verb][effect]
	for i := range own {
		f(&own[i])
	}
}
