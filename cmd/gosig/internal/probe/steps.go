package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/gosig/gosig/carrier"
)

// Resolved is where an address leads.
type Resolved struct {
	Addresses []string `json:"addresses,omitempty"` // of a host
	Path      string   `json:"path,omitempty"`      // of a file or a socket
	Mode      string   `json:"mode,omitempty"`      // of that
}

// resolve finds the host, or the file, that the address names. A medium with
// neither has nothing to find.
func (r *run) resolve(ctx context.Context, s *Step) error {
	u, err := carrier.Parse(r.addr)
	if err != nil {
		return err
	}
	r.url, r.report.URL = u, carrier.Redact(u) // its parameters may be nobody's business
	switch {
	case u.Host == "":
		return resolvePath(s, u.Path)
	case u.Port() == "" && u.Scheme == "mem":
		s.Resolve = &Resolved{}
		return nil
	}
	found, err := net.DefaultResolver.LookupHost(ctx, u.Hostname())
	if err != nil {
		return err
	}
	s.Resolve = &Resolved{Addresses: found}
	return nil
}

func resolvePath(s *Step, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	s.Resolve = &Resolved{Path: path, Mode: info.Mode().String()}
	if info.IsDir() {
		return fmt.Errorf("%s is a directory: %w", path, fs.ErrInvalid)
	}
	return nil
}

// Connected are the two ends of the connection.
type Connected struct {
	Local  string `json:"local"` // "" if the handshake that is part of connecting failed
	Remote string `json:"remote"`
}

func (r *run) connect(ctx context.Context, s *Step) error {
	set, err := carrier.NewSet(r.Carriers...)
	if err != nil {
		return err
	}
	if r.conn, err = set.Dial(ctx, r.url.String()); err != nil {
		if _, about := asCertificate(err); !about {
			return err
		}
		// The medium makes its handshake while it connects. What has failed
		// is the next step.
		r.unsafe = err
		s.Connect = &Connected{Remote: r.report.URL}
		return nil
	}
	s.Connect = &Connected{Local: r.conn.LocalAddr(), Remote: r.conn.RemoteAddr()}
	return nil
}

// Secured is what protects the connection.
type Secured struct {
	Confidential bool         `json:"confidential"`
	Protocol     string       `json:"protocol,omitempty"` // "TLS 1.3"
	Cipher       string       `json:"cipher,omitempty"`
	KeyExchange  string       `json:"key_exchange,omitempty"`
	ALPN         string       `json:"alpn,omitempty"`
	Identity     string       `json:"identity,omitempty"` // the router's, as it was proved
	Method       string       `json:"method,omitempty"`   // how
	Certificate  *Certificate `json:"certificate,omitempty"`
}

// Certificate is the one the router showed, also where it was refused.
type Certificate struct {
	Subject   string    `json:"subject"`
	Names     []string  `json:"names"` // it is for
	Issuer    string    `json:"issuer"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

// soon is when an operator wants to hear of a certificate's end.
const soon = 14 * 24 * time.Hour

func (r *run) secure(ctx context.Context, s *Step) error {
	err := r.unsafe
	s.Secure = &Secured{}
	if err == nil {
		err = carrier.Handshake(ctx, r.conn)
		s.Secure.Confidential = r.conn.Traits().Confidential
	}
	if err != nil {
		s.Secure.Certificate, _ = asCertificate(err)
		return err
	}
	id, _ := carrier.IdentityOf(r.conn)
	s.Secure.Identity, s.Secure.Method = id.ID, id.Method
	security, ok := carrier.SecurityOf(r.conn)
	if !ok {
		return nil
	}
	s.Secure.Protocol, s.Secure.Cipher = security.Protocol, security.Cipher
	s.Secure.KeyExchange, s.Secure.ALPN = security.KeyExchange, security.ALPN
	if len(security.Peer) > 0 {
		s.Secure.Certificate = certificate(security.Peer[0])
		if left := time.Until(security.Peer[0].NotAfter); left < soon {
			r.warn("the router's certificate expires in %s, at %s", left.Round(time.Minute), stamp(security.Peer[0].NotAfter))
		}
	}
	return nil
}

// asCertificate reports whether a handshake failed for the router's
// certificate, and which it was if that is known.
func asCertificate(err error) (*Certificate, bool) {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		host         x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &verification) && len(verification.UnverifiedCertificates) > 0:
		return certificate(verification.UnverifiedCertificates[0]), true
	case errors.As(err, &authority) && authority.Cert != nil:
		return certificate(authority.Cert), true
	case errors.As(err, &host) && host.Certificate != nil:
		return certificate(host.Certificate), true
	case errors.As(err, &invalid) && invalid.Cert != nil:
		return certificate(invalid.Cert), true
	}
	return nil, false
}

func certificate(c *x509.Certificate) *Certificate {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	for i, name := range names {
		names[i] = clean(name)
	}
	return &Certificate{
		Subject: clean(c.Subject.String()), Names: names, Issuer: clean(c.Issuer.String()),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter,
	}
}

// clean makes text from a peer fit for a terminal.
func clean(s string) string {
	const most = 200 // runes: more than any honest name has
	var b strings.Builder
	n := 0
	for _, c := range s {
		if n++; n > most {
			b.WriteString("...")
			break
		}
		if !unicode.IsPrint(c) {
			c = '?'
		}
		b.WriteRune(c)
	}
	return b.String()
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
