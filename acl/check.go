package acl

import (
	"fmt"
	"slices"
)

// Failure is a case in [Source.Expect] that a policy does not meet.
type Failure struct {
	Number   int // of the case, from 1
	Decision Decision
	Want     string // what was expected instead
}

// Error says which case failed, what was decided and what should have been.
func (f Failure) Error() string {
	return fmt.Sprintf("expect %d: %s; want it %s", f.Number, f.Decision, f.Want)
}

// Check runs the policy's own cases and returns those that fail. A policy with a
// failure should not come into force.
func (p *Policy) Check() []Failure {
	var failed []Failure
	for i := range p.expect {
		e := &p.expect[i]
		rights := p.bind(e.who())
		for _, v := range slices.Concat(e.Allow, e.Deny) {
			d := ask(rights, Question{v, e.Sender, e.Name})
			if want := e.want(v, d); want != "" {
				failed = append(failed, Failure{i + 1, d, want})
			}
		}
	}
	return failed
}

// want says what was expected, or nothing if that is what came.
func (e *Expect) want(v Verb, d Decision) string {
	allowed, word := slices.Contains(e.Allow, v), "denied"
	if allowed {
		word = "allowed"
	}
	switch {
	case e.Rule != "" && (d.Allowed != allowed || d.Reason != ByRule || d.Label != e.Rule):
		return fmt.Sprintf("%s by rule %q", word, e.Rule)
	case d.Allowed != allowed:
		return word
	}
	return ""
}

// ask decides a question that may be about a pattern.
func ask(r Rights, q Question) Decision {
	if q.Verb == Subscribe {
		d, _ := r.Subscribe(q.pattern())
		return d
	}
	return r.Decide(q.Verb, q.Sender, q.Name)
}
