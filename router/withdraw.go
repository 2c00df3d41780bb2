package router

import (
	"slices"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// features are what the server offers in a handshake.
func (r *ServerRouter) features() wire.Features {
	f := r.node.features()
	if r.policy.authenticator() != nil {
		f |= wire.FeatureAuth
	}
	return f
}

// SetAuthenticator exchanges the authenticator; nil asks nobody for a proof. It
// ends connections that were let in by a proof which the new one does not accept,
// and returns how many those were. Connections that their carrier has proved, and
// anonymous ones, stay.
func (r *ServerRouter) SetAuthenticator(a Authenticator) (ended int) {
	r.policy.mu.Lock()
	r.policy.proofs = a
	r.policy.mu.Unlock()
	r.audit().tell(AuditRecord{Kind: AuditPolicy, Reason: "the authenticator was exchanged"})
	return r.disconnect(errWithdrawn, r.withdrawn)
}

var errWithdrawn = sig.NewError(sig.CodeDenied, "the credential of this connection is no longer accepted")

// withdrawn reports whether the proof that a connection was let in by is not
// accepted any more.
func (r *ServerRouter) withdrawn(sc *serverConn) bool {
	if sc.proof.ID == "" {
		return false
	}
	a := r.policy.authenticator()
	return (a == nil || !a.Accepts(sc.proof)) && enforced("withdrawn proof")
}

// outdated is why a connection may not stay that was let in by what holds no more
// since, or nil: it was still on its way, and nobody who ends connections saw it.
func (r *ServerRouter) outdated(s *session, sc *serverConn) *sig.Error {
	switch {
	case r.withdrawn(sc), r.refused(s.conn) != nil:
		return errWithdrawn
	case sc.proof.ID == "" && !sameGroups(sc.info.Principal, r.identify(s.conn)):
		return errRenamed
	}
	return nil
}

var errRenamed = sig.NewError(sig.CodeDenied, "the policy knows you by another name now: connect again")

// sameGroups reports whether they are one principal, in the same groups.
func sameGroups(a, b acl.Principal) bool {
	return a.ID == b.ID && a.Method == b.Method && slices.Equal(a.Groups, b.Groups)
}

// Disconnect ends the connections that which selects, tells them why by code
// denied, and returns how many those were. which does not call the router.
func (r *ServerRouter) Disconnect(reason string, which func(ClientInfo) bool) (ended int) {
	return r.disconnect(sig.NewError(sig.CodeDenied, reason), func(sc *serverConn) bool { return which(sc.info) })
}

func (r *ServerRouter) disconnect(why *sig.Error, which func(*serverConn) bool) int {
	var sessions []*session
	r.mu.Lock()
	for l, sc := range r.links {
		if s := l.session(); s != nil && which(sc) {
			sessions = append(sessions, s)
		}
	}
	r.mu.Unlock()
	for _, s := range sessions {
		r.audit().tell(s.record(AuditRecord{Kind: AuditRevoked, Reason: why.Text}))
	}
	each(sessions, func(s *session) { s.expel(why) })
	return len(sessions)
}
