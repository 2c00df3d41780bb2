package router

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/acl"
)

// AuditKind says what an [AuditRecord] is about. Kinds are append-only.
type AuditKind string

// The kinds.
const (
	AuditAuthOK     AuditKind = "auth-ok"     // a connection was let in; Principal is who it is
	AuditAuthFailed AuditKind = "auth-failed" // a proof was not accepted, or there was none; Reason says why
	AuditDenied     AuditKind = "denied"      // a rule, or that there is none, forbade something; Decision says what
	AuditRevoked    AuditKind = "revoked"     // a new policy, or authenticator, has ended something that was allowed before
	AuditTakeover   AuditKind = "takeover"    // a principal took its own name over from another connection of its
	AuditPolicy     AuditKind = "policy"      // the authorizer or the authenticator was exchanged
	AuditAdmin      AuditKind = "admin"       // an administrative request was served; Reason holds its error, if any
	AuditShadow     AuditKind = "shadow"      // the policy in the shadow would decide otherwise: see Shadow
)

// AuditRecord is one thing that whoever answers for a router may have to account
// for. It holds no payload and no secret.
type AuditRecord struct {
	Time      time.Time
	Kind      AuditKind
	Principal acl.Principal // who did it, or tried to
	Client    string        // as the client calls itself: a claim
	Listener  string        // the URL that the connection came in by
	Address   string        // where it came from
	Decision  acl.Decision  // of [AuditDenied], [AuditRevoked], [AuditAdmin] and [AuditShadow]
	Shadow    acl.Decision  // of [AuditShadow]: what would be decided
	Reason    string        // why, in words
	// Suppressed is how many denials of the same connection were left out before
	// this one because there were too many.
	Suppressed uint64
}

// auditQueue is how many records wait for whoever takes them: a burst of them
// fits, and no more memory than a megabyte.
const auditQueue = 4096

// auditor hands records to those who want them, on a goroutine of its own, so
// that the router never waits for them.
type auditor struct {
	take    func(AuditRecord) // nil: nobody
	dropped *atomic.Uint64
	group   sync.WaitGroup

	mu      sync.Mutex
	waiting []func()
	running bool
	ended   bool
}

// tell hands a record to the audit.
func (a *auditor) tell(rec AuditRecord) { a.to(a.take, rec) }

// to hands a record to f, in the order of all records.
func (a *auditor) to(f func(AuditRecord), rec AuditRecord) {
	if f == nil {
		return
	}
	rec.Time = time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended || len(a.waiting) >= auditQueue {
		a.dropped.Add(1)
		return
	}
	a.waiting = append(a.waiting, func() { f(rec) })
	if !a.running {
		a.running = true
		a.group.Go(a.drain) // ends when nothing waits
	}
}

func (a *auditor) drain() {
	for {
		a.mu.Lock()
		batch := a.waiting
		a.waiting = nil
		a.running = len(batch) > 0
		a.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for _, f := range batch {
			f()
		}
	}
}

// end waits until all has been told; nothing is told any more.
func (a *auditor) end() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.group.Wait()
}
