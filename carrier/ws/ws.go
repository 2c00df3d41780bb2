// Package ws carries frames over WebSocket: ws:// and wss://. It is for peers
// whose way to a router is paved for the web: browsers, and whoever sits behind
// a reverse proxy or a firewall that lets nothing else through.
//
//	c := ws.New(&ws.Options{Origins: []string{"https://app.example"}})
//	set, err := carrier.NewSet(c)
//	ln, err := set.Listen(ctx, "ws://127.0.0.1:0")
//	conn, err := set.Dial(ctx, "wss://router.example/gosig?ca=ca.pem")
//
// # Addresses
//
//	ws://host:port/path?origin=URL,URL
//	wss://host:port/path?ca=FILE&cert=FILE&key=FILE&server_name=NAME&client_auth=MODE&min_tls=1.2&origin=URL,URL
//
// Without a path it is /gosig. When dialling, the port may be left out: 80, or
// 443 for wss. A parameter of an address wins over the same one of [Options].
//
// # On the wire
//
// Binary messages under the subprotocol "gosig.v1", without compression; both
// sides refuse a peer that does not name the subprotocol. A message is a batch:
// one whole frame or more, each with its length. Messages that are sent are of
// at most 64 KiB, or of one larger frame. What is received is checked frame by
// frame as it comes, whatever the size of the message: the limit is that on
// frames (SetMaxFrame), and nothing is kept beyond it.
//
// # Browsers
//
// A browser tells in its request which page it comes from. Only pages whose
// origin is on the list may connect, compared whole; by default that is none.
// There are no patterns, and a page that the router's own host has served is no
// exception. A request without an origin is not a browser's and may pass.
//
// # TLS
//
// As with tls:// of package tcp, except for the application protocol, which is
// HTTP's: the same files and their reloading, the same identities. Of a
// connection that a proxy decrypts, the proxy is the peer.
//
// # HTTP
//
// A listener is an HTTP server that does nothing but upgrades. Those under way
// are bounded in number ([Options.HalfOpen], [Options.HalfOpenPerIP]) and in
// time ([Options.HandshakeTimeout]), from the TCP connection to the return of
// Accept, which therefore never waits for a peer. [Handler] is the same on a
// server of the user's own.
//
// Dial sends one request and follows no redirection. It goes straight to the
// host: proxies that the environment names (HTTPS_PROXY) are not used, unless
// [Options.DialContext] does so.
//
// # Cancellation and ending
//
// A Receive or a Send whose context ends breaks the connection. Close tells the
// peer, which gets io.EOF behind the last frame, and does not wait for its
// answer.
package ws

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
)

const (
	// Subprotocol is the WebSocket subprotocol that both sides must name.
	Subprotocol = "gosig.v1"
	// DefaultPath is the path of an address that has none.
	DefaultPath = "/gosig"

	plain, secure = "ws", "wss"
)

// Options of [New]; the zero value works.
type Options struct {
	// Origins are the web pages that may connect to a listener, for example
	// "https://app.example". Default: none.
	Origins []string
	// Path is that of addresses without one; default [DefaultPath].
	Path string
	// Header is sent along when dialling, for example an Authorization that
	// a proxy on the way asks for. gosig's own listeners look at none of it.
	Header http.Header
	// DialContext opens the TCP connection when dialling; default: a
	// net.Dialer's.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// HandshakeTimeout bounds TLS and the upgrade, and on a listener the wait
	// for Accept as well; default 5 s.
	HandshakeTimeout time.Duration
	// HalfOpen is how many connections of a listener may be under way to
	// Accept at once, more wait in the backlog; default 128.
	HalfOpen int
	// HalfOpenPerIP is how many of these may come from one IP address other
	// than this machine's own, more are closed; default 8, negative: any
	// number. A reverse proxy has one address for all its clients.
	HalfOpenPerIP int
	// KeepAlive is the time between TCP's probes of a silent peer; default
	// 15 s, negative: none.
	KeepAlive time.Duration

	// CertFile and KeyFile hold this side's certificate chain and key, in
	// PEM. A wss:// listener needs them or Certificate.
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
	// ClientAuth is what a listener asks of clients; default:
	// [certs.Require] with a CA, [certs.None] without.
	ClientAuth certs.ClientAuth
	// AllowTLS12 accepts TLS 1.2 beside 1.3.
	AllowTLS12 bool
	// OnReloadError is told, once for each change, when changed certificate
	// files cannot be used and the old ones stay; default: a warning to
	// Logger.
	OnReloadError func(error)
	// Logger gets warnings; default slog.Default().
	Logger *slog.Logger
}

const (
	defaultHandshakeTimeout = 5 * time.Second
	defaultHalfOpen         = 128
	defaultHalfOpenPerIP    = 8
	defaultKeepAlive        = 15 * time.Second
)

func (o *Options) withDefaults() Options {
	var all Options
	if o != nil {
		all = *o
	}
	if all.Path == "" {
		all.Path = DefaultPath
	}
	if all.HandshakeTimeout == 0 {
		all.HandshakeTimeout = defaultHandshakeTimeout
	}
	if all.HalfOpen == 0 {
		all.HalfOpen = defaultHalfOpen
	}
	if all.HalfOpenPerIP == 0 {
		all.HalfOpenPerIP = defaultHalfOpenPerIP
	}
	if all.KeepAlive == 0 {
		all.KeepAlive = defaultKeepAlive
	}
	if all.Logger == nil {
		all.Logger = slog.Default()
	}
	if all.DialContext == nil {
		all.DialContext = (&net.Dialer{KeepAliveConfig: all.keepAlive()}).DialContext
	}
	return all
}

func (o *Options) keepAlive() net.KeepAliveConfig {
	if o.KeepAlive < 0 {
		return net.KeepAliveConfig{}
	}
	return net.KeepAliveConfig{Enable: true, Idle: o.KeepAlive, Interval: o.KeepAlive, Count: 3}
}

// Carrier is a [carrier.Carrier] for ws and wss.
type Carrier struct {
	opts  Options
	certs *certs.Store
}

// New returns the carrier. nil means the defaults.
func New(opts *Options) *Carrier {
	o := opts.withDefaults()
	return &Carrier{opts: o, certs: certs.NewStore(certs.Options{
		CertFile: o.CertFile, KeyFile: o.KeyFile, CAFile: o.CAFile, Certificate: o.Certificate, CAs: o.CAs,
		ServerName: o.ServerName, ClientAuth: o.ClientAuth, AllowTLS12: o.AllowTLS12,
		OnReloadError: o.OnReloadError, Logger: o.Logger,
	})}
}

// Schemes implements [carrier.Carrier].
func (c *Carrier) Schemes() []string { return []string{plain, secure} }

// check returns an error for an address that is none of ours.
func check(addr *url.URL) error {
	switch {
	case addr.Scheme != plain && addr.Scheme != secure:
		return fmt.Errorf("scheme %q is not one of ws, wss", addr.Scheme)
	case addr.Host == "":
		return fmt.Errorf("%s names no host: write %s://host:port%s", carrier.Redact(addr), addr.Scheme, DefaultPath)
	}
	return nil
}

// checkListen is check for a listener.
func checkListen(addr *url.URL) error {
	if err := check(addr); err != nil {
		return err
	}
	if addr.Port() == "" {
		return fmt.Errorf("%s names no port: write %s://host:port%s", carrier.Redact(addr), addr.Scheme, DefaultPath)
	}
	return nil
}

// path returns the path of addr, or the default one.
func (c *Carrier) path(addr *url.URL) string {
	if addr.Path == "" {
		return c.opts.Path
	}
	return addr.Path
}
