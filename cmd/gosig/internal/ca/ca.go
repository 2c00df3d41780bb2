// Package ca makes a small certificate authority for a lab or a first
// installation: one folder with a CA, certificates for routers and for clients,
// ECDSA P-256 throughout, on crypto/x509 alone.
//
// A client's certificate names it by one URI, "sig:" and its ID, which is what a
// router takes it for. Files are readable by their owner alone, and none is ever
// overwritten: a run that would has written nothing when it fails.
//
//	made, err := ca.Issue("lab", ca.Request{
//		Servers: [][]string{{"router.example", "10.0.0.5"}},
//		Clients: []string{"plant/press"},
//	})
package ca

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

// Lifetimes. Certificates begin a little before they are made, for clocks that
// are behind.
const (
	CALife   = 10 * 365 * 24 * time.Hour
	LeafLife = 365 * 24 * time.Hour
	skew     = time.Hour
)

// Scheme is that of the URI which names a client.
const Scheme = "sig"

// Request says what is wanted.
type Request struct {
	// Name is the CA's, if it has to be made; default "gosig CA".
	Name string
	// Servers are the DNS names and IP addresses of each router's certificate,
	// of which there is at least one.
	Servers [][]string
	// Clients are the IDs of clients.
	Clients []string
	// Life is how long certificates of servers and clients are valid, at most as
	// long as the CA's; default [LeafLife].
	Life time.Duration
}

// Kind is what a certificate is for.
type Kind string

// The kinds.
const (
	KindCA     Kind = "ca"
	KindServer Kind = "server"
	KindClient Kind = "client"
)

// Made is one certificate that was written.
type Made struct {
	Kind  Kind      `json:"kind"`
	Names []string  `json:"names"`
	Cert  string    `json:"cert"` // file
	Key   string    `json:"key"`  // file
	Until time.Time `json:"until"`
}

// authority signs.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// signed is a certificate that is not in a file yet.
type signed struct {
	Made
	der []byte
	key *ecdsa.PrivateKey
}

// newAuthority makes a CA that signs certificates of its own alone.
func newAuthority(name string, now time.Time) (*authority, *signed, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	name = cmp.Or(name, "gosig CA")
	t := template(name, now, CALife)
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	return &authority{cert, key}, &signed{Made{Kind: KindCA, Names: []string{name}, Until: t.NotAfter}, der, key}, nil
}

func template(name string, now time.Time, life time.Duration) *x509.Certificate {
	serial := make([]byte, 16)
	_, _ = rand.Read(serial) // never fails
	serial[0] &= 0x7f        // a serial number is positive
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-skew).Truncate(time.Second),
		NotAfter:     now.Add(life).Truncate(time.Second),
	}
}

// server makes a router's certificate. It cannot be used as a client's.
func (a *authority) server(names []string, now time.Time, life time.Duration) (*signed, error) {
	t := template(names[0], now, life)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	return a.sign(KindServer, names, t)
}

// client makes a client's certificate. It cannot be used as a router's.
func (a *authority) client(id string, now time.Time, life time.Duration) (*signed, error) {
	t := template(id, now, life)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	t.URIs = []*url.URL{{Scheme: Scheme, Opaque: id}}
	return a.sign(KindClient, []string{Scheme + ":" + id}, t)
}

func (a *authority) sign(kind Kind, names []string, t *x509.Certificate) (*signed, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.BasicConstraintsValid = true
	if t.NotAfter.After(a.cert.NotAfter) {
		t.NotAfter = a.cert.NotAfter // none outlives its CA
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", names[0], err)
	}
	return &signed{Made{Kind: kind, Names: names, Until: t.NotAfter}, der, key}, nil
}
