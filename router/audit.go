package router

import (
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
	AuditRevoked    AuditKind = "revoked"     // a new policy has ended something that was allowed before
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
	// Suppressed is how many records like this one, of the same connection, were
	// left out before it because there were too many.
	Suppressed uint64
}
