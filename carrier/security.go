package carrier

import (
	"crypto/tls"
	"crypto/x509"
)

// Security is what protects a [Conn] after its handshake, for people and logs.
type Security struct {
	Protocol    string // with its version: "TLS 1.3", "DTLS 1.2"
	Cipher      string // "TLS_AES_128_GCM_SHA256"
	KeyExchange string // "X25519MLKEM768"; "" unknown
	ALPN        string // the application protocol agreed on; "" none
	Resumed     bool   // from an earlier session
	// Peer is the certificate chain that the peer showed, its own first; empty
	// if it showed none. Whether it was verified, is the business of the
	// handshake, which has succeeded.
	Peer []*x509.Certificate
}

// Secured is a [Conn] whose medium protects it by an agreed cipher.
type Secured interface {
	// Security returns what was agreed on, and false before the handshake is
	// over, or if the conn is not protected.
	Security() (Security, bool)
}

// SecurityOf returns what protects conn, and false if nothing does or nobody can
// tell.
func SecurityOf(conn Conn) (Security, bool) {
	if c, ok := conn.(Secured); ok {
		return c.Security()
	}
	return Security{}, false
}

// TLSSecurity is what a carrier over package tls, or over QUIC, says about a
// conn.
func TLSSecurity(state tls.ConnectionState) (Security, bool) {
	if !state.HandshakeComplete {
		return Security{}, false
	}
	s := Security{
		Protocol: tls.VersionName(state.Version), Cipher: tls.CipherSuiteName(state.CipherSuite),
		ALPN: state.NegotiatedProtocol, Resumed: state.DidResume, Peer: state.PeerCertificates,
	}
	if state.CurveID != 0 {
		s.KeyExchange = state.CurveID.String()
	}
	return s, true
}
