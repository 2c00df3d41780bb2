package acl

import (
	"slices"
	"strings"

	"github.com/gosig/gosig/sig"
)

// Policy is a compiled [Source]. It is immutable; any number of goroutines may use
// it. It is an [Authorizer].
type Policy struct {
	groups []group
	rules  []rule // rule number n is rules[n-1]
	expect []Expect
	// fixed finds the rules without placeholders, by verb and effect; those with
	// some become patterns when a principal is bound.
	fixed     [len(verbs)][2]index
	templated []int
	// To bind a principal without asking all rules: those that name an ID or a
	// group by it, and those that need a look.
	byID    map[sig.Name][]int
	byGroup map[string][]int
	look    []int
}

type group struct {
	name    string
	members subject
}

// rule is a Rule, compiled.
type rule struct {
	Rule
	number  int
	effect  int
	who     subject
	pattern shape // with placeholders
	loose   shape // with "*" for each of them
}

// The effects, as an index.
const (
	allows = 0
	denies = 1
)

// Compile makes a policy of the source, which it does not keep. The error is a
// [Problems] with all mistakes there are. It does not run the cases in Expect:
// see [Policy.Check].
func (s *Source) Compile() (*Policy, error) {
	if found := s.validate(); len(found) > 0 {
		return nil, found
	}
	p := &Policy{byID: map[sig.Name][]int{}, byGroup: map[string][]int{}, expect: slices.Clone(s.Expect)}
	for v := range p.fixed {
		p.fixed[v] = [2]index{{}, {}}
	}
	for i := range p.expect {
		p.expect[i].detach()
	}
	for _, g := range s.Groups {
		p.groups = append(p.groups, group{g.Name, newSubject(g.Members, nil, nil, false)})
	}
	for i := range s.Rules {
		p.add(s.Rules[i], i+1)
	}
	return p, nil
}

func (e *Expect) detach() {
	e.Groups, e.Allow, e.Deny = slices.Clone(e.Groups), slices.Clone(e.Allow), slices.Clone(e.Deny)
}

func (p *Policy) add(r Rule, number int) {
	r.Allow, r.Deny = slices.Clone(r.Allow), slices.Clone(r.Deny)
	r.Principals, r.Groups, r.Methods = slices.Clone(r.Principals), slices.Clone(r.Groups), slices.Clone(r.Methods)
	c := rule{
		Rule: r, number: number, effect: allows,
		who: newSubject(r.Principals, r.Groups, r.Methods, r.denies()),
	}
	if r.denies() {
		c.effect = denies
	}
	pattern := sig.Pattern{Sender: r.Sender, Event: r.Name}
	if r.Name == "" {
		pattern.Event = sig.Any // observe
	}
	c.pattern, c.loose = shapeOf(pattern), shapeOf(loosely(pattern))
	p.rules = append(p.rules, c)
	p.indexSubject(&c)
	if c.template() {
		p.templated = append(p.templated, number)
		return
	}
	for _, v := range r.verbs() {
		p.fixed[v.index()][c.effect].add(entry{number, c.pattern})
	}
}

func (p *Policy) indexSubject(r *rule) {
	for _, id := range r.who.exact {
		p.byID[id] = append(p.byID[id], r.number)
	}
	for _, g := range r.who.groups {
		p.byGroup[g] = append(p.byGroup[g], r.number)
	}
	if len(r.who.patterns) > 0 || r.who.anonymous {
		p.look = append(p.look, r.number)
	}
}

func (r *rule) template() bool { return r.uses(placeSelf) || r.uses(placeGroup) }

func (r *rule) uses(placeholder string) bool {
	return strings.Contains(string(r.pattern.Sender), placeholder) || strings.Contains(string(r.pattern.Event), placeholder)
}

// person finds the groups of a principal.
func (p *Policy) person(who Principal) *person {
	x := &person{Principal: who, path: path(who.ID)}
	if who.Anonymous() {
		return x
	}
	x.groups = slices.Clone(who.Groups)
	for _, g := range p.groups {
		if g.members.covers(x) {
			x.groups = append(x.groups, g.name)
		}
	}
	slices.Sort(x.groups)
	x.groups = slices.Compact(x.groups)
	if len(x.groups) > 0 && x.groups[0] == "" { // no name of a group
		x.groups = x.groups[1:]
	}
	return x
}

// Groups are all that a principal is in: those it comes with, and those that the
// policy puts it in, sorted. The anonymous are in none.
func (p *Policy) Groups(who Principal) []string { return slices.Clone(p.person(who).groups) }

// For binds a principal: it finds the rules that speak of it and fills in its
// placeholders. That costs some microseconds, and a bit for each rule.
func (p *Policy) For(who Principal) Rights { return p.bind(who) }

func (p *Policy) bind(who Principal) *bound {
	x := p.person(who)
	b := &bound{policy: p, who: x, speaks: newSet(len(p.rules))}
	consider := func(numbers []int) {
		for _, n := range numbers {
			if p.rules[n-1].who.covers(x) {
				b.speaks.put(n)
			}
		}
	}
	consider(p.byID[x.path])
	consider(p.look)
	for _, g := range x.groups {
		consider(p.byGroup[g])
	}
	for _, n := range p.templated {
		if b.speaks.has(n) {
			b.fill(&p.rules[n-1])
		}
	}
	return b
}

// Decide is For and [Rights.Decide] at once, for who asks once.
func (p *Policy) Decide(who Principal, verb Verb, sender, name sig.Name) Decision {
	return p.bind(who).Decide(verb, sender, name)
}
