package acl

import "github.com/gosig/gosig/sig"

// Source is a policy as somebody writes it, in Go or in a file: the tags name the
// keys of a TOML file. It does nothing until it is compiled; a nil or empty one
// is a mistake, not a policy. See [Source.Compile].
type Source struct {
	Groups []Group  `toml:"group"`
	Rules  []Rule   `toml:"rule"`
	Expect []Expect `toml:"expect"`
}

// Group gives some principals a name that rules can speak of.
type Group struct {
	Name string `toml:"name"` // one segment of a name: "sensors"
	// Members are IDs, or patterns of them with "*" and "**" for whole segments.
	Members []string `toml:"members"`
}

// Rule allows or denies some principals some verbs.
type Rule struct {
	// Label says what the rule is for; it is shown with its decisions.
	Label string `toml:"label"`
	// Exactly one of the two is set.
	Allow []Verb `toml:"allow"`
	Deny  []Verb `toml:"deny"`
	// Whom it speaks of: whoever fits one of Principals or is in one of Groups.
	// Principals are IDs, patterns of them, or "{anonymous}"; "*" and "**" stand
	// for whole segments of a proved ID, and in a rule that denies either of
	// them alone means the anonymous as well. At least one of the two is set.
	Principals []string `toml:"principals"`
	Groups     []string `toml:"groups"`
	// Methods limits the rule to principals proved in one of these ways.
	Methods []string `toml:"methods"`
	// Sender and Name are patterns, in which a whole segment may be "{self}", the
	// principal's ID (see [Segment]), or "{group}", each of its groups in turn,
	// of those in Groups if the rule has any. Both are required, but rules about
	// [Observe] have no Name.
	Sender sig.Name `toml:"sender"`
	Name   sig.Name `toml:"name"`
}

// Expect is a test case that a policy carries with it, see [Policy.Check].
type Expect struct {
	Principal string   `toml:"principal"` // an ID; "{anonymous}" for none
	Method    string   `toml:"method"`
	Groups    []string `toml:"groups"` // as a carrier would give them
	// At least one of the two is set.
	Allow []Verb `toml:"allow"`
	Deny  []Verb `toml:"deny"`
	// Sender and Name are what is asked for; for [Subscribe] they may be a
	// pattern; for [Observe] there is no Name.
	Sender sig.Name `toml:"sender"`
	Name   sig.Name `toml:"name"`
	// Rule is the label of the rule that must have decided; "" is any.
	Rule string `toml:"rule"`
}

// verbs are those that the rule allows or denies.
func (r *Rule) verbs() []Verb {
	if len(r.Deny) > 0 {
		return r.Deny
	}
	return r.Allow
}

func (r *Rule) denies() bool { return len(r.Deny) > 0 }

func (e *Expect) who() Principal {
	p := Principal{ID: e.Principal, Method: e.Method, Groups: e.Groups}
	if p.ID == anonymous {
		p.ID = ""
	}
	return p
}
