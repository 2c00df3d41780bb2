package tcp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/tcp"
)

// ends are the two ends of a TLS connection and what their handshakes gave.
type ends struct {
	client, server       carrier.Conn
	clientErr, serverErr error
}

// connect dials ln and completes both handshakes. A client under TLS 1.3 learns
// of a refusal only when it receives, so it does.
func connect(t testing.TB, ln carrier.Listener, dialer *carrier.Set, query string) ends {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var e ends
	var err error
	e.client, err = dialer.Dial(ctx, ln.Addr()+query)
	require.NoError(t, err)
	t.Cleanup(func() { e.client.Close() })
	e.server, err = ln.Accept(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { e.server.Close() })
	done := make(chan struct{}) // closed when the server's side is over
	go func() {
		defer close(done)
		e.serverErr = carrier.Handshake(ctx, e.server)
		if e.serverErr == nil {
			e.serverErr = e.server.Send(ctx, carrier.AppendFrame(nil, []byte("welcome")))
		}
	}()
	_, e.clientErr = e.client.Receive(ctx, nil)
	<-done
	return e
}

func listen(t testing.TB, opts *tcp.Options, addr string) (carrier.Listener, *tcp.Carrier) {
	c := tcp.New(atLeisure(opts))
	set, err := carrier.NewSet(c)
	require.NoError(t, err)
	ln, err := set.Listen(t.Context(), addr)
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	return ln, c
}

func TestClientIdentity(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	for _, c := range []struct {
		name    string
		edit    func(*x509.Certificate)
		want    string
		refused string
	}{
		{"one URI", certstest.URIs("sig:plant/press-1"), "sig:plant/press-1", ""},
		{"URI before DNS", func(c *x509.Certificate) { certstest.URIs("sig:a")(c); certstest.DNS("b.example")(c) }, "sig:a", ""},
		{"one DNS name", certstest.DNS("press-1.example"), "press-1.example", ""},
		{"one URI, two DNS names", func(c *x509.Certificate) { certstest.URIs("sig:a")(c); certstest.DNS("b", "c")(c) }, "sig:a", ""},
		{"two URIs", certstest.URIs("sig:a", "sig:b"), "", `ambiguous: it has 2 URI names (SAN), "sig:a", "sig:b"`},
		{"two DNS names", certstest.DNS("a.example", "b.example"), "", "ambiguous: it has 2 DNS names (SAN)"},
		{"only a common name", nil, "", "no URI and no DNS name (SAN)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln, _ := listen(t, &tcp.Options{CertFile: cert, KeyFile: key, CAFile: ca.File}, "tls://127.0.0.1:0")
			clientCert, clientKey := ca.Issue("client", c.edit)
			e := connect(t, ln, newSet(t, &tcp.Options{CAFile: ca.File, CertFile: clientCert, KeyFile: clientKey}), "")
			if c.refused != "" {
				assert.ErrorContains(t, e.serverErr, c.refused)
				assert.ErrorContains(t, e.clientErr, "the peer refused")
				return
			}
			require.NoError(t, e.serverErr)
			require.NoError(t, e.clientErr)
			id, ok := carrier.IdentityOf(e.server)
			assert.True(t, ok)
			assert.Equal(t, carrier.Identity{ID: c.want, Method: "tls", Certificate: certstest.Fingerprint(t, clientCert)}, id)
			id, ok = carrier.IdentityOf(e.client)
			assert.True(t, ok)
			assert.Equal(t, "127.0.0.1", id.ID, "a server is the name it was called by and verified for")
		})
	}
}

func TestClientAuthentication(t *testing.T) {
	ca, other := certstest.New(t, "CA"), certstest.New(t, "other CA")
	cert, key := ca.Server()
	good, goodKey := ca.Issue("good", certstest.DNS("good"))
	bad, badKey := other.Issue("bad", certstest.DNS("bad"))
	for _, c := range []struct {
		name, auth, query string
		refused           string
		known             bool
	}{
		{"required and given", "", "&" + certstest.Pair(good, goodKey), "", true},
		{"required, none given", "", "", "client didn't provide a certificate", false},
		{"required, of another CA", "", "&" + certstest.Pair(bad, badKey), "unknown authority", false},
		{"verify, none given", "verify", "", "", false},
		{"verify, given", "verify", "&" + certstest.Pair(good, goodKey), "", true},
		{"verify, of another CA", "verify", "&" + certstest.Pair(bad, badKey), "unknown authority", false},
		{"not asked for", "none", "&" + certstest.Pair(good, goodKey), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln, _ := listen(t, &tcp.Options{CertFile: cert, KeyFile: key, CAFile: ca.File, ClientAuth: tcp.ClientAuth(c.auth)}, "tls://127.0.0.1:0")
			e := connect(t, ln, newSet(t, nil), "?ca="+ca.File+c.query)
			if c.refused != "" {
				assert.ErrorContains(t, e.serverErr, c.refused)
				assert.ErrorContains(t, e.clientErr, "the peer refused")
				return
			}
			require.NoError(t, errors.Join(e.serverErr, e.clientErr))
			_, known := carrier.IdentityOf(e.server)
			assert.Equal(t, c.known, known)
		})
	}
}

func TestServerAuthentication(t *testing.T) {
	ca, other := certstest.New(t, "CA"), certstest.New(t, "other CA")
	cert, key := ca.Server()
	for _, c := range []struct {
		name, query string
		refused     string
	}{
		{"right CA", "?ca=" + ca.File, ""},
		{"system's CAs", "", "unknown authority"},
		{"wrong CA", "?ca=" + other.File, "unknown authority"},
		{"other name it has", "?server_name=localhost&ca=" + ca.File, ""},
		{"name it has not", "?server_name=router.example&ca=" + ca.File, "not router.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln, _ := listen(t, &tcp.Options{CertFile: cert, KeyFile: key}, "tls://127.0.0.1:0")
			e := connect(t, ln, newSet(t, nil), c.query)
			if c.refused == "" {
				require.NoError(t, errors.Join(e.serverErr, e.clientErr))
				return
			}
			assert.ErrorContains(t, e.clientErr, c.refused)
			assert.ErrorContains(t, e.serverErr, "the peer refused")
		})
	}
}

func TestVersionsAndProtocol(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	pool := ca.Pool
	for _, c := range []struct {
		name   string
		query  string
		config *tls.Config
		ok     bool
	}{
		{"1.3", "", &tls.Config{NextProtos: []string{tcp.ALPN}}, true},
		{"1.2 without opting in", "", &tls.Config{NextProtos: []string{tcp.ALPN}, MaxVersion: tls.VersionTLS12}, false},
		{"1.2 opted in", "&min_tls=1.2", &tls.Config{NextProtos: []string{tcp.ALPN}, MaxVersion: tls.VersionTLS12}, true},
		{"other ALPN", "", &tls.Config{NextProtos: []string{"h2"}}, false},
		{"no ALPN", "", &tls.Config{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln, _ := listen(t, nil, "tls://127.0.0.1:0?"+certstest.Pair(cert, key)+c.query)
			c.config.RootCAs = pool
			accepted := make(chan error, 1) // the server's handshake; one result
			go func() { accepted <- acceptAndHandshake(ln) }()
			nc, err := tls.Dial("tcp", hostPort(ln), c.config)
			if err == nil {
				defer nc.Close()
			}
			if c.ok {
				require.NoError(t, err)
				require.NoError(t, <-accepted)
			} else {
				require.Error(t, <-accepted)
			}
		})
	}
}

func acceptAndHandshake(ln carrier.Listener) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := ln.Accept(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return carrier.Handshake(ctx, c)
}

func hostPort(ln carrier.Listener) string {
	_, hp, _ := strings.Cut(ln.Addr(), "://")
	return hp
}

func TestPlainClientOnTLSPort(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	ln, _ := listen(t, nil, "tls://127.0.0.1:0?"+certstest.Pair(cert, key))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := newSet(t, nil).Dial(ctx, "tcp://"+hostPort(ln))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.Send(ctx, carrier.AppendFrame(nil, make([]byte, 100))))

	assert.ErrorIs(t, acceptAndHandshake(ln), tcp.ErrNotTLS)

	_, err = client.Receive(ctx, nil)
	assert.ErrorIs(t, err, tcp.ErrIsTLS)
	assert.ErrorContains(t, err, "use tls:// on both sides")
}

func TestTLSClientOnPlainPort(t *testing.T) {
	ln, _ := listen(t, nil, "tcp://127.0.0.1:0")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := newSet(t, nil).Dial(ctx, "tls://"+hostPort(ln))
	require.NoError(t, err)
	defer client.Close()
	handshake := make(chan error, 1) // one result
	go func() { handshake <- carrier.Handshake(ctx, client) }()

	server, err := ln.Accept(ctx)
	require.NoError(t, err)
	_, err = server.Receive(ctx, nil)
	assert.ErrorIs(t, err, tcp.ErrIsTLS)
	assert.ErrorIs(t, err, carrier.ErrFrameTooLarge)
	require.NoError(t, server.Send(ctx, carrier.AppendFrame(nil, []byte("\x03go away"))))
	server.Close()

	assert.ErrorIs(t, <-handshake, tcp.ErrNotTLS)
}

func TestTLSClientOnPortThatCloses(t *testing.T) {
	ln, _ := listen(t, nil, "tcp://127.0.0.1:0")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := newSet(t, nil).Dial(ctx, "tls://"+hostPort(ln))
	require.NoError(t, err)
	defer client.Close()
	server, err := ln.Accept(ctx)
	require.NoError(t, err)
	server.Close()
	assert.ErrorContains(t, carrier.Handshake(ctx, client), "does it speak TLS")
}

func TestHandshakeLimit(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	ln, _ := listen(t, &tcp.Options{HandshakeTimeout: 30 * time.Millisecond}, "tls://127.0.0.1:0?"+certstest.Pair(cert, key))
	silent, err := net.Dial("tcp", hostPort(ln))
	require.NoError(t, err)
	defer silent.Close()
	server, err := ln.Accept(t.Context())
	require.NoError(t, err)
	_, err = server.Receive(t.Context(), nil) // the first use does the handshake
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "limit of 30ms")
	_, err = silent.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF, "a peer over the limit is closed")
}

func TestNoResumptionWithClientCertificates(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	me, meKey := ca.Issue("me", certstest.DNS("me"))
	mine, err := tls.LoadX509KeyPair(me, meKey)
	require.NoError(t, err)
	pool := ca.Pool
	config := &tls.Config{
		RootCAs: pool, Certificates: []tls.Certificate{mine}, NextProtos: []string{tcp.ALPN},
		ClientSessionCache: tls.NewLRUClientSessionCache(4),
	}
	ln, _ := listen(t, &tcp.Options{CAFile: ca.File}, "tls://127.0.0.1:0?"+certstest.Pair(cert, key))
	for range 3 {
		accepted := make(chan error, 1) // one result
		go func() { accepted <- acceptAndHandshake(ln) }()
		nc, err := tls.Dial("tcp", hostPort(ln), config)
		require.NoError(t, err)
		_, _ = nc.Read(make([]byte, 1)) // reads tickets, if there are any
		require.NoError(t, <-accepted)
		assert.False(t, nc.ConnectionState().DidResume)
		nc.Close()
	}
}

func TestReload(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	reports := make(chan error, 10) // more than this test can cause
	ln, c := listen(t, &tcp.Options{
		CertFile: cert, KeyFile: key, OnReloadError: func(err error) { reports <- err },
	}, "tls://127.0.0.1:0")
	serial := func() string {
		c.LookAgain()
		e := connect(t, ln, newSet(t, nil), "?ca="+ca.File)
		require.NoError(t, errors.Join(e.serverErr, e.clientErr))
		return tcp.PeerSerial(e.client)
	}

	old := connect(t, ln, newSet(t, nil), "?ca="+ca.File)
	first := serial()
	assert.Equal(t, first, serial(), "unchanged files stay in force")

	ca.Server() // writes the same files anew
	second := serial()
	assert.NotEqual(t, first, second, "changed files are in force on the next handshake")

	require.NoError(t, os.WriteFile(cert, []byte("nonsense"), 0o600))
	assert.Equal(t, second, serial(), "files that cannot be used leave the old ones in force")
	assert.Equal(t, second, serial())
	assert.ErrorContains(t, <-reports, cert)
	assert.Empty(t, reports, "a change is reported once")

	require.NoError(t, os.Remove(key))
	assert.Equal(t, second, serial())
	assert.ErrorIs(t, <-reports, os.ErrNotExist)

	ca.Server()
	assert.NotEqual(t, second, serial())
	assert.Empty(t, reports)

	require.NoError(t, old.server.Send(t.Context(), carrier.AppendFrame(nil, []byte("still here"))))
	_, err := old.client.Receive(t.Context(), nil)
	assert.NoError(t, err, "connections live on")
}

func TestReloadOfCA(t *testing.T) {
	ca, next := certstest.New(t, "CA"), certstest.New(t, "next CA")
	cert, key := ca.Server()
	mine, mineKey := ca.Issue("mine", certstest.DNS("mine"))
	ln, c := listen(t, &tcp.Options{CertFile: cert, KeyFile: key, CAFile: ca.File}, "tls://127.0.0.1:0")
	caCopy := ca.Dir + "/copy.pem"
	pem, err := os.ReadFile(ca.File)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(caCopy, pem, 0o600))
	dialer := newSet(t, nil)
	query := "?ca=" + caCopy + "&" + certstest.Pair(mine, mineKey)
	require.NoError(t, connect(t, ln, dialer, query).serverErr)

	pem, err = os.ReadFile(next.File)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(ca.File, pem, 0o600))
	c.LookAgain()
	assert.ErrorContains(t, connect(t, ln, dialer, query).serverErr, "unknown authority")
}
