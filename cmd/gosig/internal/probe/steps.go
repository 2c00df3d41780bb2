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
	Local  string `json:"local"`
	Remote string `json:"remote"`
}

func (r *run) connect(ctx context.Context, s *Step) error {
	set, err := carrier.NewSet(r.Carriers...)
	if err != nil {
		return err
	}
	if r.conn, err = set.Dial(ctx, r.url.String()); err != nil {
		return err
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
	err := carrier.Handshake(ctx, r.conn)
	s.Secure = &Secured{Confidential: r.conn.Traits().Confidential}
	if err != nil {
		s.Secure.Certificate = refused(err)
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

// refused is the certificate that a failed handshake was about.
func refused(err error) *Certificate {
	var v *tls.CertificateVerificationError
	if errors.As(err, &v) && len(v.UnverifiedCertificates) > 0 {
		return certificate(v.UnverifiedCertificates[0])
	}
	return nil
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
