package router

import (
	"sync"
	"sync/atomic"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
)

// policy is who may connect to a server and what they may do. What one peer may
// do is bound to its link once, as [access], and anew when the policy changes. The
// client links of the same registry, its uplinks, fall under it as well.
type policy struct {
	opts  AccessOptions
	audit auditor

	changes atomic.Uint64 // of the authorizer, each counted when all links are bound to it

	// applying makes a change of the policy, and what it ends, one step.
	applying sync.Mutex

	mu         sync.RWMutex
	proofs     Authenticator  // nil: what the carriers prove
	authorizer acl.Authorizer // nil: everything is allowed
	shadow     acl.Authorizer // nil: none
	report     func(AuditRecord)
}

func (p *policy) authenticator() Authenticator {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.proofs
}

// open reports whether an authorizer allows everything, so that nobody has to
// ask it.
func open(a acl.Authorizer) bool {
	if a == nil {
		return true
	}
	_, ok := a.(acl.Open)
	return ok
}

// access is what the peer of a link may do, under one policy. It is immutable. A
// nil access allows everything.
type access struct {
	policy *policy
	who    acl.Principal
	rights acl.Rights // nil: everything
	// observesAll: there is no sender that it may not know of.
	observesAll bool
	shadow      acl.Rights // nil: none
	report      func(AuditRecord)
}

// grant binds what a principal may do to a link. The last call for a link is made
// after the last change of the policy, and so it has what is in force. A nil
// policy allows everything.
func (p *policy) grant(l *link, who acl.Principal) {
	if p == nil {
		l.access.Store(nil)
		return
	}
	p.mu.RLock() // what holds then is bound before anything else can be put in force
	defer p.mu.RUnlock()
	acc := &access{policy: p, who: who, observesAll: true}
	if !open(p.authorizer) {
		acc.rights = p.authorizer.For(who)
		d, f := acc.rights.Subscribe(sig.Pattern{Sender: sig.Any, Event: sig.EventConnect})
		acc.observesAll = d.Allowed && f.Whole()
	}
	if p.shadow != nil {
		acc.shadow, acc.report = p.shadow.For(who), p.report
	}
	l.access.Store(acc)
}

// restricted reports whether anything may be forbidden.
func (a *access) restricted() bool { return a != nil && a.rights != nil }

// seesAll reports whether there is no sender that the peer may not know of.
func (a *access) seesAll() bool { return a == nil || a.observesAll }

// may reports whether something is allowed, without a word to anybody: it is
// nothing that the peer has tried to do.
func (a *access) may(verb acl.Verb, sender, name sig.Name) bool {
	return !a.restricted() || a.rights.Decide(verb, sender, name).Allowed
}

// anyName stands for all events or methods of a sender: no rule speaks of it but
// those whose name is "**".
const anyName sig.Name = "~/~/~/~/~/~"

// decide decides what a peer tries to do.
func (a *access) decide(verb acl.Verb, sender, name sig.Name) acl.Decision {
	if !a.restricted() {
		return acl.Decision{Allowed: true, Reason: acl.Program, Question: acl.Question{Verb: verb, Sender: sender, Name: name}}
	}
	d := a.rights.Decide(verb, sender, name)
	if name == anyName {
		d.Question.Name = sig.Any
	}
	return d
}

// mayConnect decides whether a peer may connect a sender: emit each of its events
// and answer each of its methods. A default handler, and a sender that declares
// nothing, need a rule about all names.
func (a *access) mayConnect(name sig.Name, events, methods []string, fallback bool) acl.Decision {
	for _, e := range events {
		if d := a.decide(acl.Emit, name, sig.Name(e)); !d.Allowed && enforced("emit") {
			return d
		}
	}
	for _, m := range methods {
		if d := a.decide(acl.Respond, name, sig.Name(m)); !d.Allowed && enforced("respond") {
			return d
		}
	}
	switch {
	case fallback:
		return a.decide(acl.Respond, name, anyName)
	case len(events)+len(methods) > 0:
		return acl.Decision{Allowed: true, Question: acl.Question{Verb: acl.Emit, Sender: name}}
	}
	if d := a.decide(acl.Emit, name, anyName); d.Allowed {
		return d
	}
	return a.decide(acl.Respond, name, anyName)
}

// mayAsk reports whether the peer may ask the sender anything at all.
func (a *access) mayAsk(s *sig.Sender, methods []sig.Name, fallback bool) (allowed []sig.Name, any bool) {
	for _, m := range methods {
		if a.may(acl.Request, s.Name(), m) {
			allowed = append(allowed, m)
		}
	}
	return allowed, len(allowed) > 0 || fallback && a.may(acl.Request, s.Name(), anyName)
}

// subscription decides about a pattern that the peer subscribes to, and returns
// which routes may go to it; nil is all.
func (a *access) subscription(p sig.Pattern) (acl.Decision, func(*sig.Route) bool) {
	if !a.restricted() {
		return acl.Decision{Allowed: true, Question: acl.Question{Verb: acl.Subscribe, Sender: p.Sender, Name: p.Event}}, nil
	}
	d, f := a.rights.Subscribe(p)
	if d.Allowed && (f.Whole() || !enforced("filter")) {
		return d, nil
	}
	return d, func(rt *sig.Route) bool { return f.Passes(rt.Sender().Name(), rt.Name()) }
}

// samePrincipal reports whether two connections are of the same principal, proved
// in the same way: only then do they share names (P10). Nobody is the same as an
// anonymous one.
func samePrincipal(a, b acl.Principal) bool {
	return !a.Anonymous() && a.ID == b.ID && a.Method == b.Method || !enforced("owner")
}
