package router

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// backoff doubles with each failure, with a jitter of half.
func (r *ClientRouter) backoff(failures int) time.Duration {
	d := r.opts.MinBackoff
	for i := 1; i < failures && d < r.opts.MaxBackoff; i++ {
		d *= 2
	}
	d = min(d, r.opts.MaxBackoff)
	return d/2 + rand.N(d/2+1)
}

// thrownOut reports whether a connection was ended for a reason that the next
// one is likely to meet as well.
func thrownOut(err error) bool {
	code := sig.CodeOf(err)
	return code != sig.CodeConnectionLost && code != sig.CodeClosed
}

// hopeless reports whether trying again soon will hardly help: all servers that
// were reached have refused what somebody has to change (protocol.md §10.4).
func hopeless(err error) bool {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(many.Unwrap(), func(err error) bool { return !hopeless(err) })
	}
	switch sig.CodeOf(err) {
	case sig.CodeDenied, sig.CodeProtocol, sig.CodeVersion, sig.CodeNoCodec, sig.CodeRing:
		return true
	}
	return false
}

// hopelessSteps is by how many failures the back-off is ahead when it is hopeless.
const hopelessSteps = 5

// remember keeps the token for the next HELLO to this server. To another one it
// would say nothing but a secret.
func (r *ClientRouter) remember(address string, server wire.NodeID, token wire.Token) {
	if old := r.servers[address]; old != server {
		delete(r.tokens, old) // has been restarted, or replaced
	}
	r.servers[address], r.tokens[server] = server, token
}
