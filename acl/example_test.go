package acl_test

import (
	"errors"
	"fmt"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
)

// factory is the policy of docs/acl.md.
func factory() *acl.Policy {
	policy, err := (&acl.Source{
		Groups: []acl.Group{
			{Name: "sensors", Members: []string{"plant/*"}},
			{Name: "operators", Members: []string{"ops/*"}},
		},
		Rules: []acl.Rule{
			{Label: "sensors report", Allow: []acl.Verb{acl.Emit}, Groups: []string{"sensors"}, Sender: "{self}", Name: "telemetry/**"},
			{Label: "sensors are set up", Allow: []acl.Verb{acl.Respond}, Groups: []string{"sensors"}, Sender: "{self}", Name: "config/*"},
			{Label: "operators read", Allow: []acl.Verb{acl.Subscribe}, Groups: []string{"operators"}, Sender: "**", Name: "**"},
			{Label: "operators see who is there", Allow: []acl.Verb{acl.Observe}, Groups: []string{"operators"}, Sender: "**"},
			{Label: "no keys", Deny: []acl.Verb{acl.Subscribe}, Principals: []string{"**"}, Sender: "**", Name: "telemetry/keys/**"},
			{Label: "anna sets up", Allow: []acl.Verb{acl.Request}, Principals: []string{"ops/anna"}, Methods: []string{"tls"}, Sender: "**", Name: "config/*"},
		},
		Expect: []acl.Expect{
			{Principal: "plant/press", Allow: []acl.Verb{acl.Emit}, Sender: "plant~2Fpress", Name: "telemetry/temp"},
			{Principal: "ops/bob", Deny: []acl.Verb{acl.Subscribe}, Sender: "**", Name: "telemetry/keys/*", Rule: "no keys"},
		},
	}).Compile()
	if err != nil {
		panic(err)
	}
	return policy
}

func Example() {
	rights := factory().For(acl.Principal{ID: "plant/press", Method: "tls"})
	fmt.Println(rights.Decide(acl.Emit, "plant~2Fpress", "telemetry/temp").Err())
	err := rights.Decide(acl.Emit, "plant~2Fsaw", "telemetry/temp").Err()
	fmt.Println(err, errors.Is(err, sig.ErrDenied))
	// Output:
	// <nil>
	// denied: emit plant~2Fsaw telemetry/temp: no rule allows it true
}

func ExampleSource_Compile() {
	_, err := (&acl.Source{Rules: []acl.Rule{
		{Label: "sensors", Allow: []acl.Verb{"publish"}, Principals: []string{"plant/*"}, Sender: "{self}", Name: "**"},
		{Deny: []acl.Verb{acl.Emit}, Sender: "x", Name: "x-{self}"},
	}}).Compile()
	fmt.Println(err)
	var found acl.Problems
	errors.As(err, &found)
	fmt.Println(found[2].Part, found[2].Number, found[2].Field)
	// Output:
	// rule 1 "sensors": allow: "publish" is no verb: use emit, subscribe, request, respond, observe, admin
	// rule 2: it speaks of nobody: set principals or groups; "**" is everybody with a proved ID
	// rule 2: name: "x-{self}": a placeholder is a whole segment, {self} or {group}
	// rule 2 name
}

// A subscription that a deny overlaps is accepted, and its filter leaves out what
// is denied.
func ExampleRights_subscribe() {
	rights := factory().For(acl.Principal{ID: "ops/bob"})
	decision, filter := rights.Subscribe(sig.Pattern{Sender: "**", Event: "telemetry/**"})
	fmt.Println(decision)
	fmt.Println(filter.Whole(), filter.Passes("plant~2Fpress", "telemetry/temp"), filter.Passes("plant~2Fpress", "telemetry/keys/door"))
	decision, _ = rights.Subscribe(sig.Pattern{Sender: "**", Event: "telemetry/keys/*"})
	fmt.Println(decision)
	// Output:
	// subscribe ** telemetry/**: allowed: rule 3 "operators read" allows it
	// false true false
	// subscribe ** telemetry/keys/*: denied: rule 5 "no keys" denies it
}

func ExamplePolicy_Decide() {
	fmt.Println(factory().Decide(acl.Principal{ID: "ops/anna", Method: "tls"}, acl.Request, "plant~2Fpress", "config/limit"))
	// Output: request plant~2Fpress config/limit: allowed: rule 6 "anna sets up" allows it
}

func ExamplePolicy_Explain() {
	fmt.Print(factory().Explain(acl.Principal{ID: "ops/bob", Method: "tls"}, acl.Request, "plant~2Fpress", "config/limit"))
	// Output:
	// "ops/bob" (tls): request plant~2Fpress config/limit: denied: no rule allows it
	//   groups: operators
	//   rule 6 "anna sets up" allow ** config/*: it would allow this, but speaks of others
}

func ExamplePolicy_Effective() {
	for _, right := range factory().Effective(acl.Principal{ID: "plant/press"}) {
		fmt.Println(right)
	}
	// Output:
	// emit allow plant~2Fpress telemetry/** (rule 1 "sensors report")
	// subscribe deny ** telemetry/keys/** (rule 5 "no keys")
	// respond allow plant~2Fpress config/* (rule 2 "sensors are set up")
}

func ExamplePolicy_Check() {
	fmt.Println(len(factory().Check()), "cases failed")
	// Output: 0 cases failed
}

func ExamplePolicy_Analyze() {
	policy, _ := (&acl.Source{Rules: []acl.Rule{
		{Allow: []acl.Verb{acl.Emit}, Principals: []string{"plant/*"}, Sender: "{self}", Name: "**"},
		{Allow: []acl.Verb{acl.Emit}, Principals: []string{"plant/press"}, Sender: "{self}", Name: "temp"},
		{Deny: []acl.Verb{acl.Request}, Principals: []string{"**"}, Sender: "**", Name: "reset"},
	}}).Compile()
	for _, finding := range policy.Analyze() {
		fmt.Println(finding)
	}
	// Output:
	// rule 2: emit: rule 1 says the same, or more
	// rule 3: request: no rule allows any of what it denies, so it is denied anyway
}

func ExampleDiff() {
	stricter, _ := (&acl.Source{Rules: []acl.Rule{
		{Allow: []acl.Verb{acl.Subscribe}, Principals: []string{"ops/*"}, Sender: "**", Name: "telemetry/*"},
	}}).Compile()
	bob := acl.Principal{ID: "ops/bob"}
	observed := []acl.Access{
		{Principal: bob, Question: acl.Question{Verb: acl.Subscribe, Sender: "**", Name: "telemetry/temp"}},
		{Principal: bob, Question: acl.Question{Verb: acl.Subscribe, Sender: "**", Name: "**"}},
	}
	for _, change := range acl.Diff(factory(), stricter, observed) {
		fmt.Println(change)
	}
	// Output:
	// "ops/bob": subscribe ** **: allowed: rule 3 "operators read" allows it; the new policy: subscribe ** **: denied: rule 1 allows a part of it, no single rule allows all; ask for less, or have one rule say it
}

func ExampleFunc() {
	staff := acl.Func(func(p acl.Principal, q acl.Question) bool { return p.ID == "ops/anna" && q.Verb != acl.Admin })
	rights := staff.For(acl.Principal{ID: "ops/anna"})
	fmt.Println(rights.Decide(acl.Request, "press", "config/limit"))
	fmt.Println(rights.Decide(acl.Admin, "", "reload"))
	// Output:
	// request press config/limit: allowed: decided by the program
	// admin reload: denied: decided by the program
}

func ExampleOpen() {
	fmt.Println(acl.Open{}.For(acl.Principal{}).Decide(acl.Emit, "kitchen", "temp").Allowed)
	// Output: true
}

func ExampleSegment() {
	fmt.Println(acl.Segment("press-7"), acl.Segment("plant/press"), acl.Segment("**"))
	// Output: press-7 plant~2Fpress ~2A~2A
}

func ExampleNewFilter() {
	filter := acl.NewFilter(sig.Pattern{Sender: "house/*", Event: "temp"}, func(sender, _ sig.Name) bool { return sender != "house/safe" })
	fmt.Println(filter.Passes("house/hall", "temp"), filter.Passes("house/safe", "temp"), filter.Passes("house/hall", "light"))
	// Output: true false false
}
