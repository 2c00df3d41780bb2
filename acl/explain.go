package acl

import (
	"fmt"
	"strings"

	"github.com/gosig/gosig/sig"
)

// Explanation says how a policy comes to a decision.
type Explanation struct {
	Principal Principal
	Groups    []string // all that it is in
	Decision  Decision
	// Rules are those about the verb that speak of the principal, and those that
	// would allow it to others; in the order of their numbers.
	Rules []Considered
}

// Considered is a rule that was looked at for a decision.
type Considered struct {
	Rule     int
	Label    string
	Deny     bool
	Patterns []sig.Pattern // with the placeholders filled in
	Role     string        // the part it plays: "it decides", "it does not match"
}

// Explain decides like [Policy.Decide], or [Rights.Subscribe] for that verb, and
// says why.
func (p *Policy) Explain(who Principal, verb Verb, sender, name sig.Name) Explanation {
	b := p.bind(who)
	q := Question{verb, sender, name}
	x := Explanation{Principal: who, Groups: b.who.groups, Decision: ask(b, q)}
	if x.Decision.Reason == BadName {
		return x
	}
	q, v := q.asked()
	for i := range p.rules {
		r := &p.rules[i]
		if !r.about(v) {
			continue
		}
		c := Considered{Rule: r.number, Label: r.Label, Deny: r.denies(), Patterns: r.patterns(b.who)}
		whole, part := relate(c.Patterns, q.pattern())
		switch speaks := b.speaks.has(r.number); {
		case speaks:
			c.Role = role(r, x.Decision, whole, part)
		case whole && !c.Deny:
			c.Role = "it would allow this, but speaks of others"
		default:
			continue
		}
		x.Rules = append(x.Rules, c)
	}
	return x
}

// asked is the question in the form that patterns of rules are compared with, and
// the verb of these rules.
func (q Question) asked() (Question, Verb) {
	if q.Verb == Observe || q.Verb == Subscribe && presence(q.Name) {
		return Question{Observe, q.Sender, sig.EventConnect}, Observe
	}
	return q, q.Verb
}

// about reports whether the rule has the verb.
func (r *rule) about(v Verb) bool {
	for _, have := range r.verbs() {
		if have == v {
			return true
		}
	}
	return false
}

// relate reports whether one of the patterns has all of q, or a part of it. A name
// is a pattern that only it matches.
func relate(patterns []sig.Pattern, q sig.Pattern) (whole, part bool) {
	for _, p := range patterns {
		whole = whole || p.Contains(q)
		part = part || p.Intersects(q)
	}
	return whole, part
}

// role says which part a rule that speaks of the principal plays.
func role(r *rule, d Decision, whole, part bool) string {
	switch {
	case r.number == d.Rule && d.Reason == ByRule:
		return "it decides"
	case r.number == d.Rule && d.Reason == PartOnly:
		return "it allows a part only, as the first of those that do"
	case whole && r.denies():
		return "it denies this as well"
	case whole && d.Allowed:
		return "it allows this as well"
	case whole:
		return "it allows this, but a deny wins"
	case part && r.denies():
		return "it denies a part: events of that part are left out"
	case part:
		return "it allows a part only"
	}
	return "it does not match"
}

// String is the explanation for a person, in several lines.
func (x Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", x.Principal, x.Decision)
	if len(x.Groups) > 0 {
		fmt.Fprintf(&b, "  groups: %s\n", listed(x.Groups))
	}
	for _, c := range x.Rules {
		b.WriteString("  " + c.String() + "\n")
	}
	if len(x.Rules) == 0 && x.Decision.Reason != BadName {
		fmt.Fprintf(&b, "  no rule about %s speaks of this principal\n", x.Decision.Question.Verb)
	}
	return b.String()
}

// String is the rule, what it means for the principal, and its part.
func (c Considered) String() string {
	effect := "allow"
	if c.Deny {
		effect = "deny"
	}
	s := Decision{Rule: c.Rule, Label: c.Label}.rule() + " " + effect
	for i, p := range c.Patterns {
		if i > 0 {
			s += ","
		}
		s += " " + p.String()
	}
	return s + ": " + c.Role
}
