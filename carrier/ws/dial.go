package ws

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
)

const (
	// maxResponse bounds the header of a server's answer.
	maxResponse = 16 << 10
	// maxReason is how much is read of what a server has to say instead.
	maxReason = 1 << 10
)

// Dial connects to addr, see [carrier.Carrier]. It returns once the server has
// upgraded the connection: there is no handshake left. Not longer than
// [Options.HandshakeTimeout] it waits for a server that has taken the TCP
// connection and says nothing.
func (c *Carrier) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	d, err := c.newDialling(addr)
	if err != nil {
		return nil, err
	}
	nc, err := c.opts.DialContext(ctx, "tcp", hostPort(addr))
	if err != nil {
		return nil, carrier.ExplainDial(ctx, addr, err)
	}
	d.socket.Conn = nc
	conn, err := d.open(ctx, c.opts.HandshakeTimeout)
	if err != nil {
		d.socket.Close()
		return nil, err
	}
	return conn, nil
}

func (c *Carrier) newDialling(addr *url.URL) (*dialling, error) {
	if err := check(addr); err != nil {
		return nil, err
	}
	query, err := carrier.Query(addr, known(addr.Scheme, carrier.Dialing)...)
	if err != nil {
		return nil, err
	}
	target := url.URL{Scheme: addr.Scheme, Host: addr.Host, Path: c.path(addr)}
	d := &dialling{addr: &target, header: c.opts.Header, socket: &socket{}}
	if addr.Scheme == secure {
		settings, err := c.certs.Settings(addr, query)
		if err != nil {
			return nil, err
		}
		d.tls = settings.Client()
		d.tls.NextProtos = alpn // of a server that knows none of it, HTTP/1.1 is meant all the same
	}
	return d, nil
}

// hostPort returns where to connect to.
func hostPort(addr *url.URL) string {
	port := addr.Port()
	if port == "" {
		port = map[string]string{plain: "80", secure: "443"}[addr.Scheme]
	}
	return net.JoinHostPort(addr.Hostname(), port)
}

// dialling is a connection on its way, on the client's side. Being the
// RoundTripper of package websocket, it has the HTTP of it in its own hands.
type dialling struct {
	addr   *url.URL    // without parameters
	header http.Header // of the user's
	tls    *tls.Config // nil: ws
	state  *tls.ConnectionState
	socket *socket
	status int // of the server's answer; 0: none yet
}

// open does the handshakes.
func (d *dialling) open(ctx context.Context, limit time.Duration) (*Conn, error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	raw := d.socket.Conn
	stop := context.AfterFunc(limited, func() { _ = raw.SetDeadline(time.Unix(1, 0)) }) // ends all that waits
	defer stop()
	identity, err := d.secure(limited)
	if err != nil {
		return nil, d.failed(ctx, limited, limit, err)
	}
	c, resp, err := websocket.Dial(limited, d.addr.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport:     d,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		HTTPHeader: d.header, Subprotocols: []string{Subprotocol},
	})
	if err != nil {
		return nil, d.failed(ctx, limited, limit, d.explain(resp, err))
	}
	if c.Subprotocol() != Subprotocol {
		_ = c.CloseNow() // the reason to report is the other one
		return nil, fmt.Errorf("%s is a WebSocket, but not of a gosig router: it does not know the subprotocol %s", d.addr, Subprotocol)
	}
	if !stop() {
		_ = c.CloseNow()
		return nil, d.failed(ctx, limited, limit, limited.Err())
	}
	return newConn(c, d.socket, d.state, identity), nil
}

// secure puts TLS over the connection, if it is asked for.
func (d *dialling) secure(ctx context.Context) (carrier.Identity, error) {
	if d.tls == nil {
		return carrier.Identity{}, nil
	}
	tc := tls.Client(d.socket.Conn, d.tls)
	if err := tc.HandshakeContext(ctx); err != nil {
		return carrier.Identity{}, explainTLS(err)
	}
	d.socket.Conn = tc
	state := tc.ConnectionState()
	d.state = &state
	return certs.ServerIdentity(state, d.tls.ServerName), nil
}

// RoundTrip implements [http.RoundTripper] for the one request there is.
func (d *dialling) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Write(d.socket.Conn); err != nil {
		return nil, explainAnswer(nil, err)
	}
	first := &bytes.Buffer{}
	br := bufio.NewReader(io.TeeReader(io.LimitReader(d.socket.Conn, maxResponse), &prefix{first, 16}))
	resp, err := http.ReadResponse(br, r)
	if err != nil {
		return nil, explainAnswer(first.Bytes(), err)
	}
	d.status = resp.StatusCode
	if resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body = io.NopCloser(io.LimitReader(resp.Body, maxReason))
		return resp, nil
	}
	d.socket.early, _ = br.Peek(br.Buffered()) // what is buffered can be peeked
	resp.Body = d.socket
	return resp, nil
}

// prefix is a writer that keeps the first bytes.
type prefix struct {
	to   *bytes.Buffer
	want int
}

// Write implements [io.Writer].
func (p *prefix) Write(b []byte) (int, error) {
	p.to.Write(b[:min(len(b), p.want-p.to.Len())])
	return len(b), nil
}
