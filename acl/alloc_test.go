//go:build !race

// The race detector allocates on its own account: allocations are counted without
// it.

package acl_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
)

// TestDecisionsDoNotAllocate: neither a decision under 1,000 rules nor that of a
// filter, whatever the verb and the outcome.
func TestDecisionsDoNotAllocate(t *testing.T) {
	who := acl.Principal{ID: "plant/device-501", Groups: []string{"g"}}
	for _, shape := range shapes {
		s := thousand(shape)
		s.Rules = append(s.Rules, acl.Rule{Allow: acl.Verbs()[:4], Groups: []string{"g"}, Sender: "{self}", Name: "{group}/**"})
		rights := compileSource(t, s).For(who)
		for _, verb := range acl.Verbs() {
			for _, q := range []acl.Question{
				{verb, "plant/device-501/probe", "telemetry/temp"}, {verb, "plant~2Fdevice-501", "g/x"}, {verb, "x", "secret/500"}, {verb, "x", sig.EventConnect},
			} {
				if q.Name.Reserved() && verb != acl.Observe && verb != acl.Subscribe {
					continue // a bad question: its answer may cost more
				}
				if verb == acl.Observe {
					q.Name = ""
				}
				allocs := testing.AllocsPerRun(100, func() { rights.Decide(q.Verb, q.Sender, q.Name) })
				require.Zero(t, allocs, "%s: %s", shape, q)
			}
		}
	}
	policy := compileSource(t, plant())
	_, filter := policy.For(acl.Principal{ID: "ops/anna"}).Subscribe(sig.Pattern{Sender: "**", Event: "**"})
	for _, event := range []sig.Name{"temp", "secret/key", sig.EventConnect} {
		require.Zero(t, testing.AllocsPerRun(100, func() { filter.Passes("hidden/x", event) }), "filter, %s", event)
	}
}
