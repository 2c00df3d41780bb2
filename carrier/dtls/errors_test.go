package dtls_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/dtls"
)

// TestNotDTLS: what answers on the port is something else.
func TestNotDTLS(t *testing.T) {
	for name, answer := range map[string]func(question []byte) []byte{
		"echo":  func(q []byte) []byte { return q },
		"plain": func([]byte) []byte { return []byte("500 what?") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it mostly waits
			pc, err := net.ListenPacket("udp", "127.0.0.1:0")
			require.NoError(t, err)
			done := make(chan struct{})
			go func() { // ends when pc is closed
				defer close(done)
				buf := make([]byte, 1500)
				for {
					n, from, err := pc.ReadFrom(buf)
					if err != nil {
						return
					}
					_, _ = pc.WriteTo(answer(buf[:n]), from) // lost otherwise
				}
			}()
			opts := withKeys()
			opts.HandshakeTimeout = 3 * time.Second
			_, err = newSet(t, opts).Dial(within(t, time.Minute), "dtls://"+pc.LocalAddr().String())
			assert.ErrorContains(t, err, dtls.ErrNotDTLS.Error())
			pc.Close()
			<-done
		})
	}
}

// TestSilentHost: nothing answers at all.
func TestSilentHost(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer pc.Close()
	addr := "dtls://" + pc.LocalAddr().String()
	opts := withKeys()
	opts.HandshakeTimeout = 300 * time.Millisecond
	_, err = newSet(t, opts).Dial(within(t, time.Minute), addr)
	assert.ErrorContains(t, err, "within the limit of 300ms: no answer: is the host up and the UDP port open")
	_, err = newSet(t, withKeys()).Dial(within(t, 100*time.Millisecond), addr)
	assert.ErrorContains(t, err, "did not answer in time")
}

// TestTCPPort: a port on which only TCP is listened on.
func TestTCPPort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	_, err = newSet(t, withKeys()).Dial(within(t, time.Minute), "dtls://"+ln.Addr().String())
	assert.ErrorContains(t, err, "nobody listens there for UDP; a port of tcp:// or tls:// is another one")
}

func TestCertificates(t *testing.T) {
	ca, other := certstest.New(t, "CA"), certstest.New(t, "other CA")
	server := func(edits ...certstest.Edit) string { return certstest.Pair(ca.Server(edits...)) }
	client := func(name string, edits ...certstest.Edit) string {
		return "&" + certstest.Pair(ca.Issue(name, edits...))
	}
	good := client("good", certstest.DNS("good.example"))
	strange, strangeKey := other.Issue("strange", certstest.DNS("strange"))
	for _, c := range []struct {
		name, listen, dial     string
		wantClient, wantServer string // "": no error
		identity               string
	}{
		{"mutual", "ca=" + ca.File, good, "", "", "good.example"},
		{"URI before DNS", "ca=" + ca.File, client("uri", certstest.URIs("sig:press-1"), certstest.DNS("x")), "", "", "sig:press-1"},
		{"none asked for", "", good, "", "", ""},
		{"none given, not required", "client_auth=verify&ca=" + ca.File, "", "", "", ""},
		{"none given, required", "ca=" + ca.File, "", "the peer refused", "server required client verification, but got none", ""},
		{"of another CA", "ca=" + ca.File, "&" + certstest.Pair(strange, strangeKey), "the peer refused", "unknown authority", ""},
		{"expired", "ca=" + ca.File, client("old", certstest.DNS("old"), certstest.Expired), "the peer refused", "expired", ""},
		{"two names", "ca=" + ca.File, client("two", certstest.DNS("a", "b")), "the peer refused", "ambiguous: it has 2 DNS names", ""},
		{"server for another name", "", "&server_name=router.example", "not router.example", "the peer refused", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln, _ := listen(t, nil, "?"+server()+"&"+c.listen)
			clientConn, serverConn, clientErr, serverErr := shake(t, ln, nil, "?ca="+ca.File+c.dial)
			if c.wantClient != "" {
				assert.ErrorContains(t, clientErr, c.wantClient)
				assert.ErrorContains(t, serverErr, c.wantServer)
				return
			}
			require.NoError(t, errors.Join(clientErr, serverErr))
			id, _ := carrier.IdentityOf(serverConn)
			assert.Equal(t, c.identity, id.ID)
			id, ok := carrier.IdentityOf(clientConn)
			assert.True(t, ok)
			assert.Equal(t, carrier.Identity{ID: "127.0.0.1", Method: "tls", Certificate: id.Certificate}, id, "a server is the name it was called by")
		})
	}
	t.Run("expired server", func(t *testing.T) {
		ln, _ := listen(t, nil, "?"+server(certstest.Expired))
		_, _, err, _ := shake(t, ln, nil, "?ca="+ca.File)
		assert.ErrorContains(t, err, "expired")
	})
	t.Run("server of another CA", func(t *testing.T) {
		ln, _ := listen(t, nil, "?"+server())
		_, _, err, _ := shake(t, ln, nil, "?ca="+other.File)
		assert.ErrorContains(t, err, "unknown authority")
	})
}

// TestKeysAndCertificates: one listener takes both.
func TestKeysAndCertificates(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	mine, myKey := ca.Issue("mine", certstest.DNS("mine"))
	ln, _ := listen(t, &dtls.Options{PSKs: withKeys().PSKs, CertFile: cert, KeyFile: key, CAFile: ca.File}, "")
	_, server, clientErr, serverErr := shake(t, ln, withKeys(), "")
	require.NoError(t, errors.Join(clientErr, serverErr))
	id, _ := carrier.IdentityOf(server)
	assert.Equal(t, carrier.Identity{ID: "press-1", Method: dtls.Method}, id)
	_, server, clientErr, serverErr = shake(t, ln, nil, "?ca="+ca.File+"&"+certstest.Pair(mine, myKey))
	require.NoError(t, errors.Join(clientErr, serverErr))
	id, _ = carrier.IdentityOf(server)
	assert.Equal(t, carrier.Identity{ID: "mine", Method: "tls", Certificate: certstest.Fingerprint(t, mine)}, id)

	only, _ := listen(t, nil, "?"+certstest.Pair(cert, key))
	conn, err := newSet(t, withKeys()).Dial(within(t, time.Minute), only.Addr())
	if err == nil { // the cookie came before the refusal
		defer conn.Close()
		err = carrier.Handshake(within(t, time.Minute), conn)
	}
	assert.ErrorContains(t, err, "it takes no pre-shared keys")
}

func TestCertificatesAreReadAgain(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	ln, c := listen(t, &dtls.Options{CertFile: cert, KeyFile: key, OnReloadError: func(error) {}}, "")
	dial := func() error {
		c.LookAgain()
		_, _, err, _ := shake(t, ln, nil, "?ca="+ca.File)
		return err
	}
	require.NoError(t, dial())
	ca.Server(certstest.Expired)
	assert.ErrorContains(t, dial(), "expired")
	require.NoError(t, os.WriteFile(cert, []byte("nonsense"), 0o600))
	assert.ErrorContains(t, dial(), "expired", "files that cannot be used leave the old ones in force")
	ca.Server()
	require.NoError(t, dial())
}

func TestAddressInUse(t *testing.T) {
	ln, _ := listen(t, withKeys(), "")
	_, err := newSet(t, withKeys()).Listen(t.Context(), ln.Addr())
	assert.ErrorContains(t, err, "is in use: is another router running there?")
}
