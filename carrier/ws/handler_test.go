package ws_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/ws"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

func mustParse(t testing.TB, addr string) *url.URL {
	u, err := url.Parse(addr)
	require.NoError(t, err)
	return u
}

func hostOf(addr string) string {
	_, rest, _ := strings.Cut(addr, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// TestHandler: a router on an HTTP server of the user's own, beside a page.
func TestHandler(t *testing.T) {
	h, err := ws.NewHandler("ws://app.example/signals", &ws.Options{Origins: []string{"https://app.example"}})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/signals", h)
	mux.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })
	server := httptest.NewServer(mux)
	defer server.Close()

	hub := sig.New(nil)
	defer hub.Close()
	srv, err := router.NewServerRouter(hub, &router.ServerOptions{Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer srv.Close()
	served := make(chan error, 1) // one result
	go func() { served <- srv.Serve(context.Background(), h) }()

	addr := strings.Replace(server.URL, "http:", "ws:", 1) + "/signals"
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	mine := sig.New(nil)
	defer mine.Close()
	client, err := router.NewClientRouter(mine, []string{addr}, &router.ClientOptions{
		Carriers: []carrier.Carrier{ws.New(nil)}, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.WaitConnected(ctx))
	known := make(chan struct{}) // closed when the sender has arrived
	_, err = sig.Subscribe(hub, "kitchen", sig.EventConnect, func(sig.Event) { close(known) }, nil)
	require.NoError(t, err)
	_, err = mine.Connect("kitchen", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
		"double": sig.Handle(func(_ context.Context, n int) (int, error) { return 2 * n, nil }),
	}})
	require.NoError(t, err)
	select {
	case <-known:
	case <-ctx.Done():
		t.Fatal("the sender did not arrive")
	}
	n, err := sig.Call[int](ctx, hub, "kitchen", "double", 21)
	require.NoError(t, err)
	assert.Equal(t, 42, n)

	resp, err := http.Get(server.URL + "/hello")
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	require.NoError(t, err)
	assert.Equal(t, "hello", string(text))
	http.DefaultClient.CloseIdleConnections()

	require.NoError(t, client.Close())
	require.NoError(t, srv.Close())
	require.NoError(t, <-served)
	assert.ErrorContains(t, dialling(t, nil, addr), "this router is closing")
}

// TestHandlerWithoutRouter: who waits for an Accept that never comes does not
// wait for ever, and there is room for a few only.
func TestHandlerWithoutRouter(t *testing.T) {
	h, err := ws.NewHandler("ws://app.example", &ws.Options{HalfOpen: 1})
	require.NoError(t, err)
	server := httptest.NewServer(h)
	defer server.Close()
	addr := strings.Replace(server.URL, "http:", "ws:", 1)
	first, err := newSet(t, nil).Dial(t.Context(), addr)
	require.NoError(t, err)
	defer first.Close()
	err = dialling(t, nil, addr)
	assert.ErrorContains(t, err, "too many connections wait to be accepted")
	assert.ErrorIs(t, err, ws.ErrRefused)
	require.NoError(t, h.Close())
	_, err = first.Receive(t.Context(), nil)
	assert.Equal(t, io.EOF, err)
	_, err = h.Accept(t.Context())
	assert.ErrorIs(t, err, net.ErrClosed)
}

// TestProxies: through a reverse proxy, by plain text, with TLS that ends there,
// and with TLS on both of its sides.
func TestProxies(t *testing.T) {
	ca := certstest.New(t, "CA")
	pair := certstest.Pair(ca.Server())
	for _, c := range []struct{ name, router, proxy string }{
		{"ws", "ws://127.0.0.1:0", "ws"},
		{"wss to ws", "ws://127.0.0.1:0", "wss"},
		{"wss to wss", "wss://127.0.0.1:0?" + pair, "wss"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln := listen(t, nil, c.router)
			proxy := newProxy(t, ca, ln, c.proxy == "wss")
			addr := c.proxy + "://" + proxy + "/public/gosig"
			client, server := connect(t, ln, newSet(t, &ws.Options{CAs: ca.Pool}), addr)
			talk(t, client, server)
			large := batch(strings.Repeat("x", 1<<20))
			sent := make(chan error, 1) // one result
			go func() { sent <- client.Send(context.Background(), large, batch("last")) }()
			var got []byte
			for len(got) < len(large)+len(batch("last")) {
				b, err := server.Receive(t.Context(), nil)
				require.NoError(t, err)
				got = append(got, b...)
			}
			require.NoError(t, <-sent)
			require.NoError(t, server.Send(t.Context(), batch("goodbye")))
			require.NoError(t, server.Close())
			b, err := client.Receive(t.Context(), nil)
			require.NoError(t, err)
			assert.Equal(t, batch("goodbye"), b)
			_, err = client.Receive(t.Context(), nil)
			assert.Equal(t, io.EOF, err)
			assert.ErrorContains(t, dialling(t, &ws.Options{CAs: ca.Pool}, c.proxy+"://"+proxy+"/elsewhere"), "refused with 404")
		})
	}
}

// newProxy starts a reverse proxy that shows the listener's paths below
// /public, and returns where.
func newProxy(t testing.TB, ca *certstest.CA, ln carrier.Listener, secure bool) string {
	target := mustParse(t, strings.Replace(ln.Addr(), "ws", "http", 1))
	target.Path = ""
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool}}
	t.Cleanup(transport.CloseIdleConnections)
	mux := http.NewServeMux()
	mux.Handle("/public/", http.StripPrefix("/public", &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() },
	}))
	server := httptest.NewUnstartedServer(mux)
	if secure {
		server.TLS = &tls.Config{Certificates: []tls.Certificate{*ca.Certificate("proxy", certstest.Loopback)}}
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// TestEarlyFrames: a client that does not wait for the answer loses nothing.
func TestEarlyFrames(t *testing.T) {
	ln := listen(t, nil, "ws://127.0.0.1:0")
	p := dialTCP(t, ln)
	_, err := io.WriteString(p, upgradeRequest+string(message(batch("with the request"))))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := ln.Accept(ctx)
	require.NoError(t, err)
	defer conn.Close()
	got, err := conn.Receive(ctx, nil)
	require.NoError(t, err)
	assert.Equal(t, batch("with the request"), got)
	assert.Equal(t, "ws://"+p.LocalAddr().String(), conn.RemoteAddr())
}
