package router_test

import (
	"fmt"
	"testing"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
)

// thousandRules is a policy as a plant might have it: half of its rules speak of
// everybody, and the last few allow what the benchmarks do.
func thousandRules(t testing.TB) *acl.Policy {
	var rules []acl.Rule
	for i := range 990 {
		r := acl.Rule{Label: fmt.Sprint("rule of line ", i), Principals: []string{"**"}, Sender: sig.Name(fmt.Sprintf("line-%d/**", i)), Name: "**"}
		if i%2 == 0 {
			r.Principals = []string{fmt.Sprint("press-", i)}
		}
		if i%10 == 0 {
			r.Deny = []acl.Verb{acl.Subscribe, acl.Request}
		} else {
			r.Allow = []acl.Verb{acl.Emit, acl.Subscribe, acl.Request, acl.Respond}
		}
		rules = append(rules, r)
	}
	for _, who := range []string{"{anonymous}", "**"} {
		rules = append(rules, acl.Rule{
			Label: "all for " + who, Allow: []acl.Verb{acl.Emit, acl.Subscribe, acl.Request, acl.Respond}, Principals: []string{who}, Sender: "**", Name: "**",
		}, acl.Rule{Label: "presence for " + who, Allow: []acl.Verb{acl.Observe}, Principals: []string{who}, Sender: "**"})
	}
	return policyOf(t, rules...)
}

// BenchmarkFlowUnderPolicy is BenchmarkFlow without and with a policy of 1,000
// rules, of which one keeps a part of each subscription back: decisions are made
// once, so that an event costs the same.
func BenchmarkFlowUnderPolicy(b *testing.B) {
	for name, authorizer := range map[string]acl.Authorizer{"none": nil, "rules": thousandRules(b)} {
		for _, row := range []struct{ size, routes, subscribers int }{{16, 200, 1}, {16, 200, 10}, {1 << 10, 200, 1}} {
			b.Run(fmt.Sprintf("%s/%dB/%droutes/1to%d", name, row.size, row.routes, row.subscribers), func(b *testing.B) {
				benchAuthorizer = authorizer
				defer func() { benchAuthorizer = nil }()
				benchmarkFlow(b, row.size, row.routes, row.subscribers)
			})
		}
	}
}

// BenchmarkRequestUnderPolicy is the same for requests.
func BenchmarkRequestUnderPolicy(b *testing.B) {
	for name, authorizer := range map[string]acl.Authorizer{"none": nil, "rules": thousandRules(b)} {
		b.Run(name, func(b *testing.B) {
			benchAuthorizer = authorizer
			defer func() { benchAuthorizer = nil }()
			desk := responding(b)
			payload := make([]byte, 128)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := sig.Call[[]byte](b.Context(), desk, "k", "m", payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchAuthorizer is what the servers of benchmarks are made with.
var benchAuthorizer acl.Authorizer
