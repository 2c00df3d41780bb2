package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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

// authority signs certificates and writes them to files.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // its own certificate
}

// newAuthority makes a CA of its own.
func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	a := &authority{t: t, dir: t.TempDir(), key: key}
	ca := template("test CA")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.file = a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62)) // never fails
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

func (a *authority) write(name, kind string, der []byte) string {
	path := filepath.Join(a.dir, name)
	require.NoError(a.t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

func (a *authority) issue(name string, edit func(*x509.Certificate)) (cert, key string) {
	a.t.Helper()
	leaf := template(name)
	edit(leaf)
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, k.Public(), a.key)
	require.NoError(a.t, err)
	kder, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(a.t, err)
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+".key", "PRIVATE KEY", kder)
}

// server issues a certificate for 127.0.0.1.
func (a *authority) server() (cert, key string) {
	a.t.Helper()
	return a.serverAt("127.0.0.1")
}

// serverAt issues a certificate for an address.
func (a *authority) serverAt(ip string) (cert, key string) {
	a.t.Helper()
	return a.issue("server", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP(ip)} })
}

// elsewhere issues a certificate for a host that this one is not.
func (a *authority) elsewhere() (cert, key string) {
	a.t.Helper()
	return a.issue("elsewhere", func(c *x509.Certificate) { c.DNSNames = []string{"router.example"} })
}

// client issues a certificate that names a client, and returns it as
// parameters of an address.
func (a *authority) client(id string) string {
	a.t.Helper()
	cert, key := a.issue("client", func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "sig", Opaque: id}} })
	return "cert=" + cert + "&key=" + key
}
