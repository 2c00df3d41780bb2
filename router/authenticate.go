package router

import (
	"github.com/gosig/gosig/auth"
)

// Authenticator finds out who a client is by a proof in the handshake, beside or
// instead of what its carrier proves. [auth.Store] is one.
//
// Its methods do not block, and are called from many goroutines.
type Authenticator interface {
	// Methods are the kinds of proof that it takes, the best first; they are told
	// to every client that can prove anything.
	Methods() []string
	// Verify checks a proof. The error is for the log of this router; the client
	// learns only that it was not accepted.
	Verify(method string, proof []byte, c *auth.Challenge) (auth.Verified, error)
	// Accepts reports whether a connection that was let in by what Verify has
	// returned, perhaps that of an authenticator before this one, may stay.
	Accepts(v auth.Verified) bool
}
