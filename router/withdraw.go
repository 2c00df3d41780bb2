package router

import (
	"maps"
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
// and those of clients that have proved nothing where that is asked for now, see
// [AccessOptions.AdmitAnonymous]; it returns how many those were. Connections that
// their carrier has proved stay.
func (r *ServerRouter) SetAuthenticator(a Authenticator) (ended int) {
	r.policy.mu.Lock()
	r.policy.proofs = a
	r.policy.mu.Unlock()
	r.audit().tell(AuditRecord{Kind: AuditPolicy, Reason: "the authenticator was exchanged"})
	return r.disconnect(r.withdrawn)
}

var (
	errWithdrawn = sig.NewError(sig.CodeDenied, "the credential of this connection is no longer accepted")
	errUnproved  = sig.NewError(sig.CodeDenied, "this router asks by now who you are: connect again, with a token or a key")
)

// withdrawn is why a connection may not stay that was let in by a proof which is not
// accepted any more, or without one; nil: it may.
func (r *ServerRouter) withdrawn(sc *serverConn) *sig.Error {
	a := r.policy.authenticator()
	switch {
	case sc.proof.ID != "":
		if (a == nil || !a.Accepts(sc.proof)) && enforced("withdrawn proof") {
			return errWithdrawn
		}
	case a != nil && sc.info.Principal.Anonymous() && !r.policy.opts.AdmitAnonymous && enforced("asked later"):
		return errUnproved
	}
	return nil
}

// outdated is why a connection may not stay that was let in by what holds no more
// since, or nil: it was still on its way, and nobody who ends connections saw it.
func (r *ServerRouter) outdated(s *session, sc *serverConn) *sig.Error {
	if why := r.withdrawn(sc); why != nil {
		return why
	}
	switch {
	case r.refused(s.conn) != nil:
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
	why := sig.NewError(sig.CodeDenied, reason)
	return r.disconnect(func(sc *serverConn) *sig.Error {
		if which(sc.info) {
			return why
		}
		return nil
	})
}

// disconnect ends the connections for which there is a reason.
func (r *ServerRouter) disconnect(why func(*serverConn) *sig.Error) int {
	ends := make(map[*session]*sig.Error)
	r.mu.Lock()
	for l, sc := range r.links {
		if s := l.session(); s != nil {
			if err := why(sc); err != nil {
				ends[s] = err
			}
		}
	}
	r.mu.Unlock()
	for s, err := range ends {
		r.audit().tell(s.record(AuditRecord{Kind: AuditRevoked, Reason: err.Text}))
	}
	each(slices.Collect(maps.Keys(ends)), func(s *session) { s.expel(ends[s]) })
	return len(ends)
}
