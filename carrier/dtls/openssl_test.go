package dtls_test

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	piondtls "github.com/pion/dtls/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/dtls"
)

// openssl starts a command that runs until the end of the test, and returns what
// it has said so far.
func openssl(t *testing.T, args ...string) (said func() string) {
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("needs the openssl command: apt-get install openssl")
	}
	cmd := exec.Command(path, args...)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	stdin, err := cmd.StdinPipe() // its end would end s_client
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // killed
		if t.Failed() {
			t.Log(out.String())
		}
	})
	return out.String
}

// output collects what a command says.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// TestOpenSSLClient: openssl s_client completes the handshake with a listener,
// by each cipher suite that both have.
func TestOpenSSLClient(t *testing.T) {
	t.Parallel() // it mostly waits
	ca := certstest.New(t, "CA")
	cert, certKey := ca.Server()
	mine, mineKey := ca.Issue("mine", certstest.DNS("mine"))
	psk := []string{"-psk_identity", "press-1", "-psk", hex.EncodeToString(key)}
	certs := []string{"-CAfile", ca.File, "-cert", mine, "-key", mineKey, "-alpn", dtls.ALPN, "-verify_return_error"}
	for _, c := range []struct {
		suite string
		args  []string
		ok    bool
	}{
		{"PSK-AES128-GCM-SHA256", psk, true},
		{"PSK-CHACHA20-POLY1305", psk, true},
		{"ECDHE-PSK-CHACHA20-POLY1305", psk, true},
		{"ECDHE-ECDSA-AES128-GCM-SHA256", certs, true},
		{"ECDHE-ECDSA-AES256-GCM-SHA384", certs, true},
		{"ECDHE-ECDSA-CHACHA20-POLY1305", certs, true},
		{"PSK-AES128-CBC-SHA256", psk, false},
		{"PSK-AES128-CCM8", psk, false},
		{"ECDHE-PSK-AES128-CBC-SHA256", psk, false},
		{"ECDHE-ECDSA-AES256-SHA", certs, false},
	} {
		t.Run(c.suite, func(t *testing.T) {
			ln, _ := listen(t, &dtls.Options{PSKs: withKeys().PSKs, CertFile: cert, KeyFile: certKey, CAFile: ca.File, HandshakeTimeout: 2 * time.Second}, "")
			u, err := url.Parse(ln.Addr())
			require.NoError(t, err)
			said := openssl(t, append([]string{"s_client", "-dtls1_2", "-connect", u.Host, "-cipher", c.suite}, c.args...)...)
			if !c.ok {
				eventually(t, func() bool { return strings.Contains(said(), "alert") }, "a refusal by the listener")
				assert.NotContains(t, said(), "Cipher is "+c.suite)
				return
			}
			eventually(t, func() bool { return strings.Contains(said(), "Cipher is "+c.suite) }, "a handshake")
			assert.Contains(t, said(), "Extended master secret: yes")
			conn, err := ln.Accept(within(t, time.Minute))
			require.NoError(t, err)
			defer conn.Close()
			assert.ErrorContains(t, carrier.Handshake(within(t, time.Minute), conn), "speaks DTLS but not SCTP")
		})
	}
}

// TestOpenSSLServer: the handshake of a client succeeds with openssl s_server,
// which says nothing of SCTP afterwards.
func TestOpenSSLServer(t *testing.T) {
	t.Parallel() // it mostly waits
	ca := certstest.New(t, "CA")
	cert, certKey := ca.Server()
	for name, c := range map[string]struct {
		args  []string
		query string
		want  string
	}{
		"PSK": {
			[]string{"-nocert", "-psk_identity", "press-1", "-psk", hex.EncodeToString(key)},
			"", "the peer speaks DTLS but not SCTP",
		},
		"wrong PSK": {
			[]string{"-nocert", "-psk_identity", "press-1", "-psk", hex.EncodeToString(otherKey)},
			"", "the key of identity \"press-1\" may be wrong",
		},
		"certificate": {
			[]string{"-cert", cert, "-key", certKey, "-alpn", dtls.ALPN},
			"?ca=" + ca.File, "the peer speaks DTLS but not SCTP",
		},
		"no ALPN": {
			[]string{"-cert", cert, "-key", certKey},
			"?ca=" + ca.File, "the peer speaks DTLS but not gosig/1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			addr := freeUDP(t)
			said := openssl(t, append([]string{"s_server", "-dtls1_2", "-listen", "-accept", addr, "-quiet"}, c.args...)...)
			opts := &dtls.Options{HandshakeTimeout: 4 * time.Second}
			if c.query == "" {
				opts.PSKs = withKeys().PSKs
			}
			var conn carrier.Conn
			eventually(t, func() bool { // until the server has its port
				var err error
				conn, err = newSet(t, opts).Dial(within(t, time.Minute), "dtls://"+addr+c.query)
				return err == nil
			}, "s_server answers")
			defer conn.Close()
			assert.ErrorContains(t, carrier.Handshake(within(t, time.Minute), conn), c.want, said())
		})
	}
}

// freeUDP is an address that nobody listens on.
func freeUDP(t *testing.T) string {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer pc.Close()
	return pc.LocalAddr().String()
}

// TestExtendedMasterSecret: a client without it is refused.
func TestExtendedMasterSecret(t *testing.T) {
	ln, _ := listen(t, withKeys(), "")
	u, err := url.Parse(ln.Addr())
	require.NoError(t, err)
	to, err := net.ResolveUDPAddr("udp", u.Host)
	require.NoError(t, err)
	conn, err := piondtls.DialWithOptions("udp", to, pskClient(piondtls.WithExtendedMasterSecret(piondtls.DisableExtendedMasterSecret))...)
	require.NoError(t, err)
	defer conn.Close()
	assert.ErrorContains(t, conn.HandshakeContext(within(t, time.Minute)), "InsufficientSecurity")
}
