// Package tcp carries frames over TCP, TLS and unix sockets: tcp://, tls:// and
// unix://.
//
//	c := tcp.New(&tcp.Options{CAFile: "ca.pem"})
//	set, err := carrier.NewSet(c)
//	ln, err := set.Listen(ctx, "tcp://127.0.0.1:0")
//	conn, err := set.Dial(ctx, "tls://router.example:7441?cert=me.pem&key=me.key")
//
// # Addresses
//
//	tcp://host:port
//	tls://host:port?ca=FILE&cert=FILE&key=FILE&server_name=NAME&client_auth=MODE&min_tls=1.2
//	unix:///path?mode=0660
//
// A parameter of an address wins over the same one of [Options].
//
// # TLS
//
// Version 1.3, or 1.2 where min_tls says so; ALPN "gosig/1". A listener needs a
// certificate and its key; with a CA it requires certificates of its clients,
// unless client_auth says otherwise. The identity of a client is the one URI
// name (SAN) of its certificate or, where there is none, its one DNS name. A
// certificate with several is refused, since nobody could say which is meant.
// Listeners that ask for certificates issue no session tickets, so that a
// certificate is checked anew on every connection.
//
// Certificate, key and CA files are read again when they have changed, at most
// once a second, on the next handshake; connections that exist live on. If the
// new files cannot be used the old ones stay and [Options.OnReloadError] is
// told.
//
// The handshake is never part of Accept: it runs in Handshake, or in the first
// Receive or Send, and ends after [Options.HandshakeTimeout].
//
// # Unix sockets
//
// A socket appears under its path only when it has its mode, by default 0600. A
// socket file that is left over is removed if nobody answers on it. On Linux
// the peer's identity is its user, "uid:1000".
package tcp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
	"github.com/gosig/gosig/carrier/stream"
)

// ALPN is the application protocol that both sides of a tls:// conn agree on.
const ALPN = "gosig/1"

// ClientAuth is what a tls:// listener asks of its clients.
type ClientAuth = certs.ClientAuth

const (
	// None: no certificate is asked for.
	None = certs.None
	// Verify: a certificate is verified if the client has one.
	Verify = certs.Verify
	// Require: a client without a valid certificate is refused.
	Require = certs.Require
)

// Options of [New]; the zero value works.
type Options struct {
	// CertFile and KeyFile hold this side's certificate chain and key, in
	// PEM. A tls:// listener needs them or Certificate.
	CertFile, KeyFile string
	// CAFile holds the certificates, in PEM, that the peer's must be signed
	// by. Default: those of the system when dialling, none when listening.
	CAFile string
	// Certificate and CAs are the same in memory; files win.
	Certificate *tls.Certificate
	CAs         *x509.CertPool
	// ServerName is what a server's certificate must be for; default: the
	// host that is dialled.
	ServerName string
	// ClientAuth is what a listener asks of clients; default: [Require] with
	// a CA, [None] without.
	ClientAuth ClientAuth
	// AllowTLS12 accepts TLS 1.2 beside 1.3.
	AllowTLS12 bool
	// HandshakeTimeout bounds a TLS handshake; default 5 s.
	HandshakeTimeout time.Duration
	// KeepAlive is the time between TCP's probes of a silent peer; default
	// 15 s, negative: none.
	KeepAlive time.Duration
	// UnixMode is the mode of a unix socket; default 0600.
	UnixMode fs.FileMode
	// OnReloadError is told, once for each change, when changed certificate
	// files cannot be used and the old ones stay; default: a warning to
	// Logger.
	OnReloadError func(error)
	// Logger gets warnings; default slog.Default().
	Logger *slog.Logger
}

const (
	defaultHandshakeTimeout = 5 * time.Second
	defaultKeepAlive        = 15 * time.Second
	defaultUnixMode         = fs.FileMode(0o600)
)

// Carrier is a [carrier.Carrier] for tcp, tls and unix.
type Carrier struct {
	opts  Options
	certs *certs.Store
}

// New returns the carrier. nil means the defaults.
func New(opts *Options) *Carrier {
	c := &Carrier{}
	if opts != nil {
		c.opts = *opts
	}
	o := &c.opts
	if o.HandshakeTimeout == 0 {
		o.HandshakeTimeout = defaultHandshakeTimeout
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = defaultKeepAlive
	}
	if o.UnixMode == 0 {
		o.UnixMode = defaultUnixMode
	}
	c.certs = certs.NewStore(certs.Options{
		CertFile: o.CertFile, KeyFile: o.KeyFile, CAFile: o.CAFile, Certificate: o.Certificate, CAs: o.CAs,
		ServerName: o.ServerName, ClientAuth: o.ClientAuth, AllowTLS12: o.AllowTLS12,
		OnReloadError: o.OnReloadError, Logger: o.Logger,
	})
	return c
}

// Schemes implements [carrier.Carrier].
func (c *Carrier) Schemes() []string { return []string{"tcp", "tls", "unix"} }

// Dial connects to addr, see [carrier.Carrier].
func (c *Carrier) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	switch addr.Scheme {
	case "tcp":
		return c.dialTCP(ctx, addr)
	case "tls":
		return c.dialTLS(ctx, addr)
	case "unix":
		return c.dialUnix(ctx, addr)
	}
	return nil, unknownScheme(addr)
}

// Listen listens on addr, see [carrier.Carrier].
func (c *Carrier) Listen(ctx context.Context, addr *url.URL) (carrier.Listener, error) {
	switch addr.Scheme {
	case "tcp":
		return c.listenTCP(ctx, addr)
	case "tls":
		return c.listenTLS(ctx, addr)
	case "unix":
		return c.listenUnix(ctx, addr)
	}
	return nil, unknownScheme(addr)
}

func unknownScheme(addr *url.URL) error {
	return fmt.Errorf("scheme %q is not one of tcp, tls, unix", addr.Scheme)
}

func (c *Carrier) dialTCP(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	if _, err := carrier.Query(addr, known("tcp", carrier.Dialing)...); err != nil {
		return nil, err
	}
	nc, err := c.connect(ctx, addr)
	if err != nil {
		return nil, err
	}
	return plain(nc), nil
}

// connect opens a TCP connection.
func (c *Carrier) connect(ctx context.Context, addr *url.URL) (net.Conn, error) {
	if err := carrier.CheckHostPort(addr); err != nil {
		return nil, err
	}
	d := net.Dialer{KeepAliveConfig: c.keepAlive()}
	nc, err := d.DialContext(ctx, "tcp", addr.Host)
	if err != nil {
		return nil, carrier.ExplainDial(ctx, addr, err)
	}
	return nc, nil // package net turns TCP_NODELAY on by itself
}

func (c *Carrier) keepAlive() net.KeepAliveConfig {
	if c.opts.KeepAlive < 0 {
		return net.KeepAliveConfig{}
	}
	return net.KeepAliveConfig{Enable: true, Idle: c.opts.KeepAlive, Interval: c.opts.KeepAlive, Count: 3}
}

// plain is the conn of an unprotected TCP connection.
func plain(nc net.Conn) stream.Socket {
	return stream.Socket{Conn: stream.New(nc, &stream.Options{
		LocalAddr: "tcp://" + nc.LocalAddr().String(), RemoteAddr: "tcp://" + nc.RemoteAddr().String(),
		Explain: explainHeader,
	})}
}

func (c *Carrier) listenTCP(ctx context.Context, addr *url.URL) (carrier.Listener, error) {
	if _, err := carrier.Query(addr, known("tcp", carrier.Listening)...); err != nil {
		return nil, err
	}
	ln, err := c.bind(ctx, addr)
	if err != nil {
		return nil, err
	}
	return stream.NewListener(ln, &stream.ListenerOptions{
		Addr: "tcp://" + ln.Addr().String(),
		Wrap: func(nc net.Conn) (carrier.Conn, error) { return plain(nc), nil },
	}), nil
}

// bind opens a listening TCP socket.
func (c *Carrier) bind(ctx context.Context, addr *url.URL) (net.Listener, error) {
	if err := carrier.CheckHostPort(addr); err != nil {
		return nil, err
	}
	lc := net.ListenConfig{KeepAliveConfig: c.keepAlive()}
	ln, err := lc.Listen(ctx, "tcp", addr.Host)
	if err != nil {
		return nil, carrier.ExplainListen(addr, err)
	}
	return ln, nil
}
