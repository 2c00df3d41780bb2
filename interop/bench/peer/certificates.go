package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	certFile = "server.pem"
	keyFile  = "server.key"
)

// WriteCertificates writes a self-signed ECDSA certificate for 127.0.0.1 and
// its key into a folder, for all systems alike.
func WriteCertificates(folder string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(folder, certFile), "CERTIFICATE", cert); err != nil {
		return err
	}
	return writePEM(filepath.Join(folder, keyFile), "PRIVATE KEY", pkcs8)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

func (e Env) file(name string) string { return filepath.Join(e.Certificates, name) }

// serverTLS returns the server's side, nil without TLS.
func (e Env) serverTLS() (*tls.Config, error) {
	if !e.Secure() {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(e.file(certFile), e.file(keyFile))
	if err != nil {
		return nil, fmt.Errorf("certificate of the server: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}, nil
}

// clientTLS returns the clients' side, nil without TLS.
func (e Env) clientTLS() (*tls.Config, error) {
	if !e.Secure() {
		return nil, nil
	}
	data, err := os.ReadFile(e.file(certFile))
	if err != nil {
		return nil, fmt.Errorf("certificate of the server: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(data)
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13}, nil
}
