package ws_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/carrier/ws"
)

func TestAddresses(t *testing.T) {
	ca := certstest.New(t, "CA")
	for _, c := range []struct {
		name, addr string
		listen     bool
		want       string
	}{
		{"no port to listen on", "ws://127.0.0.1", true, "names no port: write ws://host:port/gosig"},
		{"no host", "ws:///gosig", false, "names no host"},
		{"parameter of wss on ws", "ws://127.0.0.1:1?ca=x", false, `unknown parameter "ca"; ws:// takes none`},
		{"unknown", "wss://127.0.0.1:1?cart=x", false, `unknown parameter "cart"; wss:// knows ca, cert, key, server_name, min_tls`},
		{"listener's parameter when dialling", "ws://127.0.0.1:1?origin=https://a", false, `unknown parameter "origin"`},
		{"version", "wss://127.0.0.1:1?min_tls=1.1", false, "is not one of 1.2, 1.3"},
		{"nobody listens", "ws://127.0.0.1:1", false, "connection refused: is a router listening on ws://127.0.0.1:1?"},
		{"no such host", "ws://no-such-host.invalid:1", false, "no-such-host.invalid"},
		{"listener without certificate", "wss://127.0.0.1:0", true, "a wss:// listener needs a certificate"},
		{"client_auth without CA", "wss://127.0.0.1:0?client_auth=require&" + certstest.Pair(ca.Server()), true, "needs the CA of the clients"},
		{"not of this machine", "ws://192.0.2.1:0", true, "is no address of this machine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := newSet(t, nil)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var err error
			if c.listen {
				_, err = set.Listen(ctx, c.addr)
			} else {
				_, err = set.Dial(ctx, c.addr)
			}
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// TestPaths: the default one, and others.
func TestPaths(t *testing.T) {
	for _, c := range []struct{ option, listen, dial, want string }{
		{"", "", "", ""},
		{"", "", "/gosig", ""},
		{"/a/b", "", "", "no router has the path \"/gosig\" there; by default it is /gosig"},
		{"/a/b", "", "/a/b", ""},
		{"", "/", "/", ""},
		{"", "/deep/down", "/deep", "refused with 404 Not Found"},
		{"", "/with%20space", "/with%20space", ""},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			ln := listen(t, &ws.Options{Path: c.option}, "ws://127.0.0.1:0"+c.listen)
			accepting(t, ln)
			host := strings.Join(strings.SplitN(ln.Addr(), "/", 4)[:3], "/")
			err := dialling(t, nil, host+c.dial)
			if c.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, ws.ErrRefused)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// TestAnswers: what may answer in place of a router, and what Dial says of it.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"a page", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<h1>It works!</h1>") }, `refused with 200 OK, "<h1>It works!</h1>": a web server, but no WebSocket under this path`},
		{"nothing there", http.NotFound, `no router has the path "/gosig" there`},
		{"redirection", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere/", http.StatusMovedPermanently)
		}, `redirections are not followed; if it is to be trusted, write the address "https://elsewhere/" leads to`},
		{"authorization", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "who?", http.StatusUnauthorized) }, `refused with 401 Unauthorized, "who?": it, or a proxy before it, wants to know who we are`},
		{"forbidden", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "", http.StatusForbidden) }, "an Origin must be on the router's list"},
		{"bad gateway", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "", http.StatusBadGateway) }, "is not there now"},
		{"teapot", func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "\x1b[31mshort and stout", http.StatusTeapot)
		}, `refused with 418 I'm a teapot, "\x1b[31mshort and stout"`},
		{"endless", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); endless(w, r) }, "refused with 500 Internal Server Error"},
		{"no subprotocol", upgrading(), "it does not know the subprotocol gosig.v1"},
		{"wrong answer to the key", raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"), "Sec-WebSocket-Accept"},
		{"other subprotocol", raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"), "Sec-WebSocket"},
		{"endless header", raw("HTTP/1.1 101 Switching Protocols\r\nX: " + strings.Repeat("x", 1<<20)), "unexpected EOF"},
		{"no HTTP", raw("220 mail.example ESMTP\r\n"), `the peer does not speak HTTP: is it a listener of another scheme, such as tcp://? It said "220 mail.example"`},
		{"TLS's alert", raw("\x15\x03\x03\x00\x02\x02\x46"), "the peer speaks TLS and this address is ws://"},
		{"nothing", raw(""), "the peer closed the connection without an answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.answer)
			defer server.Close()
			err := dialling(t, nil, strings.Replace(server.URL, "http:", "ws:", 1))
			assert.ErrorContains(t, err, c.want)
			assert.Less(t, len(err.Error()), 1000)
		})
	}
}

// raw answers with bytes and closes.
func raw(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		nc, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(nc, answer)
		nc.Close()
	}
}

// endless writes until the client has gone.
func endless(w io.Writer, _ *http.Request) {
	for {
		if _, err := w.Write(make([]byte, 4096)); err != nil {
			return
		}
	}
}

// upgrading is a WebSocket server with other subprotocols.
func upgrading(protocols ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: protocols}); err == nil {
			_ = c.CloseNow()
		}
	}
}

// TestWrongPorts: schemes that were mixed up.
func TestWrongPorts(t *testing.T) {
	ca := certstest.New(t, "CA")
	pair := certstest.Pair(ca.Server())
	http := listen(t, nil, "ws://127.0.0.1:0")
	https := listen(t, nil, "wss://127.0.0.1:0?"+pair)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	err := dialling(t, &ws.Options{CAFile: ca.File}, strings.Replace(http.Addr(), "ws:", "wss:", 1))
	assert.ErrorIs(t, err, ws.ErrNotTLS)
	err = dialling(t, nil, strings.Replace(https.Addr(), "wss:", "ws:", 1))
	assert.ErrorIs(t, err, ws.ErrIsTLS)
	assert.ErrorContains(t, err, "use wss:// on both sides")

	tcpSet := tcp.New(&tcp.Options{CAFile: ca.File})
	u := mustParse(t, "tls://"+hostOf(https.Addr()))
	conn, err := tcpSet.Dial(ctx, u)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Receive(ctx, nil)
	assert.ErrorContains(t, err, "no application protocol")
}

// TestHeader: what the user wants to be sent is.
func TestHeader(t *testing.T) {
	got := make(chan http.Header, 1) // one request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		http.NotFound(w, r)
	}))
	defer server.Close()
	opts := &ws.Options{Header: http.Header{"Authorization": {"Bearer x"}, "Sec-Websocket-Protocol": {"mine"}}}
	require.Error(t, dialling(t, opts, strings.Replace(server.URL, "http:", "ws:", 1)))
	h := <-got
	assert.Equal(t, "Bearer x", h.Get("Authorization"))
	assert.Equal(t, []string{"gosig.v1"}, h.Values("Sec-WebSocket-Protocol"))
	assert.Empty(t, h.Values("Sec-WebSocket-Extensions"), "no compression")
	assert.Empty(t, h.Values("Origin"))
}

// TestSilentServer: a server that takes the connection and says nothing.
func TestSilentServer(t *testing.T) {
	for _, scheme := range []string{"ws", "wss"} {
		t.Run(scheme, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer ln.Close()
			addr := scheme + "://" + ln.Addr().String()
			err = dialling(t, &ws.Options{HandshakeTimeout: 20 * time.Millisecond}, addr)
			assert.ErrorContains(t, err, "not finished within the limit of 20ms")
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			_, err = newSet(t, nil).Dial(ctx, addr)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
	}
}
