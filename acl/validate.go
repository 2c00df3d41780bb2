package acl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gosig/gosig/sig"
)

// The placeholders of a rule's sender and name.
const (
	placeSelf  = "{self}"
	placeGroup = "{group}"
)

// validate finds every mistake in a source.
func (s *Source) validate() Problems {
	var c problems
	c.in(PartPolicy, 0, "")
	if s == nil || len(s.Rules) == 0 {
		c.add("", "it has no rule: a policy says at least one thing; to forbid everything, deny %q every verb", "**")
		return c.found
	}
	seen := map[string]int{}
	for i := range s.Groups {
		c.in(PartGroup, i+1, s.Groups[i].Name)
		c.group(&s.Groups[i], i+1, seen)
	}
	labels := map[string]int{}
	for i := range s.Rules {
		c.in(PartRule, i+1, s.Rules[i].Label)
		c.rule(&s.Rules[i], i+1, labels)
	}
	for i := range s.Expect {
		c.in(PartExpect, i+1, "")
		c.expect(&s.Expect[i], labels)
	}
	return c.found
}

func (c *problems) group(g *Group, number int, seen map[string]int) {
	c.groupNames("name", []string{g.Name})
	c.unique("name", g.Name, number, seen)
	if len(g.Members) == 0 {
		c.add("members", "there are none: name IDs or patterns of them")
	}
	for _, m := range g.Members {
		if m == anonymous {
			c.add("members", "%s is in no group: name it in a rule", anonymous)
			continue
		}
		c.principal("members", m)
	}
}

// unique complains of a name that an earlier entry has.
func (c *problems) unique(field, name string, number int, seen map[string]int) {
	if name == "" {
		return
	}
	if first, ok := seen[name]; ok {
		c.add(field, "%s %d is called %q as well: choose another name", c.at.Part, first, name)
		return
	}
	seen[name] = number
}

func (c *problems) rule(r *Rule, number int, labels map[string]int) {
	c.unique("label", r.Label, number, labels)
	if strings.ContainsFunc(r.Label, func(c rune) bool { return c < ' ' }) {
		c.add("label", "it is shown in one line of text: no control characters")
	}
	c.effect(r.Allow, r.Deny, true)
	if len(r.Principals)+len(r.Groups) == 0 {
		c.add("", `it speaks of nobody: set principals or groups; "**" is everybody with a proved ID`)
	}
	for _, p := range r.Principals {
		c.principal("principals", p)
	}
	c.groupNames("groups", r.Groups)
	if slices.Contains(r.Methods, "") {
		c.add("methods", `"" is no method: leave methods out to allow all of them`)
	}
	c.template("sender", r.Sender)
	switch observes := slices.Contains(r.verbs(), Observe); {
	case observes && r.Name != "":
		c.add("name", "observe covers presence, not events: leave name out; for other verbs write a rule of their own")
	case observes && slices.ContainsFunc(r.verbs(), func(v Verb) bool { return v != Observe }):
		c.add("", "observe has no name and the other verbs need one: write two rules")
	case !observes:
		c.template("name", r.Name)
	}
}

// effect checks the two lists of verbs of a rule or of a case.
func (c *problems) effect(allow, deny []Verb, onlyOne bool) {
	switch {
	case len(allow)+len(deny) == 0:
		c.add("", "it says neither allow nor deny: list the verbs under one of them")
	case onlyOne && len(allow) > 0 && len(deny) > 0:
		c.add("", "it has allow and deny: write two rules")
	}
	for _, list := range []struct {
		field string
		verbs []Verb
	}{{"allow", allow}, {"deny", deny}} {
		for i, v := range list.verbs {
			if v.index() < 0 {
				c.add(list.field, "%q is no verb: use %s", string(v), listed(verbs[:]))
			} else if slices.Contains(list.verbs[:i], v) {
				c.add(list.field, "%s stands there twice", v)
			}
		}
	}
}

func (c *problems) principal(field, p string) {
	switch {
	case p == "":
		c.add(field, `"" is nobody: write an ID, a pattern, or %s in a rule`, anonymous)
	case p != anonymous && strings.HasPrefix(p, "{") && strings.HasSuffix(p, "}"):
		c.add(field, "%q is no placeholder of a principal: the only one is %s", p, anonymous)
	}
	for seg := range strings.SplitSeq(p, "/") {
		if strings.Contains(seg, "*") && seg != "*" && seg != "**" {
			c.add(field, `%q: "*" and "**" must be whole segments`, p)
			return
		}
	}
}

func (c *problems) groupNames(field string, names []string) {
	for _, n := range names {
		if err := sig.Name(n).Validate(); err != nil {
			c.add(field, "%v", err)
		} else if strings.Contains(n, "/") {
			c.add(field, `%q: the name of a group is one segment, without "/"`, n)
		}
	}
}

// template checks a pattern that may hold placeholders.
func (c *problems) template(field string, pattern sig.Name) {
	if pattern == "" {
		c.add(field, `it is missing: write "**" if you mean all`)
		return
	}
	plain := mapSegments(string(pattern), func(seg string) string {
		if seg == placeSelf || seg == placeGroup {
			return "x"
		}
		return seg
	})
	if strings.ContainsAny(string(plain), "{}") {
		c.add(field, "%q: a placeholder is a whole segment, %s or %s", string(pattern), placeSelf, placeGroup)
		return
	}
	if plain.Reserved() {
		c.add(field, "%q: rules about #connect and #disconnect use the verb observe; other reserved names go with the events they are about", string(pattern))
		return
	}
	if err := (sig.Pattern{Sender: plain, Event: sig.Any}).Validate(); err != nil {
		c.add(field, "%v", err)
	}
}

func (c *problems) expect(e *Expect, labels map[string]int) {
	if e.Principal == "" {
		c.add("principal", "it is missing: write an ID, or %s", anonymous)
	}
	c.effect(e.Allow, e.Deny, false)
	for _, v := range slices.Concat(e.Allow, e.Deny) {
		if slices.Contains(e.Allow, v) && slices.Contains(e.Deny, v) {
			c.add("", "%s is expected to be allowed and denied", v)
			return
		}
		if v.index() >= 0 && !(Question{v, e.Sender, e.Name}).valid() {
			c.add("", "%s cannot be asked about sender %q and name %q: see the verb's description", v, bounded(e.Sender), bounded(e.Name))
		}
	}
	if _, ok := labels[e.Rule]; e.Rule != "" && !ok {
		c.add("rule", "no rule has the label %q", e.Rule)
	}
}

// listed joins what may be one of several things.
func listed[T ~string](all []T) string {
	var b strings.Builder
	for i, v := range all {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, string(v))
	}
	return b.String()
}
