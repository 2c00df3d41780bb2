// Package quic carries frames over QUIC: quic://.
//
//	c := quic.New(&quic.Options{CAFile: "ca.pem"})
//	set, err := carrier.NewSet(c)
//	ln, err := set.Listen(ctx, "quic://127.0.0.1:0?cert=hub.pem&key=hub.key")
//	conn, err := set.Dial(ctx, "quic://router.example:7441?cert=me.pem&key=me.key")
//
// # Addresses
//
//	quic://host:port?ca=FILE&cert=FILE&key=FILE&server_name=NAME&client_auth=MODE
//
// The parameters, the identities and the reading again of changed files are
// those of tls://, see package tcp; a parameter of an address wins over the same
// one of [Options]. QUIC is always TLS 1.3. The application protocol is [ALPN],
// and there is no 0-RTT: what is sent in it could be replayed.
//
// # Bytes
//
// The client opens one bidirectional stream and begins it with [Preface]; after
// that each side sends batches of frames as over TCP. Other streams are not
// allowed. Why one stream is in docs/decisions/0004-quic-streams.md. Frames that
// may be lost can travel in datagrams, see [carrier.Datagrams].
//
// # Beginning and end
//
// Dial returns when the handshake of QUIC is over; Accept when a client has sent
// the first message of one. The rest, and on the listener's side the client's
// certificate, belongs to Handshake, which runs on first use otherwise and ends
// after [Options.HandshakeTimeout]. A listener has at most
// [Options.MaxHandshakes] connections that are not through with it; it refuses
// more, and asks for a proof of address when there are many.
//
// Close flushes: the connection lives on, for some round trips within Close (a
// tenth of a second at least, a second at most) and up to five seconds beside it,
// until the peer has received everything. The peer then gets io.EOF.
//
// A client may change its address. A socket is bound to no address unless the
// client is told to, so that the network may change below it; the router sees
// the new one, checks it, and goes on. [Conn.Migrate] changes it on purpose,
// with nothing lost. A peer that falls silent is given up after
// [Options.IdleTimeout].
package quic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/url"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
)

// ALPN is the application protocol that both sides agree on.
const ALPN = "gosig-quic/1"

// Preface are the first bytes of a client's stream. They tell the server of the
// stream before the client has anything to say.
const Preface = "gosig\r\n\x01"

// Options of [New]; the zero value works.
type Options struct {
	// CertFile and KeyFile hold this side's certificate chain and key, in
	// PEM. A listener needs them or Certificate.
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
	// HandshakeTimeout bounds a handshake; default 5 s.
	HandshakeTimeout time.Duration
	// MaxHandshakes bounds the connections of one listener whose handshake
	// is not over; default 256.
	MaxHandshakes int
	// IdleTimeout is how long a peer may be silent; default 30 s.
	IdleTimeout time.Duration
	// KeepAlive is the time after which an idle connection says something;
	// default, and at most, a third of IdleTimeout.
	KeepAlive time.Duration
	// OnReloadError is told, once for each change, when changed certificate
	// files cannot be used and the old ones stay; default: a warning to
	// Logger.
	OnReloadError func(error)
	// Logger gets warnings; default slog.Default().
	Logger *slog.Logger
}

const (
	defaultHandshakeTimeout = 5 * time.Second
	defaultMaxHandshakes    = 256
	defaultIdleTimeout      = 30 * time.Second

	// firstWindow and largestWindow are how far a sender may be ahead of the
	// receiver: what an idle connection begins with, and what a busy one on a
	// long path may reach.
	firstWindow   = 512 << 10
	largestWindow = 6 << 20
)

// Carrier is a [carrier.Carrier] for quic.
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
	if o.MaxHandshakes == 0 {
		o.MaxHandshakes = defaultMaxHandshakes
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = defaultIdleTimeout
	}
	if most := o.IdleTimeout / 3; o.KeepAlive == 0 || o.KeepAlive > most {
		o.KeepAlive = most
	}
	c.certs = certs.NewStore(certs.Options{
		CertFile: o.CertFile, KeyFile: o.KeyFile, CAFile: o.CAFile, Certificate: o.Certificate, CAs: o.CAs,
		ServerName: o.ServerName, ClientAuth: o.ClientAuth,
		OnReloadError: o.OnReloadError, Logger: o.Logger,
	})
	return c
}

// Schemes implements [carrier.Carrier].
func (c *Carrier) Schemes() []string { return []string{"quic"} }

// Dial connects to addr, see [carrier.Carrier]. It tries all addresses of the
// host, one after the other.
func (c *Carrier) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	settings, err := c.settings(addr, carrier.Dialing)
	if err != nil {
		return nil, err
	}
	d := dialer{addr: addr, tls: settings.Client(ALPN), config: c.config(), limit: c.opts.HandshakeTimeout}
	d.config.MaxIncomingStreams = -1 // the client opens the one stream
	return d.dial(ctx)
}

// Listen listens on addr, see [carrier.Carrier].
func (c *Carrier) Listen(ctx context.Context, addr *url.URL) (carrier.Listener, error) {
	settings, err := c.settings(addr, carrier.Listening)
	if err != nil {
		return nil, err
	}
	config, err := settings.Server(ALPN)
	if err != nil {
		return nil, err
	}
	return c.listen(ctx, addr, config, resetKey(settings))
}

func (c *Carrier) settings(addr *url.URL, side carrier.Use) (*certs.Settings, error) {
	query, err := carrier.Query(addr, scheme().Names(side)...)
	if err != nil {
		return nil, err
	}
	if err := carrier.CheckHostPort(addr); err != nil {
		return nil, err
	}
	settings, err := c.certs.Settings(addr, query)
	if err != nil {
		return nil, err
	}
	settings.MinVersion = tls.VersionTLS13
	return settings, nil
}

// config is what both sides of QUIC have in common.
func (c *Carrier) config() *quicgo.Config {
	return &quicgo.Config{
		HandshakeIdleTimeout: c.opts.HandshakeTimeout,
		MaxIdleTimeout:       c.opts.IdleTimeout,
		KeepAlivePeriod:      c.opts.KeepAlive,
		// One stream: the window of the connection is that of the stream.
		InitialStreamReceiveWindow:     firstWindow,
		InitialConnectionReceiveWindow: firstWindow,
		MaxStreamReceiveWindow:         largestWindow,
		MaxConnectionReceiveWindow:     largestWindow,
		MaxIncomingStreams:             1,
		MaxIncomingUniStreams:          -1,
		RequireStreamCreditRelease:     true, // one for the whole life, not one at a time
		EnableDatagrams:                true,
	}
}
