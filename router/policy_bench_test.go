package router_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
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

// TestRevocationAtScale: a new policy is in force for every client, with the
// subscriptions that it does not allow refused on the line, within a second; the
// number of clients is GOSIG_SCALE, by default a few. Each has two subscriptions,
// of which it loses one; all may know of 20 senders.
func TestRevocationAtScale(t *testing.T) {
	clients := 300
	if n := os.Getenv("GOSIG_SCALE"); n != "" {
		_, err := fmt.Sscan(n, &clients)
		require.NoError(t, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	rules := []acl.Rule{
		{Label: "own", Allow: []acl.Verb{acl.Emit}, Principals: []string{"**"}, Sender: "{self}", Name: "**"},
		{Label: "hear", Allow: []acl.Verb{acl.Subscribe}, Principals: []string{"**"}, Sender: "plant/*", Name: "**"},
		{Label: "see", Allow: []acl.Verb{acl.Observe}, Principals: []string{"**"}, Sender: "plant/*"},
	}
	before := policyOf(t, rules...)
	after := policyOf(t, append(rules, acl.Rule{Label: "no keys", Deny: []acl.Verb{acl.Subscribe}, Principals: []string{"**"}, Sender: "plant/*", Name: "key"})...)
	network := mem.New()
	reg := quietRegistry(t)
	limits := router.Limits{Unauthenticated: 4096}
	srv, err := router.NewServerRouter(reg, &router.ServerOptions{
		Carriers: []carrier.Carrier{network}, Codecs: []codec.Codec{raw.New()}, Logger: slog.New(slog.DiscardHandler), Limits: limits,
		Access: router.AccessOptions{Authorizer: before},
	})
	require.NoError(t, err)
	defer srv.Close()
	_, err = srv.Listen(ctx, "mem://hub")
	require.NoError(t, err)
	for i := range 20 {
		_, err := reg.Connect(sig.Name(fmt.Sprint("plant/", i)), sig.Spec{Events: []sig.Name{"temp", "key"}})
		require.NoError(t, err)
	}
	h := &hub{t: t, ctx: ctx, network: network, name: "hub"}
	var guests []*guest
	for i := range clients {
		g := h.knockAs(fmt.Sprint("c", i))
		g.send(wire.Hello{MinVersion: 1, MaxVersion: 1, ID: wire.NodeID{1, byte(i), byte(i >> 8)}, Codecs: []string{"raw"}, Features: wire.FeatureHidden})
		require.NoError(t, g.welcome.Decode(g.next()))
		g.send(wire.Subscribe{Sender: "plant/*", Event: "key"}, wire.Subscribe{Sender: "plant/*", Event: "temp"}, wire.Ping{Nonce: 1})
		g.await(wire.TypePong)
		guests = append(guests, g)
	}
	start := time.Now()
	srv.SetAuthorizer(after)
	inForce := time.Since(start)
	for _, g := range guests {
		var r wire.Refused
		require.NoError(t, r.Decode(g.await(wire.TypeRefused)))
		require.Equal(t, "key", r.Event)
		require.EqualValues(t, wire.CodeDenied, r.Code)
	}
	t.Logf("%d clients: in force after %v, the last one knows after %v", clients, inForce, time.Since(start))
	if clients <= 1000 {
		require.Less(t, inForce, time.Second*5, "generous: other tests run beside this one")
	}
}
