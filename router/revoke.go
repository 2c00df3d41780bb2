package router

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// SetAuthorizer exchanges the authorizer; nil is [acl.Open]. When it returns,
// nothing goes on that the new one does not allow: senders, subscriptions and
// requests under way have ended, their peers were told why by code denied, and
// senders that a peer may no longer know of have left as far as it can see.
// Whatever is allowed before and after is not touched. A subscription that was
// refused is not made good by a policy that allows it: the client asks again.
func (r *ServerRouter) SetAuthorizer(a acl.Authorizer) {
	p := &r.policy
	p.applying.Lock()
	defer p.applying.Unlock()
	p.mu.Lock()
	p.authorizer = a
	p.mu.Unlock()
	r.audit().tell(AuditRecord{Kind: AuditPolicy, Reason: "the authorizer was exchanged"})
	r.mu.Lock()
	n := r.node
	r.mu.Unlock()
	if n == nil {
		return // closed
	}
	n.setPolicy(p, !open(a))
	r.reconsider(n)
}

// SetShadow has a policy decide beside the one in force, without effect: report
// gets a record of kind [AuditShadow] for each decision that would be another one.
// It is told about all there is first, then about what peers try from now on, on
// the goroutine that calls AccessOptions.Audit. A nil authorizer ends it.
func (r *ServerRouter) SetShadow(a acl.Authorizer, report func(AuditRecord)) {
	p := &r.policy
	p.applying.Lock()
	defer p.applying.Unlock()
	p.mu.Lock()
	p.shadow, p.report = a, report
	p.mu.Unlock()
	links := r.governed()
	for _, l := range links {
		l.regrant(p)
	}
	if a == nil {
		return
	}
	for _, l := range links {
		if s := l.session(); s != nil {
			s.shadowed()
		}
	}
}

// audit is who is told what has happened.
func (r *ServerRouter) audit() *auditor { return &r.policy.audit }

// governed are the links under the policy: those of the server's clients, and
// the registry's uplinks.
func (r *ServerRouter) governed() []*link {
	r.mu.Lock()
	links := make([]*link, 0, len(r.links))
	for l := range r.links {
		links = append(links, l)
	}
	n := r.node
	r.mu.Unlock()
	if n == nil {
		return nil // closed
	}
	if n.policy.Load() == &r.policy {
		links = append(links, n.uplinks()...)
	}
	return links
}

// reconsider binds everybody's rights anew, and ends what they do not allow.
func (r *ServerRouter) reconsider(n *node) {
	links := r.governed()
	forEach(links, func(l *link) { l.regrant(&r.policy) })
	r.policy.changes.Add(1)
	forEach(links, (*link).review)
	reviewSenders(n.reg, links)
	forEach(links, (*link).reviewViews) // of each sender, for each peer: that may take a while
}

// forEach calls f for all links, several at a time.
func forEach(links []*link, f func(*link)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() { // ends with the list
			for i := next.Add(1); i <= int64(len(links)); i = next.Add(1) {
				f(links[i-1])
			}
		})
	}
	group.Wait()
}

// regrant binds the rights of the link's peer anew.
func (l *link) regrant(p *policy) {
	if s := l.session(); s != nil {
		p.grant(l, s.principal)
	} else if a := l.access.Load(); a != nil {
		p.grant(l, a.who)
	} // else it is bound when it is known who that is
}

// review ends what the peer may no longer hear and ask.
func (l *link) review() {
	l.mu.Lock()
	s, bridge := l.sess, l.bridge
	l.mu.Unlock()
	if bridge != nil && l.role == wire.RoleClient {
		bridge.Reconsider()
	}
	if s == nil {
		return
	}
	s.reviewPatterns()
	s.reviewRequests()
	if l.role == wire.RoleClient {
		s.wantAgain()
	}
}

// reviewPatterns takes back what the peer has subscribed to and may not, and
// filters the rest as it is to be now.
func (s *session) reviewPatterns() {
	a := s.link.access.Load()
	s.granting.Lock()
	defer s.granting.Unlock()
	for p := range s.wants {
		if p.Event.Reserved() {
			continue
		}
		d, pass := a.subscription(p)
		if d.Allowed || !enforced("revoked patterns") {
			s.link.bridge.Refilter(p, pass)
			continue
		}
		delete(s.wants, p)
		s.link.bridge.Unsubscribe(p)
		s.refuseSubscription(p, s.revoked(a, d))
	}
}

// reviewRequests ends requests of the peer's that it may not make.
func (s *session) reviewRequests() {
	a := s.link.access.Load()
	if !a.restricted() {
		return
	}
	t := &s.requests
	type refused[T any] struct {
		what T
		d    acl.Decision
	}
	var passed []refused[*asked]
	var serving []refused[uint64]
	t.mu.Lock()
	for _, p := range t.passed {
		if d := a.decide(acl.Request, p.sender.Name(), p.method); !d.Allowed && enforced("revoked requests") {
			passed = append(passed, refused[*asked]{p, d})
		}
	}
	for _, r := range t.serving {
		if d := a.decide(r.verb, r.asks, r.method); !d.Allowed && !r.denied && enforced("revoked requests") {
			r.denied = true
			r.Cancel()
			serving = append(serving, refused[uint64]{r.id, d})
		}
	}
	t.mu.Unlock()
	for _, p := range passed {
		if err := s.revoked(a, p.d); p.what.to.requests.drop(p.what) {
			p.what.to.link.send(p.what.to, wire.Cancel{ID: p.what.id}.Append(nil))
			p.what.finish(nil, err)
		}
	}
	for _, r := range serving {
		s.refuse(r.what, s.revoked(a, r.d))
	}
}

// reviewViews shows the peer what it may know of now, and no more. A sender of
// which it may know something else leaves for it and comes back, as the same life:
// what is lost in that moment is announced.
func (l *link) reviewViews() {
	s := l.session()
	if s == nil {
		return
	}
	var settle []*outRoute
	l.mu.Lock()
	for _, a := range l.byNumber {
		if l.sess != s || a.left || a.key == wholeView && s.seesAllOf(a.sender) {
			continue
		}
		v := s.viewOf(a.sender)
		if v.key() == a.key {
			continue
		}
		if a.numbered {
			settle = append(settle, s.withdrawLocked(a, v.shown)...)
		}
		if v.shown {
			s.showLocked(a)
		}
	}
	l.mu.Unlock()
	settleAll(settle)
}

// withdrawLocked takes an announcement back.
func (s *session) withdrawLocked(a *announced, comes bool) []*outRoute {
	e := wire.Disconnect{Sender: a.info.number, Code: wire.CodeDenied, Reason: errPolicy.Text}
	if comes {
		e.Code, e.Reason = wire.CodeConnectionLost, "what may be known of it has changed"
	}
	s.controlLocked(e.Append(nil))
	a.numbered, a.key = false, ""
	a.known.Store(false)
	a.withdrawn = true
	s.link.node.retired.Add(1) // what readers have gathered for it is not sent
	for _, or := range a.routes {
		or.started.Store(nil)
		or.forgetHeld()
	}
	return a.routes
}

// showLocked announces a sender that was there before.
func (s *session) showLocked(a *announced) {
	if s.announceLocked(a, false); a.known.Load() {
		s.positionsLocked(a, nil)
	}
}

// wantAgain gives a server what it has asked for and may have now.
func (s *session) wantAgain() {
	l := s.link
	lossy := make(map[*sig.Route]bool)
	l.mu.Lock()
	for _, a := range l.announced {
		for _, or := range a.routes {
			if or.asked.on {
				lossy[or.rt] = or.asked.lossy
			}
		}
	}
	l.mu.Unlock()
	for rt, lossy := range lossy {
		l.bridge.Want(rt, true, lossy)
	}
}

// shadowed compares all that the peer does with what the policy in the shadow
// would allow.
func (s *session) shadowed() {
	l := s.link
	a := l.access.Load()
	if a == nil || a.shadow == nil {
		return
	}
	other := &access{rights: a.shadow}
	compare := func(d, o acl.Decision) {
		if d.Allowed != o.Allowed {
			s.reportShadow(a, d, o)
		}
	}
	l.mu.Lock()
	var claims []connectClaim
	for _, ps := range s.bySender {
		claims = append(claims, ps.claim())
	}
	var seen []sig.Name
	for _, an := range l.byNumber {
		seen = append(seen, an.sender.Name())
	}
	l.mu.Unlock()
	for _, c := range claims {
		compare(a.mayConnect(c.name, c.events, c.methods, c.fallback), other.mayConnect(c.name, c.events, c.methods, c.fallback))
	}
	for _, name := range seen {
		compare(a.decide(acl.Observe, name, ""), other.decide(acl.Observe, name, ""))
	}
	s.granting.Lock()
	defer s.granting.Unlock()
	for p := range s.wants {
		now, _ := a.subscription(p)
		then, _ := other.subscription(p)
		compare(now, then)
	}
}

// underPolicy binds the rights of a server that this link's session is about to
// be open to, if the registry has a policy.
func (l *link) underPolicy(s *session) {
	p := l.node.policy.Load()
	if p == nil {
		return
	}
	p.grant(l, s.principal)
	l.bridge.Reconsider()
}

// MayHave implements [sig.Choosy]: a server gets what it wants if it may have it.
// What is kept for one whom nobody knows yet is looked through when it is known.
func (l *link) MayHave(rt *sig.Route) bool {
	return l.access.Load().may(acl.Subscribe, rt.Sender().Name(), rt.Name())
}

// permitted leaves out what was kept for a server and is none of its business.
func (l *link) permitted(items map[*announced][]offlineItem) map[*announced][]offlineItem {
	if l.access.Load().restricted() {
		for a, list := range items {
			items[a] = slices.DeleteFunc(list, func(it offlineItem) bool { return !l.MayHave(it.or.rt) })
		}
	}
	return items
}

// uplinks are the registry's connections to servers.
func (n *node) uplinks() (list []*link) {
	for _, l := range n.others(nil) {
		if l.role == wire.RoleClient {
			list = append(list, l)
		}
	}
	return list
}

// setPolicy puts the registry's uplinks under a policy, or takes them from it.
func (n *node) setPolicy(p *policy, on bool) {
	if on {
		n.policy.Store(p)
	} else if n.policy.CompareAndSwap(p, nil) {
		for _, l := range n.uplinks() {
			l.access.Store(nil)
			l.review()
			reviewSenders(n.reg, []*link{l})
			l.reviewViews()
		}
	}
}
