package dtlsv2_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	v2 "github.com/pion/dtls/v2"
	"github.com/pion/sctp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/dtls"
	"github.com/gosig/gosig/carrier/stream"
	"github.com/gosig/gosig/interop/dtlsv2"
)

var key = []byte("sixteen bytes 01sixteen bytes 02")

// way is a way to prove who one is: options for our side, configurations for
// the other, and the identity that our listener is to see.
type way struct {
	name     string
	ours     *dtls.Options
	theirs   func() *v2.Config
	identity carrier.Identity
}

func ways(t *testing.T) []way {
	cert, pool := certificate(t)
	byKey := carrier.Identity{ID: "press-1", Method: dtls.Method}
	keyed := func(edit func(*v2.Config)) func() *v2.Config {
		return func() *v2.Config {
			c := &v2.Config{
				PSK:                  func([]byte) ([]byte, error) { return key, nil },
				PSKIdentityHint:      []byte("press-1"),
				ExtendedMasterSecret: v2.RequireExtendedMasterSecret,
			}
			edit(c)
			return c
		}
	}
	return []way{
		{
			"PSK with ChaCha20-Poly1305", &dtls.Options{PSKs: map[string][]byte{"press-1": key}},
			keyed(func(c *v2.Config) { c.CustomCipherSuites, c.CipherSuites = dtlsv2.Suites, []v2.CipherSuiteID{} }), byKey,
		},
		{ // what devices in the field have
			"PSK with its own AES-GCM", &dtls.Options{PSKs: map[string][]byte{"press-1": key}},
			keyed(func(c *v2.Config) { c.CipherSuites = []v2.CipherSuiteID{v2.TLS_PSK_WITH_AES_128_GCM_SHA256} }), byKey,
		},
		{
			"certificates with ChaCha20-Poly1305", &dtls.Options{Certificate: &cert, CAs: pool},
			func() *v2.Config {
				return &v2.Config{
					Certificates: []tls.Certificate{cert}, RootCAs: pool, ClientCAs: pool, ServerName: "127.0.0.1",
					ClientAuth: v2.RequireAndVerifyClientCert, SupportedProtocols: []string{dtls.ALPN},
					CustomCipherSuites: dtlsv2.Suites, CipherSuites: []v2.CipherSuiteID{},
					ExtendedMasterSecret: v2.RequireExtendedMasterSecret,
				}
			},
			carrier.Identity{ID: "both.example", Method: "tls"},
		},
	}
}

// certificate is one that serves both sides, and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "both"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"both.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}, pool
}

// TestClientOfV2: a client of v2 talks to our listener.
func TestClientOfV2(t *testing.T) {
	for _, w := range ways(t) {
		t.Run(w.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			ln, err := set(t, w.ours).Listen(ctx, "dtls://127.0.0.1:0")
			require.NoError(t, err)
			defer ln.Close()
			nc, err := v2.Dial("udp", udpAddr(t, ln.Addr()), w.theirs())
			require.NoError(t, err)
			assoc, err := sctp.ClientWithOptions(sctp.WithNetConn(nc))
			require.NoError(t, err)
			defer assoc.Close()
			theirs := frames(t, assoc)
			ours, err := ln.Accept(ctx)
			require.NoError(t, err)
			defer ours.Close()
			talk(ctx, t, theirs, ours)
			id, ok := carrier.IdentityOf(ours)
			assert.True(t, ok)
			assert.Equal(t, w.identity, carrier.Identity{ID: id.ID, Method: id.Method})
			require.NoError(t, assoc.Shutdown(ctx))
			_, err = ours.Receive(ctx, nil)
			assert.EqualError(t, err, "EOF")
		})
	}
}

// TestListenerOfV2: our client talks to a listener of v2.
func TestListenerOfV2(t *testing.T) {
	for _, w := range ways(t) {
		t.Run(w.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			ln, err := v2.Listen("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, w.theirs())
			require.NoError(t, err)
			defer ln.Close()
			type result struct {
				assoc *sctp.Association
				err   error
			}
			accepted := make(chan result, 1) // one result
			go func() {                      // ends with the handshakes
				nc, err := ln.Accept()
				if err != nil {
					accepted <- result{nil, err}
					return
				}
				assoc, err := sctp.ServerWithOptions(sctp.WithNetConn(nc))
				accepted <- result{assoc, err}
			}()
			ours, err := set(t, w.ours).Dial(ctx, "dtls://"+ln.Addr().String())
			require.NoError(t, err)
			defer ours.Close()
			require.NoError(t, carrier.Handshake(ctx, ours))
			got := <-accepted
			require.NoError(t, got.err)
			defer got.assoc.Close()
			talk(ctx, t, ours, frames(t, got.assoc))
		})
	}
}

// frames is a conn over an association, as docs say that frames cross it.
func frames(t *testing.T, assoc *sctp.Association) carrier.Conn {
	s, err := assoc.OpenStream(0, sctp.PayloadTypeWebRTCBinary)
	require.NoError(t, err)
	return stream.New(s, nil)
}

// talk sends frames of many sizes both ways.
func talk(ctx context.Context, t *testing.T, a, b carrier.Conn) {
	var batch []byte
	for _, size := range []int{1, 100, 1000, 1500, 9000} {
		batch = carrier.AppendFrame(batch, bytes.Repeat([]byte{byte(size)}, size))
	}
	for range 20 {
		for _, c := range [][2]carrier.Conn{{a, b}, {b, a}} {
			require.NoError(t, c[0].Send(ctx, batch))
			var got []byte
			for len(got) < len(batch) {
				// A stream of SCTP gives whole messages only.
				part, err := c[1].Receive(ctx, make([]byte, 64<<10))
				require.NoError(t, err)
				got = append(got, part...)
			}
			require.True(t, bytes.Equal(got, batch), "frames arrive as they were sent")
		}
	}
}

func set(t *testing.T, opts *dtls.Options) *carrier.Set {
	s, err := carrier.NewSet(dtls.New(opts))
	require.NoError(t, err)
	return s
}

func udpAddr(t *testing.T, addr string) *net.UDPAddr {
	u, err := url.Parse(addr)
	require.NoError(t, err)
	to, err := net.ResolveUDPAddr("udp", u.Host)
	require.NoError(t, err)
	return to
}
