package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/gosig/gosig/carrier"
)

// Method is how package carrier calls the proof by a certificate in TLS.
const Method = "tls"

// ClientName returns the one name a client's certificate is for: its URI name,
// else its DNS name. It must be one: of several nobody could say which is meant.
func ClientName(cert *x509.Certificate) (string, error) {
	if n := len(cert.URIs); n == 1 {
		return cert.URIs[0].String(), nil
	} else if n > 1 {
		names := make([]string, n)
		for i, u := range cert.URIs {
			names[i] = u.String()
		}
		return "", ambiguous("URI", names)
	}
	switch len(cert.DNSNames) {
	case 0:
		return "", errors.New("the client's certificate has no URI and no DNS name (SAN): issue one with exactly one")
	case 1:
		return cert.DNSNames[0], nil
	}
	return "", ambiguous("DNS", cert.DNSNames)
}

func ambiguous(kind string, names []string) error {
	const shown = 4 // the peer wrote them: no more than needed
	list := names[:min(len(names), shown)]
	return fmt.Errorf("the client's certificate is ambiguous: it has %d %s names (SAN), %s: issue one with exactly one",
		len(names), kind, strings.Join(quote(list), ", "))
}

func quote(names []string) []string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%.100q", name)
	}
	return quoted
}

// verifyClient is part of a listener's VerifyConnection: it runs on every handshake,
// after the chain has been verified.
func verifyClient(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return nil // whether that is allowed, ClientAuth has decided
	}
	if len(state.VerifiedChains) == 0 {
		return errors.New("the client's certificate was not verified")
	}
	_, err := ClientName(state.PeerCertificates[0])
	return err
}

// ClientIdentity returns who the client of a finished handshake is; ID "" if it
// proved nothing.
func ClientIdentity(state tls.ConnectionState) carrier.Identity {
	if len(state.VerifiedChains) == 0 {
		return carrier.Identity{}
	}
	name, err := ClientName(state.PeerCertificates[0])
	if err != nil {
		return carrier.Identity{} // not reached: verifyClient has refused it
	}
	return carrier.Identity{ID: name, Method: Method, Certificate: Fingerprint(state.PeerCertificates[0])}
}

// ServerIdentity returns who the server of a finished handshake is. A server
// may have many names: it is its one URI name, or else the name it was called
// by and verified for, [tls.Config]'s ServerName.
func ServerIdentity(state tls.ConnectionState, called string) carrier.Identity {
	cert := state.PeerCertificates[0]
	if len(cert.URIs) == 1 {
		called = cert.URIs[0].String()
	}
	return carrier.Identity{ID: called, Method: Method, Certificate: Fingerprint(cert)}
}

// Fingerprint is which certificate it is, as [carrier.Identity] has it.
func Fingerprint(cert *x509.Certificate) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256(cert.Raw))
}
