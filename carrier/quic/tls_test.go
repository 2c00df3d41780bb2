package quic_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/quic"
)

// ends are the two ends of a connection and what their handshakes gave.
type ends struct {
	client, server       carrier.Conn
	clientErr, serverErr error
}

// connect dials ln and completes both handshakes. A client learns of a refusal
// of its certificate only when it receives, so it does.
func connect(t testing.TB, ln carrier.Listener, dialer *carrier.Set, query string) ends {
	ctx := patient(t)
	var e ends
	done := make(chan struct{}) // closed when the server's side is over
	go func() {
		defer close(done)
		if e.server, e.serverErr = ln.Accept(ctx); e.serverErr != nil {
			return
		}
		t.Cleanup(func() { e.server.Close() })
		if e.serverErr = carrier.Handshake(ctx, e.server); e.serverErr == nil {
			e.serverErr = e.server.Send(ctx, carrier.AppendFrame(nil, []byte("welcome")))
		}
	}()
	e.client, e.clientErr = dialer.Dial(ctx, ln.Addr()+query)
	if e.clientErr == nil {
		t.Cleanup(func() { e.client.Close() })
		_, e.clientErr = e.client.Receive(ctx, nil)
	}
	<-done
	return e
}

func TestAuthentication(t *testing.T) {
	ca, other := certstest.New(t, "CA"), certstest.New(t, "other CA")
	good := "&" + certstest.Pair(ca.Issue("good", certstest.URIs("sig:good")))
	two := "&" + certstest.Pair(ca.Issue("two", certstest.DNS("a", "b")))
	foreign := "&" + certstest.Pair(other.Issue("foreign", certstest.DNS("foreign")))
	old := "&" + certstest.Pair(ca.Issue("old", certstest.DNS("old"), certstest.Expired))
	for _, c := range []struct {
		name, query string
		auth        certs.ClientAuth
		server      []certstest.Edit
		client      string // identity of the client
		clientErr   string
		serverErr   string
	}{
		{"required and given", good, "", nil, "sig:good", "", ""},
		{"none given", "", "", nil, "", "the peer refused", "client didn't provide a certificate"},
		{"of another CA", foreign, "", nil, "", "the peer refused", "unknown authority"},
		{"expired", old, "", nil, "", "the peer refused", "expired"},
		{"ambiguous", two, "", nil, "", "the peer refused", "2 DNS names"},
		{"verify, none given", "", certs.Verify, nil, "", "", ""},
		{"not asked for", good, certs.None, nil, "", "", ""},
		{"server expired", "", certs.None, []certstest.Edit{certstest.Expired}, "", "expired", "the peer refused"},
		{"another name", "&server_name=router.example", certs.None, nil, "", "not router.example", "the peer refused"},
		{"other name it has", "&server_name=localhost", certs.None, nil, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cert, key := ca.Server(c.server...)
			ln := listen(t, &quic.Options{CertFile: cert, KeyFile: key, CAFile: ca.File, ClientAuth: c.auth})
			e := connect(t, ln, newSet(t, nil), "?ca="+ca.File+c.query)
			if c.clientErr != "" {
				assert.ErrorContains(t, e.clientErr, c.clientErr)
				assert.NotErrorIs(t, e.clientErr, net.ErrClosed)
				assert.ErrorContains(t, e.serverErr, c.serverErr)
				assert.NotErrorIs(t, e.serverErr, net.ErrClosed)
				return
			}
			require.NoError(t, e.clientErr)
			require.NoError(t, e.serverErr)
			id, known := carrier.IdentityOf(e.server)
			assert.Equal(t, c.client != "", known)
			assert.Equal(t, c.client, id.ID)
			id, known = carrier.IdentityOf(e.client)
			assert.True(t, known)
			assert.Equal(t, "tls", id.Method)
			for _, conn := range []carrier.Conn{e.client, e.server} {
				security, ok := carrier.SecurityOf(conn)
				assert.True(t, ok)
				assert.Equal(t, "TLS 1.3", security.Protocol)
				assert.Equal(t, quic.ALPN, security.ALPN)
			}
		})
	}
}

func TestUnknownServer(t *testing.T) {
	w := newWorld(t, nil)
	e := connect(t, w.ln, newSet(t, nil), "") // the system's CAs
	assert.ErrorContains(t, e.clientErr, "unknown authority")
}

// rawDial connects as some other QUIC client.
func rawDial(t testing.TB, ln carrier.Listener, config *tls.Config) (*quicgo.Conn, error) {
	qc, err := quicgo.DialAddr(patient(t), hostPort(ln), config, nil)
	if err == nil {
		t.Cleanup(func() { _ = qc.CloseWithError(0, "") })
	}
	return qc, err
}

func TestWrongProtocol(t *testing.T) {
	w := newWorld(t, nil)
	_, err := rawDial(t, w.ln, &tls.Config{RootCAs: w.ca.Pool, NextProtos: []string{"h3"}})
	assert.ErrorContains(t, err, "no application protocol")

	cert, key := w.ca.Server()
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	other, err := quicgo.ListenAddr("127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h3"}}, nil)
	require.NoError(t, err)
	defer other.Close()
	_, err = w.dialer.Dial(patient(t), "quic://"+other.Addr().String())
	assert.ErrorContains(t, err, "is the peer a gosig router?")
}

func TestReload(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	var reported []error
	c := quic.New(&quic.Options{CertFile: cert, KeyFile: key, OnReloadError: func(err error) { reported = append(reported, err) }})
	set, err := carrier.NewSet(c)
	require.NoError(t, err)
	ln, err := set.Listen(t.Context(), "quic://127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	serial := func() (string, ends) {
		c.LookAgain()
		e := connect(t, ln, newSet(t, nil), "?ca="+ca.File)
		require.NoError(t, e.clientErr)
		return quic.PeerSerial(e.client.(*quic.Conn)), e
	}
	first, old := serial()
	ca.Server() // writes the same files anew
	second, _ := serial()
	assert.NotEqual(t, first, second, "changed files are in force on the next handshake")
	require.NoError(t, os.WriteFile(cert, []byte("nonsense"), 0o600))
	third, _ := serial()
	assert.Len(t, reported, 1)
	assert.Equal(t, second, third, "files that cannot be used leave the old ones in force")
	require.NoError(t, old.server.Send(t.Context(), carrier.AppendFrame(nil, []byte("still here"))))
	_, err = old.client.Receive(patient(t), nil)
	assert.NoError(t, err, "connections live on")
}

func TestAddresses(t *testing.T) {
	ca := certstest.New(t, "CA")
	pair := certstest.Pair(ca.Server())
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer tcp.Close()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	for _, c := range []struct {
		name, addr string
		listen     bool
		want       string
	}{
		{"no port", "quic://127.0.0.1", false, "names no port: write quic://host:port"},
		{"path", "quic://127.0.0.1:1/x", false, "has a path"},
		{"unknown", "quic://127.0.0.1:1?cart=x", false, `unknown parameter "cart"; quic:// knows ca, cert, key, server_name`},
		{"version", "quic://127.0.0.1:1?min_tls=1.2", false, `unknown parameter "min_tls"`},
		{"unknown when listening", "quic://127.0.0.1:0?server_name=x", true, `unknown parameter "server_name"; quic:// knows ca, cert, key, client_auth`},
		{"cert without key", "quic://127.0.0.1:1?cert=x", false, "give both cert and key"},
		{"nobody listens", "quic://127.0.0.1:1", false, "connection refused: is a router listening on quic://127.0.0.1:1?"},
		{"a TCP server", "quic://" + tcp.Addr().String(), false, "connection refused: is a router listening on quic://"},
		{"silent port", "quic://" + silent.LocalAddr().String(), false, "is a router listening there, and is the UDP port open"},
		{"no such host", "quic://no-such-host.invalid:1", false, "no-such-host.invalid"},
		{"no certificate", "quic://127.0.0.1:0", true, "a quic:// listener needs a certificate: give cert=FILE and key=FILE"},
		{"not of this machine", "quic://192.0.2.1:0?" + pair, true, "is no address of this machine"},
		{"in use", "quic://" + silent.LocalAddr().String() + "?" + pair, true, "is in use: is another router running there?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := newSet(t, &quic.Options{HandshakeTimeout: 200 * time.Millisecond})
			var err error
			if c.listen {
				_, err = set.Listen(patient(t), c.addr)
			} else {
				_, err = set.Dial(patient(t), c.addr)
			}
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = newSet(t, nil).Dial(ctx, "quic://"+silent.LocalAddr().String())
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
