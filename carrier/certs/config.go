package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// Client returns the configuration for dialling. The application protocol must
// be one of alpn; of a peer that chose none of them the handshake fails. With
// no alpn none is asked for.
func (s *Settings) Client(alpn ...string) *tls.Config {
	cert, cas := s.Current()
	config := s.base(alpn)
	config.ServerName = s.ServerName
	config.RootCAs = cas
	if cert != nil {
		// Always the one that was configured: Certificates would be left out
		// when the server knows another CA, and the server could only say that
		// there was none.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return cert, nil
		}
	}
	config.VerifyConnection = func(state tls.ConnectionState) error { return requireALPN(state, alpn) }
	return config
}

// Server returns the configuration for listening, which follows the files. The
// application protocol must be one of alpn, if there are any.
//
// Where certificates are asked for there are no session tickets, so that a
// certificate is checked anew on every connection.
func (s *Settings) Server(alpn ...string) (*tls.Config, error) {
	if cert, _ := s.Current(); cert == nil {
		return nil, fmt.Errorf("a %s:// listener needs a certificate: give cert=FILE and key=FILE", s.scheme)
	}
	auth, err := s.ClientAuthType()
	if err != nil {
		return nil, err
	}
	config := s.base(alpn)
	config.GetConfigForClient = s.perClient(alpn, auth)
	return config, nil
}

// base is what both sides of TLS have in common.
func (s *Settings) base(alpn []string) *tls.Config {
	return &tls.Config{
		MinVersion: s.MinVersion,
		NextProtos: slices.Clone(alpn),
		// Small records at the start help browsers render; here they
		// only cost.
		DynamicRecordSizingDisabled: true,
	}
}

// perClient returns the function that makes a listener's configuration of the
// files as they are now. It makes a new one only when they have changed, since
// session tickets work within one.
func (s *Settings) perClient(alpn []string, auth tls.ClientAuthType) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	var cache configCache
	return func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return cache.get(s.source.current(), func(now *loaded) *tls.Config {
			config := s.base(alpn)
			config.Certificates = []tls.Certificate{*now.cert}
			config.ClientAuth = auth
			config.ClientCAs = now.cas
			config.SessionTicketsDisabled = auth != tls.NoClientCert
			config.VerifyConnection = func(state tls.ConnectionState) error {
				return errors.Join(requireALPN(state, alpn), verifyClient(state))
			}
			return config
		}), nil
	}
}

// requireALPN refuses a peer that is some other TLS service.
func requireALPN(state tls.ConnectionState, alpn []string) error {
	if len(alpn) > 0 && !slices.Contains(alpn, state.NegotiatedProtocol) {
		return fmt.Errorf("the peer speaks TLS but not %s: is it a gosig router?", strings.Join(alpn, " or "))
	}
	return nil
}

// IsRefusal reports whether err is the other side's alert. Package tls marks it
// by nothing but the name of the operation.
func IsRefusal(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// Refused speaks of what the other side refused, of which err is all it said.
func Refused(err error) error {
	return fmt.Errorf("the peer refused: %w: its certificate, CA and ALPN settings, or ours, do not fit (the peer's log says more)", err)
}
