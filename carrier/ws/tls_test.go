package ws_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/carrier/ws"
)

const anyPort = "wss://127.0.0.1:0"

// accepting accepts and closes connections until the end of the test.
func accepting(t testing.TB, ln carrier.Listener) {
	done := make(chan struct{}) // closed when the goroutine has ended
	go func() {                 // ends with the listener
		defer close(done)
		for {
			conn, err := ln.Accept(context.Background())
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
}

// dialling dials and returns the error.
func dialling(t testing.TB, opts *ws.Options, addr string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := newSet(t, opts).Dial(ctx, addr)
	if err == nil {
		conn.Close()
	}
	return err
}

func TestIdentities(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	ln := listen(t, &ws.Options{CertFile: cert, KeyFile: key, CAFile: ca.File, ClientAuth: tcp.Verify}, anyPort)
	for _, c := range []struct {
		name    string
		edit    certstest.Edit
		want    string
		refused string
	}{
		{"one URI", certstest.URIs("sig:plant/press-1"), "sig:plant/press-1", ""},
		{"one DNS name", certstest.DNS("press-1.example"), "press-1.example", ""},
		{"two URIs", certstest.URIs("sig:a", "sig:b"), "", "the peer refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := &ws.Options{CAFile: ca.File}
			opts.CertFile, opts.KeyFile = ca.Issue("client", c.edit)
			if c.refused != "" {
				assert.ErrorContains(t, dialling(t, opts, ln.Addr()), c.refused)
				return
			}
			client, server := connect(t, ln, newSet(t, opts), ln.Addr())
			id, ok := carrier.IdentityOf(server)
			assert.True(t, ok)
			assert.Equal(t, carrier.Identity{ID: c.want, Method: "tls", Certificate: certstest.Fingerprint(t, opts.CertFile)}, id)
			id, ok = carrier.IdentityOf(client)
			assert.True(t, ok)
			assert.Equal(t, "127.0.0.1", id.ID, "a server is the name it was called by and verified for")
			assert.True(t, server.Traits().Confidential && client.Traits().Confidential)
			for _, conn := range []carrier.Conn{client, server} {
				security, ok := carrier.SecurityOf(conn)
				assert.True(t, ok)
				assert.Equal(t, "TLS 1.3", security.Protocol)
				assert.Equal(t, "http/1.1", security.ALPN)
				assert.NotEmpty(t, security.Peer)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		_, server := connect(t, ln, newSet(t, &ws.Options{CAFile: ca.File}), ln.Addr())
		_, ok := carrier.IdentityOf(server)
		assert.False(t, ok)
	})
}

func TestCertificates(t *testing.T) {
	ca, other := certstest.New(t, "CA"), certstest.New(t, "other CA")
	for _, c := range []struct {
		name         string
		listen, dial string
		want         string // "": it works
	}{
		{"right", certstest.Pair(ca.Server()), "ca=" + ca.File, ""},
		{"another CA", certstest.Pair(other.Server()), "ca=" + ca.File, "unknown authority"},
		{"the system's CAs", certstest.Pair(ca.Server()), "", "unknown authority"},
		{"expired", certstest.Pair(ca.Issue("expired", certstest.DNS("localhost"), certstest.Loopback, certstest.Expired)), "ca=" + ca.File, "expired"},
		{"for another name", certstest.Pair(ca.Issue("other", certstest.DNS("other.example"))), "ca=" + ca.File, "doesn't contain any IP SANs"},
		{"for another name that is meant", certstest.Pair(ca.Issue("other", certstest.DNS("other.example"))), "server_name=other.example&ca=" + ca.File, ""},
		{"client without one", certstest.Pair(ca.Server()) + "&ca=" + ca.File, "ca=" + ca.File, "the peer refused"},
		{"client's of another CA", certstest.Pair(ca.Server()) + "&ca=" + ca.File, certstest.Pair(other.Issue("client", certstest.DNS("me"))) + "&ca=" + ca.File, "the peer refused"},
		{"client's expired", certstest.Pair(ca.Server()) + "&ca=" + ca.File, certstest.Pair(ca.Issue("old client", certstest.DNS("me"), certstest.Expired)) + "&ca=" + ca.File, "the peer refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln := listen(t, nil, anyPort+"?"+c.listen)
			accepting(t, ln)
			err := dialling(t, nil, ln.Addr()+"?"+c.dial)
			if c.want == "" {
				require.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, c.want)
			}
		})
	}
}

// TestVersions: of TLS, and of the protocol above it.
func TestVersions(t *testing.T) {
	ca := certstest.New(t, "CA")
	pair := certstest.Pair(ca.Server())
	for _, c := range []struct {
		name, query string
		config      *tls.Config
		ok          bool
	}{
		{"1.3", "", &tls.Config{NextProtos: []string{"h2", "http/1.1"}}, true},
		{"no ALPN", "", &tls.Config{}, true},
		{"ALPN of others", "", &tls.Config{NextProtos: []string{"h2", tcp.ALPN}}, false},
		{"1.2", "", &tls.Config{MaxVersion: tls.VersionTLS12}, false},
		{"1.2 where it is allowed", "&min_tls=1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		{"1.1", "&min_tls=1.2", &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln := listen(t, nil, anyPort+"?"+pair+c.query)
			accepting(t, ln)
			u, err := url.Parse(ln.Addr())
			require.NoError(t, err)
			c.config.RootCAs = ca.Pool
			nc, err := tls.Dial("tcp", u.Host, c.config)
			if !c.ok {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			defer nc.Close()
			_, err = io.WriteString(nc, upgradeRequest)
			require.NoError(t, err)
			answer := make([]byte, 12)
			_, err = io.ReadFull(nc, answer)
			require.NoError(t, err)
			assert.Equal(t, "HTTP/1.1 101", string(answer))
		})
	}
}

// TestReload: new files count from the next handshake on, for both sides.
func TestReload(t *testing.T) {
	old, fresh := certstest.New(t, "old CA"), certstest.New(t, "new CA")
	cert, key := old.Server()
	server := ws.New(&ws.Options{CertFile: cert, KeyFile: key})
	addr, err := carrier.Parse(anyPort)
	require.NoError(t, err)
	ln, err := server.Listen(t.Context(), addr)
	require.NoError(t, err)
	accepting(t, ln)
	require.NoError(t, dialling(t, &ws.Options{CAFile: old.File}, ln.Addr()))
	newCert, newKey := fresh.Server()
	for from, to := range map[string]string{newCert: cert, newKey: key} {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, text, 0o600))
	}
	server.LookAgain()
	assert.ErrorContains(t, dialling(t, &ws.Options{CAFile: old.File}, ln.Addr()), "unknown authority")
	assert.NoError(t, dialling(t, &ws.Options{CAFile: fresh.File}, ln.Addr()))
}

// TestAmbiguousClientOfOthersServer: a server of the user's own may let in
// certificates that name nobody in particular.
func TestAmbiguousClientOfOthersServer(t *testing.T) {
	ca := certstest.New(t, "CA")
	h, err := ws.NewHandler("wss://router.example", nil)
	require.NoError(t, err)
	accepting(t, h)
	server := httptest.NewUnstartedServer(h)
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{*ca.Certificate("server", certstest.Loopback)},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool,
	}
	server.StartTLS()
	defer server.Close()
	addr := strings.Replace(server.URL, "https:", "wss:", 1)
	for _, c := range []struct {
		names certstest.Edit
		want  string
	}{
		{certstest.URIs("sig:a"), ""},
		{certstest.URIs("sig:a", "sig:b"), "refused with 403 Forbidden"},
		{func(*x509.Certificate) {}, "has no URI and no DNS name"},
	} {
		err := dialling(t, &ws.Options{CAs: ca.Pool, Certificate: ca.Certificate("client", c.names)}, addr)
		if c.want == "" {
			assert.NoError(t, err)
		} else {
			assert.ErrorContains(t, err, c.want)
		}
	}
}

var _ http.Handler = (*ws.Handler)(nil)
