package acl_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
)

// good is a rule that each case spoils in one way.
func good() acl.Rule {
	return acl.Rule{Allow: []acl.Verb{acl.Emit}, Principals: []string{"x"}, Sender: "{self}", Name: "**"}
}

func TestCompileRefuses(t *testing.T) {
	for _, tt := range []struct {
		what  string
		spoil func(s *acl.Source)
		want  string
	}{
		{"no rules", func(s *acl.Source) { *s = acl.Source{} }, `policy: it has no rule: a policy says at least one thing; to forbid everything, deny "**" every verb`},
		{"no effect", func(s *acl.Source) { s.Rules[0].Allow = nil }, "rule 1: it says neither allow nor deny: list the verbs under one of them"},
		{"two effects", func(s *acl.Source) { s.Rules[0].Deny = []acl.Verb{acl.Emit} }, "rule 1: it has allow and deny: write two rules"},
		{"unknown verb", func(s *acl.Source) { s.Rules[0].Allow[0] = "publish" }, `rule 1: allow: "publish" is no verb: use emit, subscribe, request, respond, observe, admin`},
		{"verb in capitals", func(s *acl.Source) { s.Rules[0].Allow[0] = "Emit" }, `rule 1: allow: "Emit" is no verb: use emit, subscribe, request, respond, observe, admin`},
		{"verb twice", func(s *acl.Source) { s.Rules[0].Allow = []acl.Verb{acl.Emit, acl.Emit} }, "rule 1: allow: emit stands there twice"},
		{"nobody", func(s *acl.Source) { s.Rules[0].Principals = nil }, `rule 1: it speaks of nobody: set principals or groups; "**" is everybody with a proved ID`},
		{"empty principal", func(s *acl.Source) { s.Rules[0].Principals[0] = "" }, `rule 1: principals: "" is nobody: write an ID, a pattern, or {anonymous} in a rule`},
		{"part of a segment", func(s *acl.Source) { s.Rules[0].Principals[0] = "plant/press-*" }, `rule 1: principals: "plant/press-*": "*" and "**" must be whole segments`},
		{"placeholder of no principal", func(s *acl.Source) { s.Rules[0].Principals[0] = "{self}" }, `rule 1: principals: "{self}" is no placeholder of a principal: the only one is {anonymous}`},
		{"bad group", func(s *acl.Source) { s.Rules[0].Groups = []string{"a/b"} }, `rule 1: groups: "a/b": the name of a group is one segment, without "/"`},
		{"wild group", func(s *acl.Source) { s.Rules[0].Groups = []string{"*"} }, `rule 1: groups: bad name: "*": wildcards are for patterns only`},
		{"empty method", func(s *acl.Source) { s.Rules[0].Methods = []string{""} }, `rule 1: methods: "" is no method: leave methods out to allow all of them`},
		{"no sender", func(s *acl.Source) { s.Rules[0].Sender = "" }, `rule 1: sender: it is missing: write "**" if you mean all`},
		{"no name", func(s *acl.Source) { s.Rules[0].Name = "" }, `rule 1: name: it is missing: write "**" if you mean all`},
		{"bad name", func(s *acl.Source) { s.Rules[0].Name = "a b" }, `rule 1: name: bad name: "a b": it contains ' ', allowed are A-Z a-z 0-9 _ . : @ ~ -`},
		{"half a placeholder", func(s *acl.Source) { s.Rules[0].Name = "x-{self}" }, `rule 1: name: "x-{self}": a placeholder is a whole segment, {self} or {group}`},
		{"unknown placeholder", func(s *acl.Source) { s.Rules[0].Name = "{role}/**" }, `rule 1: name: "{role}/**": a placeholder is a whole segment, {self} or {group}`},
		{"reserved name", func(s *acl.Source) { s.Rules[0].Name = "#connect" }, `rule 1: name: "#connect": rules about #connect and #disconnect use the verb observe; other reserved names go with the events they are about`},
		{"observe with a name", func(s *acl.Source) { s.Rules[0].Allow[0] = acl.Observe }, "rule 1: name: observe covers presence, not events: leave name out; for other verbs write a rule of their own"},
		{"observe and others", func(s *acl.Source) { s.Rules[0].Allow, s.Rules[0].Name = []acl.Verb{acl.Observe, acl.Emit}, "" }, "rule 1: observe has no name and the other verbs need one: write two rules"},
		{"label of two lines", func(s *acl.Source) { s.Rules[0].Label = "a\nb" }, `rule 1 "a\nb": label: it is shown in one line of text: no control characters`},
		{"label twice", func(s *acl.Source) { r := good(); r.Label = "a"; s.Rules = []acl.Rule{r, r} }, `rule 2 "a": label: rule 1 is called "a" as well: choose another name`},
		{"group without name", func(s *acl.Source) { s.Groups = []acl.Group{{Members: []string{"a"}}} }, `group 1: name: bad name: "": it is empty`},
		{"group without members", func(s *acl.Source) { s.Groups = []acl.Group{{Name: "g"}} }, `group 1 "g": members: there are none: name IDs or patterns of them`},
		{"group twice", func(s *acl.Source) { g := acl.Group{Name: "g", Members: []string{"a"}}; s.Groups = []acl.Group{g, g} }, `group 2 "g": name: group 1 is called "g" as well: choose another name`},
		{"the anonymous in a group", func(s *acl.Source) { s.Groups = []acl.Group{{Name: "g", Members: []string{"{anonymous}"}}} }, `group 1 "g": members: {anonymous} is in no group: name it in a rule`},
		{"empty case", func(s *acl.Source) { s.Expect = []acl.Expect{{Principal: "x"}} }, "expect 1: it says neither allow nor deny: list the verbs under one of them"},
		{"case of nobody", func(s *acl.Source) { s.Expect = []acl.Expect{{Allow: []acl.Verb{acl.Emit}, Sender: "x", Name: "y"}} }, "expect 1: principal: it is missing: write an ID, or {anonymous}"},
		{"case with a pattern", func(s *acl.Source) {
			s.Expect = []acl.Expect{{Principal: "x", Allow: []acl.Verb{acl.Emit}, Sender: "x", Name: "*"}}
		}, `expect 1: emit cannot be asked about sender "x" and name "*": see the verb's description`},
		{"case both ways", func(s *acl.Source) {
			s.Expect = []acl.Expect{{Principal: "x", Allow: []acl.Verb{acl.Emit}, Deny: []acl.Verb{acl.Emit}, Sender: "x", Name: "y"}}
		}, "expect 1: emit is expected to be allowed and denied"},
		{"case of no rule", func(s *acl.Source) {
			s.Expect = []acl.Expect{{Principal: "x", Allow: []acl.Verb{acl.Emit}, Sender: "x", Name: "y", Rule: "r"}}
		}, `expect 1: rule: no rule has the label "r"`},
	} {
		t.Run(tt.what, func(t *testing.T) {
			s := &acl.Source{Rules: []acl.Rule{good()}}
			_, err := s.Compile()
			require.NoError(t, err)
			tt.spoil(s)
			policy, err := s.Compile()
			assert.EqualError(t, err, tt.want)
			assert.Nil(t, policy, "a policy with a mistake does not come into being")
		})
	}
	_, err := (*acl.Source)(nil).Compile()
	assert.Error(t, err)
}

// TestCompileNamesAllMistakes: with the numbers by which whoever has read a file
// finds the lines.
func TestCompileNamesAllMistakes(t *testing.T) {
	bad := acl.Rule{Label: "bad", Allow: []acl.Verb{"publish"}, Sender: "a//b"}
	_, err := (&acl.Source{
		Groups: []acl.Group{{Name: "g", Members: []string{"a*"}}},
		Rules:  []acl.Rule{good(), bad, good(), {}},
		Expect: []acl.Expect{{}},
	}).Compile()
	var found acl.Problems
	require.True(t, errors.As(err, &found))
	type place struct {
		Part   acl.Part
		Number int
		Field  string
	}
	var places []place
	for _, p := range found {
		places = append(places, place{p.Part, p.Number, p.Field})
	}
	assert.Equal(t, []place{
		{acl.PartGroup, 1, "members"},
		{acl.PartRule, 2, "allow"},
		{acl.PartRule, 2, ""},
		{acl.PartRule, 2, "sender"},
		{acl.PartRule, 2, "name"},
		{acl.PartRule, 4, ""},
		{acl.PartRule, 4, ""},
		{acl.PartRule, 4, "sender"},
		{acl.PartRule, 4, "name"},
		{acl.PartExpect, 1, "principal"},
		{acl.PartExpect, 1, ""},
	}, places)
}
