package ws

import (
	"net"
)

// LookAgain makes the next handshake look at the certificate files, whenever
// the last one did.
func (c *Carrier) LookAgain() { c.certs.LookAgain() }

// CanonicalOrigin is canonicalOrigin.
var CanonicalOrigin = canonicalOrigin

// Boundary is boundary.
type Boundary = boundary

// Pass is pass.
func (b *Boundary) Pass(p []byte) { b.pass(p) }

// Whole is whole.
func (b *Boundary) Whole() bool { return b.whole() }

// Cut is cut.
var Cut = cut

// NewGate is newGate.
func NewGate(ln net.Listener, opts *Options) net.Listener { return newGate(ln, opts.withDefaults()) }

// Inside returns the connection that came in by a gate.
func Inside(nc net.Conn) net.Conn { return nc.(*doorway).Conn }
