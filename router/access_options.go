package router

import (
	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/carrier"
)

// AccessOptions say who may connect to a [ServerRouter] and what they may do
// there. The zero value lets in whoever the carriers let in, and allows
// everything.
type AccessOptions struct {
	// Authenticator asks clients for a proof of who they are; nil: what the
	// carriers prove is all that is known.
	Authenticator Authenticator
	// Identify says who a client is by what its carrier has proved, which is never
	// empty: a policy may know it by another name. It does not block. An answer
	// that is anonymous counts like a carrier that proves nothing. nil: it is the
	// ID as it was proved.
	Identify func(carrier.Identity) acl.Principal
	// Refuse says why whoever a carrier has proved to be somebody is not let in all
	// the same, whatever else it proves: its certificate was lost. It does not block;
	// "" is no reason. The reason is for the log and the audit, the client is not told.
	// When the answers change, [ServerRouter.Disconnect] ends connections that are open;
	// those on their way are asked about again. nil: nobody is refused.
	Refuse func(carrier.Identity) (reason string)
	// AdmitAnonymous lets in, with an Authenticator, whoever has proved nothing, to
	// be what a policy calls {anonymous}. Default: refused.
	AdmitAnonymous bool
	// TrustedWires are schemes ("serial"), and URLs of listeners, on which secrets
	// may be sent although the carrier does not encrypt, since nobody else can
	// reach the wire. Loopback addresses, unix sockets and mem need not be named.
	TrustedWires []string
	// Authorizer decides what principals may do; nil is [acl.Open]. Decisions are
	// kept with what they were made for, see [ServerRouter.SetAuthorizer]. It holds
	// for clients, and for the servers that client routers of the same registry
	// are connected to; what this process does itself is not restricted.
	Authorizer acl.Authorizer
	// Audit is told what has happened. It is called by one goroutine, one record
	// after the other, and may block: up to 4,096 records wait for it, and what
	// does not fit is counted in Stats.AuditDropped. nil: nobody.
	Audit func(AuditRecord)
}
