package acl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gosig/gosig/sig"
)

// FindingKind says what is odd about a rule.
type FindingKind string

// The kinds. All but the last mean that the rule could do without the verb: no
// decision of any principal would change.
const (
	Shadowed  FindingKind = "shadowed"        // another rule says the same, and perhaps more
	Denied    FindingKind = "denied"          // it allows what another rule denies altogether
	Idle      FindingKind = "idle"            // it denies what no rule allows
	Nobody    FindingKind = "nobody"          // it speaks of {self} or {group} of the anonymous
	Undefined FindingKind = "undefined-group" // no group of that name is in the policy: only a carrier can give it
)

// Finding is something about a rule that its author may not have meant.
type Finding struct {
	Kind  FindingKind
	Rule  int
	Label string
	Verb  Verb // that this is about; "" for all of the rule
	By    int  // the rule that makes it so; 0 if none
	Text  string
}

// String is "rule 3 "x": emit: ...".
func (f Finding) String() string {
	s := Decision{Rule: f.Rule, Label: f.Label}.rule() + ": "
	if f.Verb != "" {
		s += string(f.Verb) + ": "
	}
	return s + f.Text
}

// Analyze finds rules that never decide anything. It compares rules pair by pair
// and never reports one that matters; rules that several others make superfluous
// together it does not find. Its time grows with the square of their number: 1,000
// take some tenths of a second.
func (p *Policy) Analyze() []Finding {
	var all []Finding
	for i := range p.rules {
		r := &p.rules[i]
		all = append(all, p.undefined(r)...)
		if r.template() && len(r.who.exact)+len(r.who.patterns)+len(r.who.groups) == 0 {
			all = append(all, Finding{
				Kind: Nobody, Rule: r.number, Label: r.Label,
				Text: "it speaks of the anonymous only, who have neither {self} nor {group}",
			})
			continue
		}
		for _, v := range r.verbs() {
			if f, ok := p.superfluous(r, v); ok {
				f.Rule, f.Label, f.Verb = r.number, r.Label, v
				all = append(all, f)
			}
		}
	}
	return all
}

func (p *Policy) undefined(r *rule) []Finding {
	var all []Finding
	for _, g := range r.Groups {
		if !slices.ContainsFunc(p.groups, func(have group) bool { return have.name == g }) {
			all = append(all, Finding{
				Kind: Undefined, Rule: r.number, Label: r.Label,
				Text: fmt.Sprintf("group %q is not in the policy: the rule speaks only of those whom a carrier puts in it", g),
			})
		}
	}
	return all
}

// superfluous finds what makes one verb of a rule superfluous.
func (p *Policy) superfluous(r *rule, v Verb) (Finding, bool) {
	meets := false // some rule allows a part of what r denies
	for i := range p.rules {
		s := &p.rules[i]
		if s == r || !s.about(v) {
			continue
		}
		meets = meets || r.effect == denies && s.effect == allows && s.loose.intersects(&r.loose)
		if s.effect < r.effect || !s.contains(r) {
			continue
		}
		switch {
		case s.effect > r.effect:
			return Finding{Kind: Denied, By: s.number, Text: fmt.Sprintf("rule %d denies all that it allows", s.number)}, true
		case s.number < r.number || !r.contains(s):
			return Finding{Kind: Shadowed, By: s.number, Text: fmt.Sprintf("rule %d says the same, or more", s.number)}, true
		}
	}
	if r.effect == denies && !meets {
		return Finding{Kind: Idle, Text: "no rule allows any of what it denies, so it is denied anyway"}, true
	}
	return Finding{}, false
}

// contains reports whether s speaks of everybody and everything that r does, verbs
// aside. A placeholder counts as a literal segment: what holds for that holds
// whatever is filled in. But {group} must not mean fewer groups in s.
func (s *rule) contains(r *rule) bool {
	if len(s.Groups) > 0 && s.uses(placeGroup) && !(len(r.Groups) > 0 && withinList(s.Groups, r.Groups)) {
		return false
	}
	return s.pattern.contains(&r.pattern) && s.who.contains(&r.who)
}

// loosely is a pattern with "*" for each placeholder.
func loosely(p sig.Pattern) sig.Pattern {
	r := strings.NewReplacer(placeSelf, "*", placeGroup, "*")
	return sig.Pattern{Sender: sig.Name(r.Replace(string(p.Sender))), Event: sig.Name(r.Replace(string(p.Event)))}
}

// Right is one rule as it holds for a principal.
type Right struct {
	Verb    Verb
	Deny    bool
	Pattern sig.Pattern // with the placeholders filled in
	Rule    int
	Label   string
	// Void is the rule that denies all of what this one allows, as "rule 3"; ""
	// if none does.
	Void string
}

// String is "emit allow press telemetry/** (rule 1)".
func (r Right) String() string {
	effect := "allow"
	if r.Deny {
		effect = "deny"
	}
	s := fmt.Sprintf("%s %s %s (%s)", r.Verb, effect, r.Pattern, Decision{Rule: r.Rule, Label: r.Label}.rule())
	if r.Void != "" {
		s += ", void by " + r.Void
	}
	return s
}

// Effective lists what the rules mean for one principal: by verb, what is denied
// before what is allowed, by number. What is not listed is denied.
func (p *Policy) Effective(who Principal) []Right {
	b := p.bind(who)
	var all []Right
	for v, verb := range verbs {
		everything := shapeOf(sig.Pattern{Sender: sig.Any, Event: sig.Any})
		for effect := denies; effect >= allows; effect-- {
			for _, e := range b.overlap(v, effect, &everything) {
				r := Right{Verb: verb, Deny: effect == denies, Pattern: e.Pattern, Rule: e.number, Label: p.rules[e.number-1].Label}
				if n := b.contain(v, denies, &e.shape); !r.Deny && n > 0 {
					r.Void = Decision{Rule: n, Label: p.rules[n-1].Label}.rule()
				}
				all = append(all, r)
			}
		}
	}
	return all
}
