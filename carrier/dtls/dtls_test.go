package dtls_test

import (
	"cmp"
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	piondtls "github.com/pion/dtls/v3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/dtls"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	key      = []byte("sixteen bytes 01sixteen bytes 02")
	otherKey = []byte("sixteen bytes 03sixteen bytes 04")
)

// withKeys are the options of a side with the key of press-1.
func withKeys() *dtls.Options {
	return &dtls.Options{PSKs: map[string][]byte{"press-1": key}}
}

func TestConformancePSK(t *testing.T) {
	carriertest.Test(t, carriertest.Subject{
		Carrier: dtls.New(atLeisure(withKeys())),
		Listen:  func(testing.TB) string { return "dtls://127.0.0.1:0" },
		Stall:   func(t testing.TB, addr string) { stall(t, addr, pskClient()...) },
	})
}

func TestConformanceCertificates(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	myCert, myKey := ca.Issue("me", certstest.DNS("me.example"))
	carriertest.Test(t, carriertest.Subject{
		Carrier: dtls.New(atLeisure(&dtls.Options{CAFile: ca.File, CertFile: cert, KeyFile: key})),
		Dialer:  dtls.New(atLeisure(&dtls.Options{CAFile: ca.File, CertFile: myCert, KeyFile: myKey})),
		Listen:  func(testing.TB) string { return "dtls://127.0.0.1:0" },
		Stall:   func(t testing.TB, addr string) { stall(t, addr, piondtls.WithInsecureSkipVerify(true)) },
		Options: carriertest.Options{Bytes: 1 << 20},
	})
}

// stall returns the cookie and says no more. The handshake on its side has ended
// when stall returns.
func stall(t testing.TB, addr string, opts ...piondtls.ClientOption) {
	t.Helper()
	stalled := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	pc := dialMute(t, addr, 2, stalled)
	conn, err := piondtls.ClientWithOptions(pc, pc.to, opts...)
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { // ends with cancel
		defer close(done)
		_ = conn.HandshakeContext(ctx)
	}()
	select {
	case <-stalled:
	case <-time.After(time.Minute):
		t.Error("the listener asked for no cookie")
	}
	cancel()
	<-done
	pc.Close()
}

// mute is a socket that swallows what is written after some datagrams.
type mute struct {
	net.PacketConn
	to      net.Addr
	let     int32
	written atomic.Int32
	after   chan struct{} // closed when the last datagram that is let through has gone out
}

func dialMute(t testing.TB, addr string, let int32, after chan struct{}) *mute {
	u, err := url.Parse(addr)
	require.NoError(t, err)
	to, err := net.ResolveUDPAddr("udp", u.Host)
	require.NoError(t, err)
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	return &mute{PacketConn: pc, to: to, let: let, after: after}
}

func (m *mute) WriteTo(p []byte, to net.Addr) (int, error) {
	switch n := m.written.Add(1); {
	case n > m.let:
		return len(p), nil
	case n == m.let:
		defer close(m.after)
	}
	return m.PacketConn.WriteTo(p, to)
}

// pskClient are the options of a bare client of pion's.
func pskClient(more ...piondtls.ClientOption) []piondtls.ClientOption {
	return append([]piondtls.ClientOption{
		piondtls.WithPSK(func([]byte) ([]byte, error) { return key, nil }),
		piondtls.WithPSKIdentityHint([]byte("press-1")),
		piondtls.WithExtendedMasterSecret(piondtls.RequireExtendedMasterSecret),
		piondtls.WithCipherSuites(piondtls.TLS_PSK_WITH_AES_128_GCM_SHA256),
	}, more...)
}

// atLeisure are options with a limit for handshakes that no machine reaches because it
// is busy, but for one that a test has chosen.
func atLeisure(opts *dtls.Options) *dtls.Options {
	var o dtls.Options
	if opts != nil {
		o = *opts
	}
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, time.Minute)
	return &o
}

func newSet(t testing.TB, opts *dtls.Options) *carrier.Set {
	set, err := carrier.NewSet(dtls.New(atLeisure(opts)))
	require.NoError(t, err)
	return set
}

func listen(t testing.TB, opts *dtls.Options, query string) (carrier.Listener, *dtls.Carrier) {
	c := dtls.New(atLeisure(opts))
	set, err := carrier.NewSet(c)
	require.NoError(t, err)
	ln, err := set.Listen(t.Context(), "dtls://127.0.0.1:0"+query)
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	return ln, c
}

// within is a context that a test must not outlive.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func keyFile(t testing.TB, content string) string {
	path := filepath.Join(t.TempDir(), "keys.psk")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// pair is the two ends of a new connection, with both handshakes done.
func pair(t testing.TB, clientOpts, serverOpts *dtls.Options) (client, server carrier.Conn) {
	ln, _ := listen(t, serverOpts, "")
	return connect(t, ln, newSet(t, clientOpts), ln.Addr())
}

// connect dials addr, which leads to ln, and completes the handshakes.
func connect(t testing.TB, ln carrier.Listener, dialer *carrier.Set, addr string) (client, server carrier.Conn) {
	ctx := within(t, time.Minute)
	client, err := dialer.Dial(ctx, addr)
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	server, err = ln.Accept(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { server.Close() })
	require.NoError(t, carrier.Handshake(ctx, client))
	require.NoError(t, carrier.Handshake(ctx, server))
	return client, server
}
