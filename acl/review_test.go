package acl_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
)

func TestCheck(t *testing.T) {
	s := plant()
	s.Expect = []acl.Expect{
		{Principal: "ops/anna", Allow: []acl.Verb{acl.Subscribe}, Sender: "**", Name: "**", Rule: "read"},
		{Principal: "ops/anna", Method: "tls", Allow: []acl.Verb{acl.Request}, Deny: []acl.Verb{acl.Emit}, Sender: "saw", Name: "stop"},
		{Principal: "ops/anna", Deny: []acl.Verb{acl.Subscribe}, Sender: "x", Name: "secret/key", Rule: "no secrets"},
		{Principal: "x", Groups: []string{"line-2"}, Allow: []acl.Verb{acl.Subscribe}, Sender: "line-2/x", Name: "alarm"},
		{Principal: "ops/anna", Deny: []acl.Verb{acl.Observe}, Sender: "hidden/x"},
		{Principal: "{anonymous}", Allow: []acl.Verb{acl.Emit}, Sender: "guest", Name: "hello"},
		// These are wrong:
		{Principal: "ops/bob", Allow: []acl.Verb{acl.Request}, Sender: "saw", Name: "stop"},
		{Principal: "ops/anna", Deny: []acl.Verb{acl.Subscribe}, Sender: "x", Name: "y", Rule: "no secrets"},
		{Principal: "ops/anna", Allow: []acl.Verb{acl.Subscribe}, Sender: "x", Name: "y", Rule: "own line"},
		{Principal: "ops/bob", Deny: []acl.Verb{acl.Request}, Sender: "x", Name: "y", Rule: "no secrets"}, // denied, but by no rule
	}
	var lines []string
	for _, f := range compileSource(t, s).Check() {
		lines = append(lines, f.Error())
	}
	assert.Equal(t, []string{
		"expect 7: request saw stop: denied: no rule allows it; want it allowed",
		`expect 8: subscribe x y: allowed: rule 2 "read" allows it; want it denied by rule "no secrets"`,
		`expect 9: subscribe x y: allowed: rule 2 "read" allows it; want it allowed by rule "own line"`,
		`expect 10: request x y: denied: no rule allows it; want it denied by rule "no secrets"`,
	}, lines)
}

func TestExplain(t *testing.T) {
	policy := compileSource(t, plant())
	anna, press := acl.Principal{ID: "ops/anna", Method: "tls"}, acl.Principal{ID: "plant/press"}
	for _, tt := range []struct {
		what         string
		who          acl.Principal
		verb         acl.Verb
		sender, name sig.Name
		want         string
	}{
		{"a deny wins", anna, acl.Subscribe, "x", "secret/key", `"ops/anna" (tls): subscribe x secret/key: denied: rule 3 "no secrets" denies it
  rule 2 "read" allow ** **: it allows this, but a deny wins
  rule 3 "no secrets" deny ** secret/**: it decides
`},
		{"a part is left out", anna, acl.Subscribe, "**", "**", `"ops/anna" (tls): subscribe ** **: allowed: rule 2 "read" allows it
  rule 2 "read" allow ** **: it decides
  rule 3 "no secrets" deny ** secret/**: it denies a part: events of that part are left out
`},
		{"groups and placeholders", press, acl.Subscribe, "**", "alarm", `"plant/press": subscribe ** alarm: denied: rule 7 "own line" allows a part of it, no single rule allows all; ask for less, or have one rule say it
  groups: line-1, sensors
  rule 2 "read" allow ** **: it would allow this, but speaks of others
  rule 3 "no secrets" deny ** secret/**: it does not match
  rule 7 "own line" allow line-1/** alarm: it allows a part only, as the first of those that do
`},
		{"whom to ask", press, acl.Admin, "", "reload", `"plant/press": admin reload: denied: no rule allows it
  groups: line-1, sensors
  rule 8 "reload" allow ** reload: it would allow this, but speaks of others
`},
		{"presence", anna, acl.Subscribe, "hidden/x", sig.EventConnect, `"ops/anna" (tls): subscribe hidden/x #connect: denied: rule 6 "hide" denies it
  rule 5 "see" allow ** **: it allows this, but a deny wins
  rule 6 "hide" deny hidden/** **: it decides
`},
		{"nobody may", acl.Principal{}, acl.Respond, "x", "y", "anonymous: respond x y: denied: no rule allows it\n  no rule about respond speaks of this principal\n"},
		{"not a question", anna, acl.Emit, "x*\n", "y", `"ops/anna" (tls): emit "x*\n" y: denied: no such question: the verb, the sender or the name is not valid for it` + "\n"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			x := policy.Explain(tt.who, tt.verb, tt.sender, tt.name)
			assert.Equal(t, tt.want, x.String())
		})
	}
}

func TestAnalyze(t *testing.T) {
	rule := func(deny bool, who string, sender, name sig.Name, verbs ...acl.Verb) acl.Rule {
		r := acl.Rule{Principals: []string{who}, Sender: sender, Name: name, Allow: verbs}
		if deny {
			r.Allow, r.Deny = nil, verbs
		}
		return r
	}
	const allow, deny = false, true
	undefined := rule(allow, "x", "q", "q", acl.Request)
	undefined.Groups = []string{"nobody-defined-it"}
	policy := compile(
		t,
		rule(allow, "a/*", "house/**", "**", acl.Emit, acl.Respond),
		rule(allow, "a/b", "house/kitchen", "temp", acl.Emit),       // 1 says more
		rule(allow, "a/b", "house/kitchen", "temp", acl.Subscribe),  // another verb: it matters
		rule(deny, "**", "secret/x", "**", acl.Emit),                // of no effect: nobody may
		rule(deny, "**", "house/cellar/**", "**", acl.Emit),         // it matters
		rule(allow, "a/*", "house/cellar/*", "x", acl.Emit),         // 5 denies it all, and 1 says more
		rule(allow, "{anonymous}", "{self}", "x", acl.Emit),         // has no self
		rule(allow, "a/*", "house/**", "**", acl.Emit, acl.Respond), // 1 again
		undefined,
	)
	var lines []string
	for _, f := range policy.Analyze() {
		lines = append(lines, string(f.Kind)+" "+f.String())
	}
	assert.Equal(t, []string{
		"shadowed rule 2: emit: rule 1 says the same, or more",
		"idle rule 4: emit: no rule allows any of what it denies, so it is denied anyway",
		"shadowed rule 6: emit: rule 1 says the same, or more",
		"nobody rule 7: it speaks of the anonymous only, who have neither {self} nor {group}",
		"shadowed rule 8: emit: rule 1 says the same, or more",
		"shadowed rule 8: respond: rule 1 says the same, or more",
		`undefined-group rule 9: group "nobody-defined-it" is not in the policy: the rule speaks only of those whom a carrier puts in it`,
	}, lines)
	denied := compile(t, rule(allow, "a", "x/y", "z", acl.Emit), rule(deny, "*", "x/*", "**", acl.Emit)).Analyze()
	assert.Len(t, denied, 1)
	assert.Equal(t, "rule 1: emit: rule 2 denies all that it allows", denied[0].String())
}

func TestEffective(t *testing.T) {
	s := plant()
	s.Rules = append(s.Rules, acl.Rule{Allow: []acl.Verb{acl.Subscribe}, Groups: []string{"sensors"}, Sender: "{self}", Name: "secret/own"})
	var lines []string
	for _, r := range compileSource(t, s).Effective(acl.Principal{ID: "plant/press"}) {
		lines = append(lines, r.String())
	}
	assert.Equal(t, []string{
		`emit allow plant~2Fpress telemetry/** (rule 1 "report")`,
		`subscribe deny ** secret/** (rule 3 "no secrets")`,
		`subscribe allow line-1/** alarm (rule 7 "own line")`,
		`subscribe allow plant~2Fpress secret/own (rule 10), void by rule 3 "no secrets"`,
		`request deny ** secret/** (rule 3 "no secrets")`,
		`respond allow plant~2Fpress telemetry/** (rule 1 "report")`,
		`observe deny hidden/** ** (rule 6 "hide")`,
	}, lines)
}

func TestDiff(t *testing.T) {
	before, after := plant(), plant()
	after.Rules[1].Principals = []string{"ops/bob"}
	after.Rules[4].Label = "another label changes nothing"
	anna, bob := acl.Principal{ID: "ops/anna"}, acl.Principal{ID: "ops/bob"}
	observed := []acl.Access{
		{anna, acl.Question{Verb: acl.Subscribe, Sender: "**", Name: "temp"}},
		{bob, acl.Question{Verb: acl.Subscribe, Sender: "**", Name: "temp"}},
		{anna, acl.Question{Verb: acl.Observe, Sender: "x"}},
		{anna, acl.Question{Verb: acl.Subscribe, Sender: "x", Name: "secret/key"}},
	}
	changes := acl.Diff(compileSource(t, before), compileSource(t, after), observed)
	assert.Len(t, changes, 1)
	assert.Equal(t, `"ops/anna": subscribe ** temp: allowed: rule 2 "read" allows it; the new policy: subscribe ** temp: denied: no rule allows it`, changes[0].String())

	assert.Len(t, acl.Diff(nil, compileSource(t, after), observed), 2, "no policy allows everything")
	assert.Empty(t, acl.Diff(nil, acl.Open{}, observed))
}

func TestAuthorizersOfPrograms(t *testing.T) {
	var asked []acl.Question
	rights := acl.Func(func(p acl.Principal, q acl.Question) bool {
		asked = append(asked, q)
		return p.ID == "x" && q.Name != "secret"
	}).For(acl.Principal{ID: "x"})
	d, filter := rights.Subscribe(sig.Pattern{Sender: "**", Event: "**"})
	assert.True(t, d.Allowed)
	assert.Empty(t, asked, "a pattern is accepted, its deliveries are asked for")
	assert.True(t, filter.Passes("a", "temp"))
	assert.True(t, filter.Passes("a", sig.EventConnect))
	assert.False(t, filter.Passes("a", "secret"))
	assert.False(t, filter.Whole())
	d, filter = rights.Subscribe(sig.Pattern{Sender: "a", Event: "secret"})
	assert.EqualError(t, d.Err(), "denied: subscribe a secret: decided by the program")
	assert.False(t, filter.Passes("a", "secret"))
	assert.Equal(t, []acl.Question{
		{Verb: acl.Subscribe, Sender: "a", Name: "temp"},
		{Verb: acl.Observe, Sender: "a"},
		{Verb: acl.Subscribe, Sender: "a", Name: "secret"},
		{Verb: acl.Subscribe, Sender: "a", Name: "secret"},
	}, asked)

	d, filter = acl.Open{}.For(acl.Principal{}).Subscribe(sig.Pattern{Sender: "a/*", Event: "**"})
	assert.True(t, d.Allowed)
	assert.True(t, filter.Whole())
	assert.True(t, filter.Passes("a/b", sig.EventDisconnect))
	assert.True(t, acl.Open{}.For(acl.Principal{}).Decide(acl.Admin, "", "stop").Allowed)
}
