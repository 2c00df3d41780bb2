package acl

import (
	"fmt"

	"github.com/gosig/gosig/sig"
)

// Question is what a principal wants: a verb, and the sender and the name that it
// is about. For [Subscribe] the two may be a pattern; see the verbs for what they
// are otherwise.
type Question struct {
	Verb   Verb
	Sender sig.Name
	Name   sig.Name
}

// String is "emit house/kitchen temp".
func (q Question) String() string {
	s := string(q.Verb)
	for _, n := range []sig.Name{q.Sender, q.Name} {
		if n != "" {
			s += " " + printable(n)
		}
	}
	return s
}

// valid reports whether the question can be asked at all.
func (q Question) valid() bool {
	_, _, ok := q.normal()
	return ok || q.Verb == Subscribe && q.pattern().Validate() == nil
}

func (q Question) pattern() sig.Pattern { return sig.Pattern{Sender: q.Sender, Event: q.Name} }

// normal brings a question about names into the form that rules are matched with,
// and returns its verb's index: presence is observed, however one asks for it.
func (q Question) normal() (Question, int, bool) {
	v := q.Verb.index()
	ok := q.Sender.Validate() == nil || q.Verb == Admin && q.Sender == ""
	switch {
	case v < 0 || !ok:
		return q, v, false
	case q.Verb == Observe && (q.Name == "" || presence(q.Name)), q.Verb == Subscribe && presence(q.Name):
		return Question{Observe, q.Sender, sig.EventConnect}, Observe.index(), true
	case q.Verb == Observe:
		return q, v, false
	case q.Verb == Subscribe && q.Name == sig.EventLost:
		return q, v, true
	}
	return q, v, q.Name.Validate() == nil
}

func presence(event sig.Name) bool { return event == sig.EventConnect || event == sig.EventDisconnect }

// Reason is why a decision is as it is.
type Reason uint8

// The reasons. The zero Reason is that of the zero Decision, which denies.
const (
	NoRule   Reason = iota // no rule allows it
	ByRule                 // Rule decided
	PartOnly               // Rule allows a part of the pattern, and no rule allows all of it
	BadName                // the verb, the sender or the name cannot be asked about
	Program                // an [Authorizer] that is no policy decided
)

// Decision is the answer to a question. The zero Decision denies.
type Decision struct {
	Allowed bool
	Reason  Reason
	Rule    int    // the number of the rule, from 1; 0 if none decided
	Label   string // of the rule
	// Question is what was decided.
	Question Question
}

// String says what was decided, and by what, in one line.
func (d Decision) String() string {
	if d.Allowed {
		return fmt.Sprintf("%s: allowed: %s", d.Question, d.why())
	}
	return fmt.Sprintf("%s: denied: %s", d.Question, d.why())
}

// Err is nil if it is allowed, and otherwise a [sig.ErrDenied] whose text names
// the rule, for the peer to tell its administrator.
func (d Decision) Err() error {
	if d.Allowed {
		return nil
	}
	return sig.NewError(sig.CodeDenied, fmt.Sprintf("%s: %s", d.Question, d.why()))
}

func (d Decision) why() string {
	switch {
	case d.Reason == ByRule && d.Allowed:
		return d.rule() + " allows it"
	case d.Reason == ByRule:
		return d.rule() + " denies it"
	case d.Reason == PartOnly:
		return d.rule() + " allows a part of it, no single rule allows all; ask for less, or have one rule say it"
	case d.Reason == BadName:
		return "no such question: the verb, the sender or the name is not valid for it"
	case d.Reason == Program:
		return "decided by the program"
	}
	return "no rule allows it"
}

func (d Decision) rule() string {
	if d.Label == "" {
		return fmt.Sprintf("rule %d", d.Rule)
	}
	return fmt.Sprintf("rule %d %q", d.Rule, d.Label)
}

// printable is a name as it is if it is a valid one or a pattern, and otherwise
// quoted and bounded: it may come from a peer.
func printable(n sig.Name) string {
	if (sig.Pattern{Sender: sig.Any, Event: n}).Validate() == nil {
		return string(n)
	}
	return fmt.Sprintf("%q", bounded(n))
}

func bounded(n sig.Name) string {
	if len(n) > sig.MaxNameBytes {
		return string(n[:sig.MaxNameBytes]) + "..."
	}
	return string(n)
}
