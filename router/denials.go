package router

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// denials bounds how many refusals of one connection are logged and told to the
// audit: a peer that tries again and again must not push out what others do.
type denials struct {
	mu         sync.Mutex
	burst      int
	since      time.Time
	suppressed uint64
}

const (
	denialBurst = 10          // so many are told at once,
	denialPause = time.Second // and then one in each of these
)

// next reports whether the next refusal is told, and how many before it were not.
func (d *denials) next() (tell bool, suppressed uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if now.Sub(d.since) >= denialPause {
		d.burst, d.since = max(d.burst-1, 0), now
	}
	if d.burst >= denialBurst {
		d.suppressed++
		return false, 0
	}
	d.burst++
	suppressed, d.suppressed = d.suppressed, 0
	return true, suppressed
}

// check decides what the peer tries to do, once: the caller keeps the answer.
// Whether it is denied, and whether a policy in the shadow would decide otherwise,
// is told to those who want to know.
func (s *session) check(a *access, d acl.Decision, shadow func(acl.Rights) acl.Decision) *sig.Error {
	if a != nil && a.shadow != nil {
		if other := shadow(a.shadow); other.Allowed != d.Allowed {
			s.reportShadow(a, d, other)
		}
	}
	if d.Allowed {
		return nil
	}
	err := sig.AsError(d.Err())
	s.link.stats.denials.Add(1)
	if tell, suppressed := s.denials.next(); tell {
		s.link.log.Warn("denied", "peer", s.describe(), "error", err, "suppressed", suppressed)
		a.policy.audit.tell(s.record(AuditRecord{Kind: AuditDenied, Decision: d, Reason: err.Text, Suppressed: suppressed}))
	}
	return err
}

func (s *session) reportShadow(a *access, d, other acl.Decision) {
	rec := s.record(AuditRecord{Kind: AuditShadow, Decision: d, Shadow: other, Reason: other.String()})
	a.policy.audit.to(a.report, rec)
}

// record fills in what an audit record says of a connection.
func (s *session) record(rec AuditRecord) AuditRecord {
	rec.Principal, rec.Client, rec.Listener, rec.Address = s.principal, s.peerName, s.listener, s.address
	return rec
}

// connectClaim is what a peer wants to connect.
type connectClaim struct {
	name            sig.Name
	events, methods []string
	fallback        bool
}

// validate says which of the names is none.
func (e *connectClaim) validate() error {
	if err := e.name.Validate(); err != nil {
		return err
	}
	for _, list := range [][]string{e.events, e.methods} {
		for _, name := range list {
			if err := sig.Name(name).Validate(); err != nil {
				return err
			}
		}
	}
	return nil
}

// mayConnect refuses a sender of the peer's, or is nil.
func (s *session) mayConnect(e connectClaim) error {
	a := s.link.access.Load()
	if a.silent() {
		return nil
	}
	if err := e.validate(); err != nil {
		return err // no rule can speak of it
	}
	d := a.mayConnect(e.name, e.events, e.methods, e.fallback)
	return asError(s.check(a, d, func(r acl.Rights) acl.Decision {
		return (&access{rights: r}).mayConnect(e.name, e.events, e.methods, e.fallback)
	}))
}

// maySubscribe refuses a pattern, or returns which routes may go to the peer.
func (s *session) maySubscribe(p sig.Pattern) (pass func(*sig.Route) bool, err error) {
	a := s.link.access.Load()
	if a.silent() || p.Event.Reserved() { // presence comes unasked, as far as it may be observed
		return nil, nil
	}
	d, pass := a.subscription(p)
	return pass, unless("subscribe", asError(s.check(a, d, func(r acl.Rights) acl.Decision {
		d, _ := (&access{rights: r}).subscription(p)
		return d
	})))
}

// askRights are the answers to which methods the peer may call: decided once, and
// kept for as long as the policy is the same.
type askRights struct {
	under   *access
	changes uint64
	known   map[askKey]*sig.Error // nil: allowed
}

type askKey struct {
	sender *sig.Sender
	method string
}

// maxAskRights bounds what is kept: a peer may ask for any number of methods.
const maxAskRights = 4096

// mayRequest refuses a request, or is nil.
func (s *session) mayRequest(a *access, e *wire.Request, to *sig.Sender) error {
	if a.silent() {
		return nil
	}
	k := &s.asking
	if changes := a.policy.changes.Load(); k.under != a || k.changes != changes || len(k.known) >= maxAskRights {
		*k = askRights{under: a, changes: changes, known: make(map[askKey]*sig.Error)}
	}
	key := askKey{to, e.Method}
	err, known := k.known[key]
	if !known {
		err = s.decideRequest(a, to, sig.Name(e.Method))
		k.known[key] = err
	} else if err != nil {
		s.link.stats.denials.Add(1)
	}
	return asError(err)
}

// decideRequest decides about a method of a sender that the peer knows of, and
// whether the sender may answer it. That a method is not there is told without
// those that are, to a peer that may not know of them.
func (s *session) decideRequest(a *access, to *sig.Sender, method sig.Name) *sig.Error {
	d := a.decide(acl.Request, to.Name(), method)
	err := s.check(a, d, func(r acl.Rights) acl.Decision { return r.Decide(acl.Request, to.Name(), method) })
	if err != nil {
		return err
	}
	p := to.Presence()
	if slices.Contains(p.Requests, method) {
		return nil
	}
	none := sig.NewError(sig.CodeNoMethod, fmt.Sprintf("%s does not answer %.255q", to.Name(), method))
	owner, remote := bridgeLink(to)
	switch {
	case p.Default && remote && !owner.access.Load().may(acl.Respond, to.Name(), method):
		return none
	case !p.Default && !a.seesAll() && (to.Hidden() || !a.may(acl.Observe, to.Name(), "")):
		return none
	}
	return nil
}

// silent reports whether nothing is to be decided, and nobody looks.
func (a *access) silent() bool { return a == nil || a.rights == nil && a.shadow == nil }

// asError makes a nil error of a nil one.
func asError(err *sig.Error) error {
	if err == nil {
		return nil
	}
	return err
}
