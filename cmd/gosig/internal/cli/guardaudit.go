package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/cmd/gosig/internal/audit"
	"github.com/gosig/gosig/cmd/gosig/internal/config"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// note writes to the audit log, if there is one.
func (g *guard) note(e audit.Entry) {
	if g.audit != nil {
		g.audit.Add(e)
	}
}

// kinds of the router's records, in the words of the audit log.
var kinds = map[router.AuditKind]audit.Kind{
	router.AuditAuthOK:     audit.Connected,
	router.AuditAuthFailed: audit.Refused,
	router.AuditDenied:     audit.Denied,
	router.AuditRevoked:    audit.Revoked,
	router.AuditTakeover:   audit.TakenOver,
	router.AuditAdmin:      audit.Admin,
}

// record is told by the router what has happened.
func (g *guard) record(r router.AuditRecord) {
	kind, ok := kinds[r.Kind]
	if !ok {
		return // what the guard does itself it notes itself
	}
	g.note(entryOf(kind, &r))
}

func entryOf(kind audit.Kind, r *router.AuditRecord) audit.Entry {
	e := audit.Entry{
		Kind: kind, Principal: r.Principal.ID, Method: r.Principal.Method, Client: r.Client,
		Listener: r.Listener, Address: r.Address, Reason: r.Reason, Count: int(r.Suppressed),
		Verb: string(r.Decision.Question.Verb), Sender: string(r.Decision.Question.Sender), Name: string(r.Decision.Question.Name),
		Rule: r.Decision.Rule, Label: r.Decision.Label,
	}
	if e.Reason == "" && e.Verb != "" {
		e.Reason = r.Decision.String()
	}
	return e
}

// client is told by the router of each connection that has ended.
func (g *guard) client(ev router.ClientEvent) {
	if ev.Open {
		return // the record of its being let in says more
	}
	c := &ev.Client
	e := audit.Entry{
		Kind: audit.Ended, Principal: c.Principal.ID, Method: c.Principal.Method, Client: c.Name, Listener: c.Listener, Address: c.Address,
	}
	if ev.Err != nil {
		e.Reason = sig.AsError(ev.Err).Text
	}
	g.note(e)
}

// startShadow has a policy decide beside the one in force, without effect.
func (g *guard) startShadow(file string) error {
	if file == "" {
		return nil
	}
	g.shadow = &follower{source: &config.Source{Policy: file}}
	a, err := g.shadow.load()
	if err != nil {
		return fmt.Errorf("shadow policy: %w", err)
	}
	g.setShadow(a)
	return nil
}

func (g *guard) reloadShadow() {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.shadow.load()
	if err != nil {
		g.log.Error("the shadow policy was not taken, the old one stays", "error", err)
		return
	}
	g.setShadow(a)
}

func (g *guard) setShadow(a *config.Access) {
	g.seen.forget()
	g.log.Info("shadow policy: it decides nothing", "file", a.File(), "sha256", a.Sum(), "rules", len(a.Source().Rules))
	g.sr.SetShadow(a.Policy(), func(r router.AuditRecord) { g.differs(a, &r) })
}

// differs logs what the shadow policy would decide otherwise: each difference
// once a minute, with how often it was left out.
func (g *guard) differs(a *config.Access, r *router.AuditRecord) {
	left, say := g.seen.first(shadowKey{r.Principal.ID, r.Principal.Method, r.Decision.Question, r.Shadow.Rule}, time.Now())
	if !say {
		return
	}
	question := r.Decision.Question
	if r.Decision.Allowed { // what is denied says more: it is about one name
		question = r.Shadow.Question
	}
	now, then := decided(g.now.Load(), r.Principal, question, r.Decision), decided(a, r.Principal, question, r.Shadow)
	attrs := []any{"principal", r.Principal.String(), "question", question.String(), "now", now.String(), "then", then.String()}
	if then.Rule > 0 {
		attrs = append(attrs, "rule", a.RuleAt(then.Rule))
	}
	if left > 0 {
		attrs = append(attrs, "also", left)
	}
	g.log.Warn("the shadow policy would decide otherwise", attrs...)
}

// decided asks a policy again where the router has not kept which rule it was.
func decided(a *config.Access, who acl.Principal, q acl.Question, d acl.Decision) acl.Decision {
	if a == nil || d.Rule > 0 {
		return d
	}
	if again := a.Policy().Explain(who, q.Verb, q.Sender, q.Name).Decision; again.Allowed == d.Allowed {
		return again
	}
	return d
}

// shadowKey is what two differences have in common that are told once.
type shadowKey struct {
	id, method string
	question   acl.Question
	rule       int
}

// shadowSeen counts differences that are alike.
type shadowSeen struct {
	mu  sync.Mutex
	all map[shadowKey]*seenCount
}

type seenCount struct {
	until time.Time
	left  int
}

// maxShadowSeen bounds how many differences are told apart.
const maxShadowSeen = 1024

// first reports whether a difference is to be told, and how many like it were not.
func (s *shadowSeen) first(key shadowKey, now time.Time) (left int, say bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.all[key]
	if c == nil && len(s.all) >= maxShadowSeen {
		key = shadowKey{}
		c = s.all[key]
	}
	if c == nil {
		if s.all == nil {
			s.all = map[shadowKey]*seenCount{}
		}
		s.all[key] = &seenCount{until: now.Add(time.Minute)}
		return 0, true
	}
	if now.Before(c.until) {
		c.left++
		return 0, false
	}
	left, c.left, c.until = c.left, 0, now.Add(time.Minute)
	return left, true
}

func (s *shadowSeen) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = nil
}
