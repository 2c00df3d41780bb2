package quic

import (
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
)

// scheme is what this carrier serves, and all that its addresses may say.
func scheme() carrier.SchemeInfo {
	return carrier.SchemeInfo{
		Scheme: "quic", Syntax: "quic://host:port",
		Protects: "TLS 1.3, ALPN " + ALPN,
		Proves:   "certificate: its one URI name, else its one DNS name",
		Params:   certs.Params(),
	}
}

// Describe implements [carrier.Describer].
func (c *Carrier) Describe() []carrier.SchemeInfo { return []carrier.SchemeInfo{scheme()} }
