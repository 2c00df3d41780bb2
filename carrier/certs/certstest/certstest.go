// Package certstest issues certificates for tests.
//
//	ca := certstest.New(t, "CA")
//	cert, key := ca.Server()
//	addr := "tls://127.0.0.1:0?" + certstest.Pair(cert, key)
package certstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// CA signs certificates and writes them to files, which are removed at the end
// of the test.
type CA struct {
	// File holds its own certificate, in PEM, and Pool the same in memory.
	File string
	Pool *x509.CertPool
	// Dir is where the files are.
	Dir string

	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Edit changes a certificate before it is signed.
type Edit func(*x509.Certificate)

// New returns a CA of that common name.
func New(t testing.TB, name string) *CA {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	a := &CA{t: t, Dir: t.TempDir(), key: key, Pool: x509.NewCertPool()}
	tmpl := template(name)
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.Pool.AddCert(a.cert)
	a.File = filepath.Join(a.Dir, "ca.pem")
	writePEM(t, a.File, "CERTIFICATE", der)
	return a
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// Issue writes a certificate and its key to name.pem and name.key in Dir, over
// what was there, and returns their paths. It has no names (SAN) but those that
// the edits give it.
func (a *CA) Issue(name string, edits ...Edit) (cert, key string) {
	der, k := a.sign(name, edits)
	kder, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(a.t, err)
	cert, key = filepath.Join(a.Dir, name+".pem"), filepath.Join(a.Dir, name+".key")
	writePEM(a.t, cert, "CERTIFICATE", der)
	writePEM(a.t, key, "PRIVATE KEY", kder)
	return cert, key
}

// Certificate is Issue without files.
func (a *CA) Certificate(name string, edits ...Edit) *tls.Certificate {
	der, k := a.sign(name, edits)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}
}

// Server issues a certificate for 127.0.0.1 and localhost.
func (a *CA) Server(edits ...Edit) (cert, key string) {
	return a.Issue("server", append([]Edit{DNS("localhost"), Loopback}, edits...)...)
}

func (a *CA) sign(name string, edits []Edit) (der []byte, key *ecdsa.PrivateKey) {
	tmpl := template(name)
	for _, edit := range edits {
		if edit != nil {
			edit(tmpl)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	der, err = x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	require.NoError(a.t, err)
	return der, key
}

// URIs gives a certificate these URI names.
func URIs(names ...string) Edit {
	return func(c *x509.Certificate) {
		for _, name := range names {
			u, err := url.Parse(name)
			if err != nil {
				panic(err) // a mistake in the test's own text
			}
			c.URIs = append(c.URIs, u)
		}
	}
}

// DNS gives a certificate these DNS names.
func DNS(names ...string) Edit {
	return func(c *x509.Certificate) { c.DNSNames = names }
}

// Loopback makes a certificate one for 127.0.0.1.
func Loopback(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }

// At makes the certificate one for an address.
func At(ip string) Edit {
	return func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP(ip)} }
}

// Expired makes a certificate one that was valid until a minute ago.
func Expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }

// Pair returns the parameters of an address for a certificate and its key.
func Pair(cert, key string) string {
	return url.Values{"cert": {cert}, "key": {key}}.Encode()
}

func writePEM(t testing.TB, path, kind string, der []byte) {
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}
