package router_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// The space of the oracle: small, so that rules overlap.
var (
	oracleSenders = []sig.Name{"a", "b", "a/b"}
	oracleEvents  = []sig.Name{"x", "y", "x/y"}
	oracleWho     = []string{"p", "q"}
	oracleParts   = []sig.Name{"a", "b", "x", "y", "a/b", "x/y", "*", "**", "a/*", "*/b", "x/**", "**/y", "*/*"}
)

// naiveGlob is P1's matching in its shortest form.
func naiveGlob(pattern, name []string) bool {
	switch {
	case len(pattern) == 0:
		return len(name) == 0
	case pattern[0] == "**":
		return naiveGlob(pattern[1:], name) || len(name) > 0 && naiveGlob(pattern, name[1:])
	}
	return len(name) > 0 && (pattern[0] == "*" || pattern[0] == name[0]) && naiveGlob(pattern[1:], name[1:])
}

func globs(pattern, name sig.Name) bool {
	return naiveGlob(strings.Split(string(pattern), "/"), strings.Split(string(name), "/"))
}

// naive decides by the definition: some rule allows it, and none denies it.
func naive(rules []acl.Rule, who string, verb acl.Verb, sender, name sig.Name) bool {
	allowed := false
	for _, r := range rules {
		verbs := append(append([]acl.Verb{}, r.Allow...), r.Deny...)
		if r.Principals[0] != who || verbs[0] != verb || !globs(r.Sender, sender) || verb != acl.Observe && !globs(r.Name, name) {
			continue
		}
		if len(r.Deny) > 0 {
			return false
		}
		allowed = true
	}
	return allowed
}

func drawRules(t *rapid.T) []acl.Rule {
	rules := []acl.Rule{}
	rules = append(rules, everything("root")...)
	for i := range rapid.IntRange(1, 9).Draw(t, "rules") {
		verb := rapid.SampledFrom([]acl.Verb{acl.Subscribe, acl.Subscribe, acl.Observe}).Draw(t, "verb")
		r := acl.Rule{
			Label: fmt.Sprint("drawn ", i), Principals: []string{rapid.SampledFrom(oracleWho).Draw(t, "who")},
			Sender: rapid.SampledFrom(oracleParts).Draw(t, "sender"), Name: rapid.SampledFrom(oracleParts).Draw(t, "name"),
		}
		if verb == acl.Observe {
			r.Name = ""
		}
		if rapid.IntRange(0, 2).Draw(t, "deny") == 0 {
			r.Deny = []acl.Verb{verb}
		} else {
			r.Allow = []acl.Verb{verb}
		}
		rules = append(rules, r)
	}
	return rules
}

// heard is what one principal has been given.
type heard struct {
	mu      sync.Mutex
	events  map[string]bool // "round sender event"
	present map[sig.Name]bool
	changed chan struct{}
}

func (h *heard) note(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events[key] = true
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// TestDeliveriesAgainstTheOracle: over random policies and patterns, and changes of
// the policy, a client is given exactly those events that a naive evaluator would
// let it have and that it has subscribed to, and knows exactly of those senders
// that it may observe.
func TestDeliveriesAgainstTheOracle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rules := drawRules(rt)
		compiled := func() *acl.Policy {
			p, err := (&acl.Source{Rules: rules}).Compile()
			require.NoError(rt, err)
			return p
		}
		policy := compiled()
		h := newHubWith(t, router.AccessOptions{Authorizer: policy})
		defer h.srv.Close()
		root, rootRouter := h.joinAs("root")
		defer rootRouter.Close()
		var senders []*sig.Sender
		for _, name := range oracleSenders {
			s, err := root.Connect(name, sig.Spec{Events: oracleEvents})
			require.NoError(rt, err)
			senders = append(senders, s)
		}
		require.NoError(rt, root.Sync(h.ctx))

		got := map[string]*heard{}
		granted := map[string]map[sig.Pattern]bool{}
		routers := map[string]*router.ClientRouter{}
		for _, who := range oracleWho {
			reg, cr := h.joinAs(who)
			defer cr.Close()
			routers[who] = cr
			in := &heard{events: map[string]bool{}, present: map[sig.Name]bool{}, changed: make(chan struct{}, 1)}
			got[who], granted[who] = in, map[sig.Pattern]bool{}
			_, err := reg.Watch(sig.Any, in.watch, nil)
			require.NoError(rt, err)
			take := func(ev sig.Event) {
				if !ev.Name.Reserved() {
					in.note(fmt.Sprint(ev.Data, " ", ev.Sender, " ", ev.Name))
				}
			}
			for range rapid.IntRange(1, 4).Draw(rt, "subscriptions") {
				p := sig.Pattern{Sender: rapid.SampledFrom(oracleParts).Draw(rt, "of"), Event: rapid.SampledFrom(oracleParts).Draw(rt, "event")}
				sub, err := sig.Subscribe(reg, p.Sender, p.Event, take, nil)
				if err != nil {
					continue // not declared by a sender that it knows
				}
				if err := sub.InForce(h.ctx); err == nil {
					granted[who][p] = true
				} else {
					require.ErrorIs(rt, err, sig.ErrDenied)
				}
				d, _ := policy.For(acl.Principal{ID: who, Method: "mem"}).Subscribe(p)
				require.Equal(rt, d.Allowed, granted[who][p], "%s subscribes to %v: %v", who, p, d)
			}
		}

		expected := map[string]map[string]bool{}
		for round := range rapid.IntRange(1, 3).Draw(rt, "rounds") {
			if round > 0 {
				rules = drawRules(rt)
				policy = compiled()
				h.srv.SetAuthorizer(policy)
				for who, patterns := range granted {
					for p := range patterns {
						if d, _ := policy.For(acl.Principal{ID: who, Method: "mem"}).Subscribe(p); !d.Allowed {
							delete(patterns, p)
						}
					}
				}
				require.NoError(rt, h.reg.Sync(h.ctx)) // the owner knows what is wanted now
			}
			for _, s := range senders {
				for _, e := range oracleEvents {
					require.NoError(rt, s.Emit(e, round))
				}
			}
			for _, who := range oracleWho {
				for _, s := range oracleSenders {
					for _, e := range oracleEvents {
						for p := range granted[who] {
							if globs(p.Sender, s) && globs(p.Event, e) && naive(rules, who, acl.Subscribe, s, e) {
								put(expected, who, fmt.Sprint(round, " ", s, " ", e))
							}
						}
					}
					got[who].awaitPresence(rt, s, naive(rules, who, acl.Observe, s, ""))
				}
				got[who].await(h.ctx, rt, expected[who])
			}
		}
		for _, who := range oracleWho { // what came late as well
			routers[who].Close()
			require.Len(rt, got[who].events, len(expected[who]), "%s: %v, expected %v", who, got[who].events, expected[who])
		}
	})
}

func put(sets map[string]map[string]bool, who, key string) {
	if sets[who] == nil {
		sets[who] = map[string]bool{}
	}
	sets[who][key] = true
}

func (h *heard) watch(c sig.PresenceChange) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.present[c.Sender] = c.Kind == sig.Present || c.Kind == sig.Connected
}

// await returns when all that is expected has come.
func (h *heard) await(ctx context.Context, t *rapid.T, expected map[string]bool) {
	for {
		h.mu.Lock()
		var missing []string
		for key := range expected {
			if !h.events[key] {
				missing = append(missing, key)
			}
		}
		h.mu.Unlock()
		if len(missing) == 0 {
			return
		}
		select {
		case <-h.changed:
		case <-ctx.Done():
			t.Fatalf("not given %v", missing)
		}
	}
}

// awaitPresence: what a new policy shows again comes a moment later.
func (h *heard) awaitPresence(t *rapid.T, s sig.Name, want bool) {
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.present[s] == want
	}, patience, time.Millisecond, "%s is there: %v", s, want)
}
