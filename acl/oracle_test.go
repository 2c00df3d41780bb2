package acl_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
)

// The oracle decides by the definition, from the source, with no index, no escape
// of IDs and no patterns filled in: rule by rule, segment by segment.

// glob is P1's matching in the shortest form; is says whether a segment of the
// pattern that is no wildcard stands for a segment of the name.
func glob(pattern, name []string, is func(want, have string) bool) bool {
	switch {
	case len(pattern) == 0:
		return len(name) == 0
	case pattern[0] == "**":
		return glob(pattern[1:], name, is) || len(name) > 0 && glob(pattern, name[1:], is)
	}
	return len(name) > 0 && (pattern[0] == "*" || is(pattern[0], name[0])) && glob(pattern[1:], name[1:], is)
}

func same(want, have string) bool { return want == have }

func split[T ~string](s T) []string { return strings.Split(string(s), "/") }

// naiveSegment is how an ID is written as a segment, see [acl.Segment].
func naiveSegment(id string) string {
	var s string
	for _, c := range []byte(id) {
		if strings.IndexByte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:@-", c) >= 0 {
			s += string(rune(c))
		} else {
			s += fmt.Sprintf("~%02X", c)
		}
	}
	return s
}

func naiveGroups(s *acl.Source, who acl.Principal) []string {
	groups := slices.Clone(who.Groups)
	for _, g := range s.Groups {
		if slices.ContainsFunc(g.Members, func(m string) bool { return glob(split(m), split(who.ID), same) }) {
			groups = append(groups, g.Name)
		}
	}
	return groups
}

func naiveSpeaks(s *acl.Source, r *acl.Rule, who acl.Principal) bool {
	if len(r.Methods) > 0 && !slices.Contains(r.Methods, who.Method) {
		return false
	}
	if who.ID == "" {
		return slices.Contains(r.Principals, "{anonymous}") ||
			len(r.Deny) > 0 && (slices.Contains(r.Principals, "*") || slices.Contains(r.Principals, "**"))
	}
	in := func(g string) bool { return slices.Contains(naiveGroups(s, who), g) }
	fits := func(p string) bool { return p != "{anonymous}" && glob(split(p), split(who.ID), same) }
	return slices.ContainsFunc(r.Principals, fits) || slices.ContainsFunc(r.Groups, in)
}

// naiveMatches says whether a rule that speaks of the principal matches.
func naiveMatches(s *acl.Source, r *acl.Rule, who acl.Principal, sender, name sig.Name) bool {
	if who.ID == "" && strings.Contains(string(r.Sender+r.Name), "{") {
		return false
	}
	groups := []string{"unused"}
	if strings.Contains(string(r.Sender+r.Name), "{group}") {
		groups = naiveGroups(s, who)
	}
	event := r.Name
	if event == "" {
		event = sig.Any
	}
	return slices.ContainsFunc(groups, func(g string) bool {
		if g != "unused" && len(r.Groups) > 0 && !slices.Contains(r.Groups, g) {
			return false
		}
		is := func(want, have string) bool {
			switch want {
			case "{self}":
				return have == naiveSegment(who.ID)
			case "{group}":
				return have == naiveSegment(g)
			}
			return want == have
		}
		if !glob(split(r.Sender), split(sender), is) {
			return false
		}
		if name.Reserved() {
			return event == sig.Any
		}
		return glob(split(event), split(name), is)
	})
}

// naive decides a question about one sender and one name.
func naive(s *acl.Source, who acl.Principal, verb acl.Verb, sender, name sig.Name) bool {
	if verb == acl.Subscribe && (name == sig.EventConnect || name == sig.EventDisconnect) {
		verb = acl.Observe
	}
	allowed := false
	for i := range s.Rules {
		r := &s.Rules[i]
		if !naiveSpeaks(s, r, who) || !naiveMatches(s, r, who, sender, name) {
			continue
		}
		if slices.Contains(r.Deny, verb) {
			return false
		}
		allowed = allowed || slices.Contains(r.Allow, verb)
	}
	return allowed
}

// The little world in which policies are drawn. IDs hold whatever could confuse a
// matcher; names hold what the IDs become.
var (
	worldIDs    = []string{"", "a", "b", "a/b", "b/a", "*", "**", "a/*", "#a", "{self}", "~2A", "a/", "/"}
	worldGroups = []string{"a", "g", "h"}
	worldWords  = []string{"a", "b", "~2A", "~2A~2A", "a~2Fb", "g", "~"}
	worldNames  = names(worldWords, 2)
)

func names(words []string, depth int) []sig.Name {
	var all []sig.Name
	for _, w := range words {
		all = append(all, sig.Name(w))
		if depth > 1 {
			for _, rest := range names(words, depth-1) {
				all = append(all, sig.Name(w)+"/"+rest)
			}
		}
	}
	return all
}

func someOf[T comparable](all []T, low, high int) *rapid.Generator[[]T] {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(all), low, high, rapid.ID[T])
}

func pattern(segs ...string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(segs), 1, 3).Draw(t, "segments"), "/")
	})
}

var (
	principalPatterns = rapid.OneOf(pattern("a", "b", "*", "**"), rapid.SampledFrom([]string{"**", "#a", "{anonymous}", "~2A", "a/"}), rapid.Just("**"))
	templates         = rapid.OneOf(pattern("a", "b", "g", "*", "**"), pattern("a", "{self}", "{group}", "**"), rapid.Just("**"))
	subscriptions     = rapid.OneOf(pattern("a", "b", "*", "**", "a~2Fb"), rapid.Just("**"))
)

var anyRule = rapid.Custom(func(t *rapid.T) acl.Rule {
	r := acl.Rule{
		Principals: rapid.SliceOfN(principalPatterns, 0, 2).Draw(t, "principals"),
		Groups:     someOf(worldGroups, 0, 2).Draw(t, "groups"),
		Methods:    rapid.SampledFrom([][]string{nil, nil, {"tls"}, {"tls", "psk"}}).Draw(t, "methods"),
		Sender:     sig.Name(templates.Draw(t, "sender")),
	}
	if len(r.Principals)+len(r.Groups) == 0 {
		r.Principals = []string{"**"}
	}
	do := []acl.Verb{acl.Observe}
	if rapid.IntRange(0, 3).Draw(t, "observe") > 0 {
		do = someOf([]acl.Verb{acl.Emit, acl.Subscribe, acl.Request, acl.Respond, acl.Admin}, 1, 3).Draw(t, "verbs")
		r.Name = sig.Name(templates.Draw(t, "name"))
	}
	if rapid.IntRange(0, 2).Draw(t, "deny") == 0 {
		r.Deny = do
	} else {
		r.Allow = do
	}
	return r
})

var anySource = rapid.Custom(func(t *rapid.T) *acl.Source {
	s := &acl.Source{Rules: rapid.SliceOfN(anyRule, 1, 8).Draw(t, "rules")}
	for _, name := range someOf(worldGroups, 0, 2).Draw(t, "group names") {
		members := rapid.SliceOfN(rapid.OneOf(pattern("a", "b", "*", "**"), rapid.Just("**")), 1, 2).Draw(t, "members")
		s.Groups = append(s.Groups, acl.Group{Name: name, Members: members})
	}
	return s
})

var anyPrincipal = rapid.Custom(func(t *rapid.T) acl.Principal {
	return acl.Principal{
		ID:     rapid.SampledFrom(worldIDs).Draw(t, "ID"),
		Method: rapid.SampledFrom([]string{"", "tls", "psk"}).Draw(t, "method"),
		Groups: someOf(worldGroups, 0, 1).Draw(t, "carrier's groups"),
	}
})

// subscription draws a pattern; often one that a rule speaks of, so that many are
// accepted.
func subscription(t *rapid.T, policy *acl.Policy, who acl.Principal) sig.Pattern {
	p := sig.Pattern{Sender: sig.Name(subscriptions.Draw(t, "sender")), Event: sig.Name(subscriptions.Draw(t, "event"))}
	rights := slices.DeleteFunc(policy.Effective(who), func(r acl.Right) bool { return r.Verb != acl.Subscribe && r.Verb != acl.Observe })
	if len(rights) == 0 || rapid.IntRange(0, 3).Draw(t, "at random") == 0 {
		return p
	}
	r := rapid.SampledFrom(rights).Draw(t, "right")
	p.Sender = r.Pattern.Sender
	if r.Verb == acl.Observe {
		p.Event = sig.EventConnect
	} else if rapid.Bool().Draw(t, "the rule's event") {
		p.Event = r.Pattern.Event
	}
	return p
}

// questions calls f for all verbs with senders and names of the little world.
func questions(t *rapid.T, f func(v acl.Verb, sender, name sig.Name)) {
	for _, v := range acl.Verbs() {
		for range 15 {
			sender, name := rapid.SampledFrom(worldNames).Draw(t, "sender"), rapid.SampledFrom(worldNames).Draw(t, "name")
			switch v {
			case acl.Observe:
				name = sig.EventConnect
			case acl.Subscribe:
				name = rapid.SampledFrom([]sig.Name{name, name, name, sig.EventConnect, sig.EventDisconnect, sig.EventLost}).Draw(t, "event")
			}
			f(v, sender, name)
		}
	}
}

func TestDecisionsAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source, who := anySource.Draw(t, "policy"), anyPrincipal.Draw(t, "principal")
		if who.ID == "" {
			who.Groups = nil // the anonymous are in none
		}
		rights := compileSource(t, source).For(who)
		questions(t, func(v acl.Verb, sender, name sig.Name) {
			d := rights.Decide(v, sender, name)
			if want := naive(source, who, v, sender, name); d.Allowed != want {
				t.Fatalf("%s: %s; the oracle says %v", who, d, want)
			}
		})
	})
}

// TestDeliveriesAgainstOracle: of an accepted subscription, those events pass that
// the oracle would deliver, and no others; of a denied one, none.
func TestDeliveriesAgainstOracle(t *testing.T) {
	reserved := []sig.Name{sig.EventConnect, sig.EventDisconnect, sig.EventLost}
	events := rapid.OneOf(rapid.SampledFrom(worldNames), rapid.SampledFrom(reserved))
	rapid.Check(t, func(t *rapid.T) {
		source, who := anySource.Draw(t, "policy"), anyPrincipal.Draw(t, "principal")
		who.Groups = nil
		policy := compileSource(t, source)
		p := subscription(t, policy, who)
		d, filter := policy.For(who).Subscribe(p)
		for range 100 {
			sender, event := rapid.SampledFrom(worldNames).Draw(t, "of"), events.Draw(t, "emitted")
			got := filter.Passes(sender, event)
			want := d.Allowed && p.Match(sender, event) && naive(source, who, acl.Subscribe, sender, event)
			if got != want {
				t.Fatalf("%s: %s\n%s %s passes: got %v, want %v", who, d, sender, event, got, want)
			}
			if filter.Whole() && p.Match(sender, event) && !got {
				t.Fatalf("%s: %s: the filter is whole, and %s %s does not pass", who, d, sender, event)
			}
		}
	})
}

// TestSubscriptionsAgainstOracle: accepted are those that one allow contains and no
// deny does, with the rules that speak of the principal found by the oracle.
func TestSubscriptionsAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source, who := anySource.Draw(t, "policy"), anyPrincipal.Draw(t, "principal")
		who.Groups = nil
		policy := compileSource(t, source)
		p := subscription(t, policy, who)
		verb := acl.Subscribe
		if p.Event == sig.EventConnect {
			verb = acl.Observe
		}
		allowed, denied := false, false
		for _, r := range policy.Effective(who) {
			if r.Verb != verb || !r.Pattern.Contains(p) {
				continue
			}
			if !naiveSpeaks(source, &source.Rules[r.Rule-1], who) {
				t.Fatalf("%s: %s: the rule does not speak of it", who, r)
			}
			allowed, denied = allowed || !r.Deny, denied || r.Deny
		}
		if d, _ := policy.For(who).Subscribe(p); d.Allowed != (allowed && !denied) {
			t.Fatalf("%s: %s; one allow contains it: %v, one deny: %v", who, d, allowed, denied)
		}
	})
}

// TestOrderDoesNotMatter: rules in another order decide the same.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source, who := anySource.Draw(t, "policy"), anyPrincipal.Draw(t, "principal")
		other := &acl.Source{Groups: source.Groups, Rules: rapid.Permutation(source.Rules).Draw(t, "other order")}
		alike(t, compileSource(t, source), compileSource(t, other), who)
	})
}

// TestSuperfluousRulesDoNotMatter: without what Analyze reports, all at once,
// everybody may do the same as before.
func TestSuperfluousRulesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source, who := anySource.Draw(t, "policy"), anyPrincipal.Draw(t, "principal")
		policy := compileSource(t, source)
		less := &acl.Source{Groups: source.Groups}
		findings := policy.Analyze()
		for i, r := range source.Rules {
			superfluous := func(v acl.Verb) bool {
				return slices.ContainsFunc(findings, func(f acl.Finding) bool {
					return f.Kind != acl.Undefined && f.Rule == i+1 && (f.Verb == v || f.Verb == "")
				})
			}
			r.Allow = slices.DeleteFunc(slices.Clone(r.Allow), superfluous)
			r.Deny = slices.DeleteFunc(slices.Clone(r.Deny), superfluous)
			if len(r.Allow)+len(r.Deny) > 0 {
				less.Rules = append(less.Rules, r)
			}
		}
		if len(less.Rules) == 0 { // a policy has a rule: one that speaks of nobody here
			less.Rules = []acl.Rule{{Deny: []acl.Verb{acl.Emit}, Principals: []string{"nobody"}, Sender: "**", Name: "**"}}
		}
		alike(t, policy, compileSource(t, less), who)
	})
}

func alike(t *rapid.T, a, b *acl.Policy, who acl.Principal) {
	x, y := a.For(who), b.For(who)
	questions(t, func(v acl.Verb, sender, name sig.Name) {
		if got, want := y.Decide(v, sender, name), x.Decide(v, sender, name); got.Allowed != want.Allowed {
			t.Fatalf("%s: got %s, want %s", who, got, want)
		}
	})
	for range 20 {
		p := subscription(t, a, who)
		got, _ := y.Subscribe(p)
		if want, _ := x.Subscribe(p); got.Allowed != want.Allowed {
			t.Fatalf("%s: got %s, want %s", who, got, want)
		}
	}
}
