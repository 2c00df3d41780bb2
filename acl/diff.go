package acl

import (
	"fmt"
	"strings"
)

// Access is something that a principal did, or tried to do.
type Access struct {
	Principal Principal
	Question  Question
}

// Change is an access that a new policy decides otherwise.
type Change struct {
	Access Access
	Old    Decision
	New    Decision
}

// String says who is concerned and both decisions.
func (c Change) String() string {
	return fmt.Sprintf("%s: %s; the new policy: %s", c.Access.Principal, c.Old, c.New)
}

// Diff returns which of the accesses that were observed would be decided
// otherwise: what a new policy changes before it is in force. It speaks of those
// accesses only. For [Subscribe] an access is a pattern, and what the filter
// leaves out shows if single deliveries are among those observed. A nil
// Authorizer is [Open].
func Diff(before, after Authorizer, observed []Access) []Change {
	if before == nil {
		before = Open{}
	}
	if after == nil {
		after = Open{}
	}
	type both struct{ before, after Rights }
	bound := map[string]both{}
	var changes []Change
	for _, a := range observed {
		key := fmt.Sprintf("%q %q %q", a.Principal.ID, a.Principal.Method, a.Principal.Groups)
		r, ok := bound[key]
		if !ok {
			r = both{before.For(a.Principal), after.For(a.Principal)}
			bound[key] = r
		}
		c := Change{a, ask(r.before, a.Question), ask(r.after, a.Question)}
		if c.Old.Allowed != c.New.Allowed {
			changes = append(changes, c)
		}
	}
	return changes
}

// String is `"plant/press" (tls)`, or "anonymous".
func (p Principal) String() string {
	if p.Anonymous() {
		return "anonymous"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%q", p.ID)
	if p.Method != "" {
		fmt.Fprintf(&b, " (%s)", p.Method)
	}
	return b.String()
}
