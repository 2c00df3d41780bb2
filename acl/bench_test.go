package acl_test

import (
	"fmt"
	"testing"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
)

// thousand is a policy of 1,000 rules, 500 of which speak of everybody, in the
// shape that makes deciding the dearest in each way.
func thousand(shape string) *acl.Source {
	s := &acl.Source{}
	for i := range 1000 {
		r := acl.Rule{Allow: []acl.Verb{acl.Emit, acl.Subscribe}, Principals: []string{"**"}, Name: "telemetry/**"}
		if i%2 == 1 {
			r.Principals = []string{fmt.Sprintf("plant/device-%d", i)}
		}
		if i%10 == 0 {
			r.Allow, r.Deny = nil, r.Allow
			r.Name = "secret/**"
		}
		switch shape {
		case "by sender":
			r.Sender = sig.Name(fmt.Sprintf("plant/device-%d/**", i))
		case "by name":
			r.Sender, r.Name = "**", sig.Name(fmt.Sprintf("%s/%d", r.Name[:len(r.Name)-3], i))
		case "all wild": // nothing to look up by: each is tried
			r.Sender, r.Name = sig.Name(fmt.Sprintf("**/device-%d", i)), "**/temp"
		}
		s.Rules = append(s.Rules, r)
	}
	return s
}

var shapes = []string{"by sender", "by name", "all wild"}

func BenchmarkDecide(b *testing.B) {
	for _, shape := range shapes {
		rights := compileSource(b, thousand(shape)).For(acl.Principal{ID: "plant/device-501"})
		b.Run(shape, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rights.Decide(acl.Emit, "plant/device-501/probe", "telemetry/temp/max")
			}
		})
	}
}

func BenchmarkSubscribe(b *testing.B) {
	for _, shape := range shapes {
		rights := compileSource(b, thousand(shape)).For(acl.Principal{ID: "plant/device-501"})
		b.Run(shape, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rights.Subscribe(sig.Pattern{Sender: "plant/device-501/*", Event: "telemetry/**"})
			}
		})
	}
}

func BenchmarkPasses(b *testing.B) {
	policy := compile(
		b, acl.Rule{Allow: []acl.Verb{acl.Subscribe}, Principals: []string{"**"}, Sender: "**", Name: "**"},
		acl.Rule{Deny: []acl.Verb{acl.Subscribe}, Principals: []string{"**"}, Sender: "**", Name: "secret/**"},
	)
	_, filter := policy.For(acl.Principal{ID: "x"}).Subscribe(sig.Pattern{Sender: "**", Event: "**"})
	b.ReportAllocs()
	for b.Loop() {
		filter.Passes("plant/device-501/probe", "telemetry/temp/max")
	}
}

func BenchmarkFor(b *testing.B) {
	for _, shape := range shapes {
		policy := compileSource(b, thousand(shape))
		b.Run(shape, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				policy.For(acl.Principal{ID: "plant/device-501"})
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	s := thousand("by sender")
	for b.Loop() {
		compileSource(b, s)
	}
}

func BenchmarkAnalyze(b *testing.B) {
	for _, shape := range shapes {
		policy := compileSource(b, thousand(shape))
		b.Run(shape, func(b *testing.B) {
			for b.Loop() {
				policy.Analyze()
			}
		})
	}
}
