// Package acl decides who may do what: a [Principal], a [Verb], a sender and a
// name make a [Decision], which says also which rule made it. It does no input,
// no output, keeps no clock and starts no goroutine; everything in it is a
// function of the policy and the question.
//
// A policy is written as a [Source], in Go or decoded from a file, and compiled:
//
//	policy, err := (&acl.Source{Rules: []acl.Rule{
//		{Allow: []acl.Verb{acl.Emit}, Principals: []string{"plant/*"}, Sender: "{self}", Name: "telemetry/**"},
//		{Deny: []acl.Verb{acl.Subscribe}, Principals: []string{"**"}, Sender: "**", Name: "secret/**"},
//	}}).Compile()
//	rights := policy.For(acl.Principal{ID: "plant/press", Method: "tls"})
//	err = rights.Decide(acl.Emit, "plant~2Fpress", "telemetry/temp").Err()
//
// What it promises:
//
//   - Nothing is allowed unless a rule allows it; whatever a rule denies is
//     denied, wherever the rule stands.
//   - A rule means what it says for every principal: the ID of a principal is
//     data. It becomes one literal segment where a rule says {self}, whatever
//     wildcards and separators it holds.
//   - A subscription is accepted if one rule allows all of it. A deny that covers
//     a part does not refuse it: the [Filter] that comes with the decision leaves
//     that part out. No event passes the filter that [Rights] would deny.
//   - A source with a mistake compiles to nothing, and all mistakes are named at
//     once, see [Problems].
//
// A router binds a principal once, with For, asks Decide when a route comes into
// being and keeps the answer: no signal pays for it. A ServerRouter does
// so with the Authorizer in its AccessOptions.
//
// The language, with examples for an operator, is in docs/acl.md.
package acl
