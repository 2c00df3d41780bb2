package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The identities that have a pre-shared key: the demo's own client over dtls, and
// whoever tries it from another shell.
const (
	demoIdentity = "demo"
	userIdentity = "you"
)

// secrets are made for one run: a certificate, keys, and a folder that only this
// user can enter, with what another shell needs. All of it is gone afterwards.
type secrets struct {
	cert   tls.Certificate
	roots  *x509.CertPool
	keys   map[string][]byte
	folder string // also of the unix socket
}

func newSecrets() (s *secrets, err error) {
	s = &secrets{keys: map[string][]byte{}}
	if s.cert, s.roots, err = newCertificate(); err != nil {
		return nil, err
	}
	for _, id := range []string{demoIdentity, userIdentity} {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		s.keys[id] = key
	}
	if s.folder, err = os.MkdirTemp("", "gosig-demo-"); err != nil {
		return nil, err
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.cert.Certificate[0]})
	key := fmt.Appendf(nil, "%s:%s\n", userIdentity, hex.EncodeToString(s.keys[userIdentity]))
	err = errors.Join(os.WriteFile(s.caFile(), ca, 0o600), os.WriteFile(s.keyFile(), key, 0o600))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.folder))
	}
	return s, nil
}

// caFile is for --tls-ca, keyFile for --psk-file.
func (s *secrets) caFile() string  { return filepath.Join(s.folder, "ca.pem") }
func (s *secrets) keyFile() string { return filepath.Join(s.folder, "you.psk") }

// newCertificate makes a certificate for this machine's loopback and the pool
// that trusts it, good for a day.
func newCertificate() (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "gosig demo"},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots, nil
}
