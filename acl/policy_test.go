package acl_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
)

var everybody = []string{"**"}

// plant is a policy with something of everything.
func plant() *acl.Source {
	return &acl.Source{
		Groups: []acl.Group{{Name: "sensors", Members: []string{"plant/*"}}, {Name: "line-1", Members: []string{"plant/press"}}},
		Rules: []acl.Rule{
			{Label: "report", Allow: []acl.Verb{acl.Emit, acl.Respond}, Groups: []string{"sensors"}, Sender: "{self}", Name: "telemetry/**"},
			{Label: "read", Allow: []acl.Verb{acl.Subscribe}, Principals: []string{"ops/**"}, Sender: "**", Name: "**"},
			{Label: "no secrets", Deny: []acl.Verb{acl.Subscribe, acl.Request}, Principals: everybody, Sender: "**", Name: "secret/**"},
			{Label: "ask", Allow: []acl.Verb{acl.Request}, Principals: []string{"ops/anna"}, Methods: []string{"tls"}, Sender: "*", Name: "*"},
			{Label: "see", Allow: []acl.Verb{acl.Observe}, Principals: []string{"ops/**"}, Sender: "**"},
			{Label: "hide", Deny: []acl.Verb{acl.Observe}, Principals: everybody, Sender: "hidden/**"},
			{Label: "own line", Allow: []acl.Verb{acl.Subscribe}, Groups: []string{"line-1", "line-2"}, Sender: "{group}/**", Name: "alarm"},
			{Label: "reload", Allow: []acl.Verb{acl.Admin}, Principals: []string{"ops/anna"}, Sender: "**", Name: "reload"},
			{Label: "hello", Allow: []acl.Verb{acl.Emit}, Principals: []string{"{anonymous}"}, Sender: "guest", Name: "hello"},
		},
	}
}

func TestDecide(t *testing.T) {
	policy := compileSource(t, plant())
	press, anna := acl.Principal{ID: "plant/press", Method: "tls"}, acl.Principal{ID: "ops/anna", Method: "tls"}
	for _, tt := range []struct {
		rule         string // that is shown
		who          acl.Principal
		verb         acl.Verb
		sender, name sig.Name
		allowed      bool
		by           string // the label of the rule that decides
	}{
		{"default deny", acl.Principal{ID: "who"}, acl.Emit, "who", "telemetry/temp", false, ""},
		{"{self} is one's own", press, acl.Emit, "plant~2Fpress", "telemetry/temp", true, "report"},
		{"{self} is nobody else", press, acl.Emit, "plant~2Fsaw", "telemetry/temp", false, ""},
		{"{self} is one segment", press, acl.Emit, "plant/press", "telemetry/temp", false, ""},
		{"several verbs in a rule", press, acl.Respond, "plant~2Fpress", "telemetry/rate", true, "report"},
		{"a verb allows no other", press, acl.Subscribe, "plant~2Fpress", "telemetry/temp", false, ""},
		{"patterns of IDs", anna, acl.Subscribe, "x", "y", true, "read"},
		{"deny wins over an earlier allow", anna, acl.Subscribe, "x", "secret/key", false, "no secrets"},
		{"deny wins over a later allow", anna, acl.Request, "x", "secret", false, "no secrets"},
		{"exact IDs", anna, acl.Request, "saw", "stop", true, "ask"},
		{"another ID", acl.Principal{ID: "ops/bob", Method: "tls"}, acl.Request, "saw", "stop", false, ""},
		{"another method", acl.Principal{ID: "ops/anna", Method: "psk"}, acl.Request, "saw", "stop", false, ""},
		{"presence is observed", anna, acl.Observe, "saw", "", true, "see"},
		{"presence is no event", anna, acl.Subscribe, "saw", sig.EventConnect, true, "see"},
		{"the hidden do not exist", anna, acl.Subscribe, "hidden/x", sig.EventDisconnect, false, "hide"},
		{"groups of the policy", press, acl.Subscribe, "line-1/x", "alarm", true, "own line"},
		{"groups one is not in", press, acl.Subscribe, "line-2/x", "alarm", false, ""},
		{"groups that the rule does not name", press, acl.Subscribe, "sensors/x", "alarm", false, ""},
		{"groups of the carrier", acl.Principal{ID: "x", Groups: []string{"line-2"}}, acl.Subscribe, "line-2/x", "alarm", true, "own line"},
		{"an operation about nobody", anna, acl.Admin, "", "reload", true, "reload"},
		{"another operation", anna, acl.Admin, "", "stop", false, ""},
		{"the anonymous", acl.Principal{}, acl.Emit, "guest", "hello", true, "hello"},
		{"the anonymous have no groups", acl.Principal{Groups: []string{"line-2"}}, acl.Subscribe, "line-2/x", "alarm", false, ""},
		{"a deny for all is for the anonymous", acl.Principal{}, acl.Subscribe, "x", "secret/x", false, "no secrets"},
		{"the literal {anonymous} is an ID like others", acl.Principal{ID: "{anonymous}"}, acl.Emit, "guest", "hello", false, ""},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			d := policy.Decide(tt.who, tt.verb, tt.sender, tt.name)
			assert.Equal(t, tt.allowed, d.Allowed, d.String())
			assert.Equal(t, tt.by, d.Label, d.String())
			if tt.allowed {
				assert.NoError(t, d.Err())
			} else {
				assert.ErrorIs(t, d.Err(), sig.ErrDenied)
				assert.ErrorContains(t, d.Err(), tt.by)
			}
		})
	}
}

// TestAllowForAllLeavesOutTheAnonymous: rights of theirs are spelled out.
func TestAllowForAllLeavesOutTheAnonymous(t *testing.T) {
	policy := compile(t, acl.Rule{Allow: []acl.Verb{acl.Emit}, Principals: []string{"*", "**"}, Sender: "**", Name: "**"})
	assert.True(t, policy.Decide(acl.Principal{ID: "x"}, acl.Emit, "a", "b").Allowed)
	assert.False(t, policy.Decide(acl.Principal{}, acl.Emit, "a", "b").Allowed)
}

// TestQuestionsThatNobodyMayAsk: what is no name is denied before any rule is
// asked, also by a policy that allows everything.
func TestQuestionsThatNobodyMayAsk(t *testing.T) {
	everything := []acl.Verb{acl.Emit, acl.Subscribe, acl.Request, acl.Respond, acl.Admin}
	policy := compile(
		t, acl.Rule{Allow: everything, Principals: everybody, Sender: "**", Name: "**"},
		acl.Rule{Allow: []acl.Verb{acl.Observe}, Principals: everybody, Sender: "**"},
	)
	long := sig.Name(strings.Repeat("x", sig.MaxNameBytes+1))
	for _, q := range []acl.Question{
		{acl.Emit, "a", sig.EventConnect},
		{acl.Emit, "a", sig.EventLost},
		{acl.Emit, "a", "#new"},
		{acl.Request, "a", "#x"},
		{acl.Respond, "#a", "b"},
		{acl.Emit, "*", "b"},
		{acl.Emit, "a", "**"},
		{acl.Request, "a", ""},
		{acl.Request, "", "b"},
		{acl.Emit, "a//b", "c"},
		{acl.Emit, "a/", "c"},
		{acl.Emit, "a\x00", "c"},
		{acl.Emit, long, "c"},
		{acl.Emit, "a", long},
		{acl.Observe, "a", "temp"},
		{acl.Observe, "", ""},
		{"", "a", "b"},
		{"EMIT", "a", "b"},
		{acl.Subscribe, "a", "#new"},
		{acl.Emit, sig.Name(strings.Repeat("a/", sig.MaxNameSegments) + "a"), "c"},
		{acl.Admin, "", ""},
		{acl.Admin, "", "*"},
	} {
		for what, authorizer := range map[string]acl.Authorizer{
			"policy": policy, "open": acl.Open{}, "func": acl.Func(func(acl.Principal, acl.Question) bool { return true }),
		} {
			d := authorizer.For(acl.Principal{ID: "x"}).Decide(q.Verb, q.Sender, q.Name)
			assert.False(t, d.Allowed, "%s: %s", what, d)
			assert.Equal(t, acl.BadName, d.Reason, "%s: %s", what, d)
			assert.LessOrEqual(t, len(d.String()), 900, "text of a peer is bounded")
		}
	}
	d, filter := policy.For(acl.Principal{ID: "x"}).Subscribe(sig.Pattern{Sender: "a*", Event: "**"})
	assert.Equal(t, acl.BadName, d.Reason, d.String())
	assert.False(t, filter.Passes("a", "b"))
}

func TestSubscribe(t *testing.T) {
	type event struct{ sender, name sig.Name }
	policy := compileSource(t, plant())
	anna, press := acl.Principal{ID: "ops/anna"}, acl.Principal{ID: "plant/press"}
	for _, tt := range []struct {
		rule    string
		who     acl.Principal
		pattern sig.Pattern
		reason  acl.Reason
		by      string
		whole   bool
		passes  []event
		stays   []event
	}{
		{
			"a deny that overlaps is applied to each delivery", anna,
			sig.Pattern{Sender: "**", Event: "*/key"},
			acl.ByRule, "read", false,
			[]event{{"x", "door/key"}},
			[]event{{"x", "secret/key"}, {"x", "door/lock"}},
		},
		{
			"a deny that contains it refuses it", anna,
			sig.Pattern{Sender: "x", Event: "secret/*"},
			acl.ByRule, "no secrets", false,
			nil,
			[]event{{"x", "secret/key"}},
		},
		{
			"no deny, no work", anna,
			sig.Pattern{Sender: "x/*", Event: "temp"},
			acl.ByRule, "read", true,
			[]event{{"x/y", "temp"}},
			[]event{{"x", "temp"}},
		},
		{
			"a broadcast leaves out the presence of the hidden", anna,
			sig.Pattern{Sender: "**", Event: "**"},
			acl.ByRule, "read", false,
			[]event{{"x", "y"}, {"x", sig.EventConnect}, {"hidden/x", "y"}},
			[]event{{"hidden/x", sig.EventConnect}, {"hidden/x", sig.EventDisconnect}, {"x", "secret"}},
		},
		{
			"presence is observed", anna,
			sig.Pattern{Sender: "**", Event: sig.EventConnect},
			acl.ByRule, "see", false,
			[]event{{"x", sig.EventConnect}},
			[]event{{"hidden/x", sig.EventConnect}, {"x", sig.EventDisconnect}, {"x", "y"}},
		},
		{
			"the presence of the hidden alone is refused", anna,
			sig.Pattern{Sender: "hidden/*", Event: sig.EventDisconnect},
			acl.ByRule, "hide", false,
			nil,
			[]event{{"hidden/x", sig.EventDisconnect}},
		},
		{
			"a part is not enough", press,
			sig.Pattern{Sender: "**", Event: "alarm"},
			acl.PartOnly, "own line", false,
			nil,
			[]event{{"line-1", "alarm"}},
		},
		{
			"within what is allowed", press,
			sig.Pattern{Sender: "line-1/*", Event: "alarm"},
			acl.ByRule, "own line", true,
			[]event{{"line-1/x", "alarm"}},
			[]event{{"line-1", "alarm"}},
		},
		{"default deny", press, sig.Pattern{Sender: "x", Event: "temp"}, acl.NoRule, "", false, nil, []event{{"x", "temp"}}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			d, filter := policy.For(tt.who).Subscribe(tt.pattern)
			assert.Equal(t, tt.reason, d.Reason, d.String())
			assert.Equal(t, tt.by, d.Label, d.String())
			assert.Equal(t, len(tt.passes) > 0, d.Allowed, d.String())
			assert.Equal(t, tt.whole, filter.Whole())
			for _, e := range tt.passes {
				assert.True(t, filter.Passes(e.sender, e.name), "%s must pass", e)
			}
			for _, e := range tt.stays {
				assert.False(t, filter.Passes(e.sender, e.name), "%s must not pass", e)
			}
		})
	}
}

// TestSeveralAllowsDoNotAddUp: containment is asked of one rule, so that it can be
// predicted; the decision says so.
func TestSeveralAllowsDoNotAddUp(t *testing.T) {
	allow := func(sender sig.Name) acl.Rule {
		return acl.Rule{Allow: []acl.Verb{acl.Subscribe}, Principals: everybody, Sender: sender, Name: "temp"}
	}
	rights := compile(t, allow("a"), allow("a/*/**")).For(acl.Principal{ID: "x"})
	d, _ := rights.Subscribe(sig.Pattern{Sender: "a/**", Event: "temp"})
	assert.Equal(t, acl.PartOnly, d.Reason)
	assert.EqualError(t, d.Err(), "denied: subscribe a/** temp: rule 1 allows a part of it, no single rule allows all; ask for less, or have one rule say it")
}

// TestPolicyKeepsNothingOfItsSource: whoever changes the source later changes no
// policy.
func TestPolicyKeepsNothingOfItsSource(t *testing.T) {
	s := plant()
	s.Expect = []acl.Expect{{Principal: "ops/anna", Allow: []acl.Verb{acl.Subscribe}, Sender: "x", Name: "y"}}
	policy := compileSource(t, s)
	s.Rules[1].Allow[0], s.Rules[1].Principals[0], s.Expect[0].Allow[0] = acl.Admin, "nobody", acl.Admin
	s.Groups[0].Members[0] = "nobody"
	assert.True(t, policy.Decide(acl.Principal{ID: "ops/anna"}, acl.Subscribe, "x", "y").Allowed)
	assert.Empty(t, policy.Check())
	assert.Contains(t, policy.Explain(acl.Principal{ID: "ops/anna"}, acl.Subscribe, "x", "y").String(), "it decides")
}

func TestZeroValuesDeny(t *testing.T) {
	var d acl.Decision
	require.ErrorIs(t, d.Err(), sig.ErrDenied)
	var f acl.Filter
	for _, e := range []sig.Name{"", "x", sig.EventConnect, sig.EventLost} {
		assert.False(t, f.Passes(e, e))
	}
	assert.False(t, f.Whole())
	f = acl.NewFilter(sig.Pattern{Sender: "a", Event: "*"}, func(_, event sig.Name) bool { return event == "b" })
	assert.True(t, f.Passes("a", "b"))
	assert.False(t, f.Passes("a", "c"))
	assert.False(t, f.Passes("x", "b"), "outside the pattern nothing passes, whatever the program says")
}

// TestTheAnonymousHaveNoSelf: a placeholder has nothing to stand for, so that such
// a rule does not speak of them, and no name is theirs by accident.
func TestTheAnonymousHaveNoSelf(t *testing.T) {
	policy := compile(t, acl.Rule{Allow: []acl.Verb{acl.Emit}, Principals: []string{"{anonymous}", "**"}, Sender: "{self}", Name: "**"})
	assert.False(t, policy.Decide(acl.Principal{}, acl.Emit, acl.Segment(""), "temp").Allowed)
	assert.True(t, policy.Decide(acl.Principal{ID: "x"}, acl.Emit, "x", "temp").Allowed)
}

// TestTheFirstOfSeveralIsNamed: wherever the index finds it.
func TestTheFirstOfSeveralIsNamed(t *testing.T) {
	patterns := []sig.Name{"a/b", "a/*", "{self}/b", "**"}
	for first := range patterns {
		var rules []acl.Rule
		for i := range patterns {
			rules = append(rules, acl.Rule{Allow: []acl.Verb{acl.Emit, acl.Subscribe}, Principals: everybody, Sender: patterns[(first+i)%len(patterns)], Name: "**"})
		}
		rights := compile(t, rules...).For(acl.Principal{ID: "a"})
		assert.Equal(t, 1, rights.Decide(acl.Emit, "a/b", "temp").Rule, "%s comes first", patterns[first])
		d, _ := rights.Subscribe(sig.Pattern{Sender: "a/b", Event: "temp"})
		assert.Equal(t, 1, d.Rule, "%s comes first", patterns[first])
	}
}
