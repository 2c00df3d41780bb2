package dtls

import (
	"crypto/x509"

	"github.com/pion/dtls/v3"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
)

// scheme is what this carrier serves, and all that its addresses may say.
func scheme() carrier.SchemeInfo {
	keys := []carrier.Param{
		{
			Name: "psk_file", Use: carrier.Dialing | carrier.Listening,
			Meaning: "file of pre-shared keys, a line identity:key for each, the key in hexadecimal, 16 to 64 bytes",
		},
		{
			Name: "psk_identity", Use: carrier.Dialing,
			Meaning: "with which identity; by default the only one there is a key for",
		},
	}
	return carrier.SchemeInfo{
		Scheme: "dtls", Syntax: "dtls://host:port",
		Protects: "DTLS 1.2 over UDP, made reliable by SCTP",
		Proves:   "pre-shared key: its identity; certificate: its one URI name, else its one DNS name",
		Params:   append(keys, certs.Params()...),
	}
}

// Describe implements [carrier.Describer].
func (c *Carrier) Describe() []carrier.SchemeInfo { return []carrier.SchemeInfo{scheme()} }

// Security implements [carrier.Secured].
func (c *conn) Security() (carrier.Security, bool) {
	select {
	case <-c.done:
		return c.security, c.failure == nil
	default:
		return carrier.Security{}, false
	}
}

// ChannelBinding implements [carrier.Bound]: the extended master secret is
// required, without which it would not be one.
func (c *conn) ChannelBinding() ([]byte, bool) {
	select {
	case <-c.done:
		return c.binding, c.binding != nil && c.failure == nil
	default:
		return nil, false
	}
}

// securityOf says what a finished handshake has agreed on.
func securityOf(state *dtls.State) carrier.Security {
	s := carrier.Security{
		Protocol: "DTLS 1.2", Cipher: dtls.CipherSuiteName(state.CipherSuiteID), ALPN: state.NegotiatedProtocol,
	}
	for _, der := range state.PeerCertificates {
		if cert, err := x509.ParseCertificate(der); err == nil { // the first one has been parsed before
			s.Peer = append(s.Peer, cert)
		}
	}
	return s
}
