package cli

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/cmd/gosig/internal/audit"
	"github.com/gosig/gosig/cmd/gosig/internal/config"
	"github.com/gosig/gosig/router"
)

// lookEvery is how often the files of policies are looked at. A change counts
// when two looks have found the same, so that a file which is being written is
// not read half.
const lookEvery = 400 * time.Millisecond

// guard keeps a router's policy, and what goes into its audit log.
type guard struct {
	log    *slog.Logger
	audit  *audit.Log // nil: none
	sr     *router.ServerRouter
	shadow *follower // nil: none
	policy *follower
	now    atomic.Pointer[config.Access] // nil: everybody may do everything
	seen   shadowSeen

	mu     sync.Mutex    // one reload at a time
	loaded atomic.Uint64 // policies taken since the start, the first included
	failed atomic.Uint64 // policies refused
	missed uint64        // records that the router could not hand over, as far as told
}

// follower looks whether the files of a policy change.
type follower struct {
	source *config.Source
	tried  string // contents that were loaded last, good or bad
	found  string // by the last look
}

func (f *follower) changed() bool {
	found := f.source.Contents()
	settled := found == f.found && found != f.tried
	f.found = found
	return settled
}

func (f *follower) load() (*config.Access, error) {
	f.tried = f.source.Contents()
	f.found = f.tried
	return f.source.Load()
}

// newGuard reads the policies for the first time.
func newGuard(c *config.Config, source *config.Source, log *slog.Logger) (*guard, error) {
	g := &guard{log: log, policy: &follower{source: source}}
	a, err := g.policy.load()
	if err != nil {
		return nil, err
	}
	g.now.Store(a)
	if a != nil {
		g.loaded.Store(1)
	}
	if c.AuditFile != "" {
		if g.audit, err = audit.Open(c.AuditFile, &audit.Options{Logger: log}); err != nil {
			return nil, err
		}
		g.anchor()
	}
	return g, nil
}

// options are what a router is to begin with.
func (g *guard) options(c *config.Config) router.AccessOptions {
	o := router.AccessOptions{
		AdmitAnonymous: c.AdmitAnonymous, TrustedWires: c.TrustedWires, Identify: g.identify, Refuse: g.refuse, Audit: g.record,
	}
	if a := g.now.Load(); a != nil {
		o.Authorizer = a.Policy()
		if a.Store() != nil {
			o.Authenticator = a.Store()
		}
	}
	return o
}

// identify is who the policy in force says somebody is.
func (g *guard) identify(id carrier.Identity) acl.Principal {
	p := acl.Principal{ID: id.ID, Method: id.Method}
	if a := g.now.Load(); a != nil {
		return a.Principal(p)
	}
	return config.Plain(p)
}

// refuse is why the policy in force does not let somebody in.
func (g *guard) refuse(id carrier.Identity) string {
	if a := g.now.Load(); a != nil {
		return a.Refuses(id)
	}
	return ""
}

// inGroups is a principal with the groups that the policy in force puts it in.
func (g *guard) inGroups(p acl.Principal) acl.Principal {
	if a := g.now.Load(); a != nil {
		p.Groups = a.Policy().Groups(p)
	}
	return p
}

// begin says what is in force, once the router is there.
func (g *guard) begin(sr *router.ServerRouter) {
	g.sr = sr
	if a := g.now.Load(); a != nil {
		g.log.Info("policy in force", "file", a.File(), "sha256", a.Sum(), "rules", len(a.Source().Rules))
		g.note(audit.Entry{Kind: audit.Reloaded, Policy: a.File() + " " + a.Sum(), Reason: "the first one"})
	} else {
		g.log.Info("no policy: everybody who gets a connection may do everything")
	}
}

// reloaded is what a reload has done.
type reloaded struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	Rules  int    `json:"rules"`
	Ended  int    `json:"connections_ended"`
	Loaded uint64 `json:"loaded"` // since the start, the first included
	Failed uint64 `json:"failed"`
}

// reload puts the policy in force that the files say, or keeps the old one and
// returns why. What is allowed no longer has ended when it returns.
func (g *guard) reload(why string) (reloaded, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now.Load() == nil {
		return reloaded{}, fmt.Errorf("this router was started without a policy; start it with --policy")
	}
	next, err := g.policy.load()
	if err != nil {
		g.failed.Add(1)
		g.log.Error("the policy was not taken, the old one stays", "because", why, "error", err)
		g.note(audit.Entry{Kind: audit.Reloaded, Reason: "not taken, the old one stays: " + err.Error(), Policy: g.now.Load().File()})
		return reloaded{}, fmt.Errorf("the old policy stays: %w", err)
	}
	g.now.Store(next) // from now on whoever comes is identified by it
	g.sr.SetAuthorizer(next.Policy())
	ended := g.exchangeProofs(next)
	ended += g.sr.Disconnect("the credential of this connection is no longer accepted", func(c router.ClientInfo) bool {
		return next.Refuses(c.Identity) != ""
	})
	ended += g.sr.Disconnect("the policy knows you by another name now: connect again", func(c router.ClientInfo) bool {
		return c.Principal.Method == c.Identity.Method && !same(g.identify(c.Identity), c.Principal)
	})
	g.loaded.Add(1)
	g.log.Info("policy reloaded", "because", why, "file", next.File(), "sha256", next.Sum(), "rules", len(next.Source().Rules), "connections_ended", ended)
	g.note(audit.Entry{Kind: audit.Reloaded, Policy: next.File() + " " + next.Sum(), Reason: why, Count: ended})
	g.anchor()
	return reloaded{next.File(), next.Sum(), len(next.Source().Rules), ended, g.loaded.Load(), g.failed.Load()}, nil
}

// exchangeProofs ends connections whose credential is no longer accepted.
func (g *guard) exchangeProofs(next *config.Access) int {
	if next.Store() == nil {
		return g.sr.SetAuthenticator(nil)
	}
	return g.sr.SetAuthenticator(next.Store())
}

func same(a, b acl.Principal) bool {
	return a.ID == b.ID && a.Method == b.Method && fmt.Sprint(a.Groups) == fmt.Sprint(b.Groups)
}

// follow reloads what changes until ctx ends.
func (g *guard) follow(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		g.account()
		if g.now.Load() != nil && g.looks(g.policy) {
			_, _ = g.reload("the file has changed") // it has been logged
		}
		if g.shadow != nil && g.looks(g.shadow) {
			g.reloadShadow()
		}
	}
}

// account tells of records that never came to the audit log.
func (g *guard) account() {
	if g.audit == nil {
		return
	}
	if n := g.sr.Stats().AuditDropped; n > g.missed {
		g.note(audit.Entry{Kind: audit.Lost, Count: int(n - g.missed), Reason: "the router's queue of records was full"})
		g.missed = n
	}
}

func (g *guard) looks(f *follower) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return f.changed()
}

// reopen goes on in a new audit log if the old one was moved away.
func (g *guard) reopen() {
	if g.audit == nil {
		return
	}
	if err := g.audit.Reopen(); err != nil {
		g.log.Error("the audit log could not be opened anew", "error", err)
	}
	g.anchor()
}

// anchor puts the end of the audit log's chain into the other log, where whoever
// changes the one may not reach it.
func (g *guard) anchor() {
	if g.audit != nil {
		number, hash := g.audit.Last()
		g.log.Info("audit log", "line", number, "hash", hash)
	}
}

// end closes the audit log.
func (g *guard) end() {
	if g == nil || g.audit == nil {
		return
	}
	if err := g.audit.Close(); err != nil {
		g.log.Error("the audit log is not complete", "error", err)
	}
	g.anchor()
}
