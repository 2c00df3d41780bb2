// Package dtls carries frames over UDP, protected by DTLS 1.2 and made reliable
// by SCTP: dtls://.
//
//	c := dtls.New(&dtls.Options{PSKFile: "keys.psk"})
//	set, err := carrier.NewSet(c)
//	ln, err := set.Listen(ctx, "dtls://127.0.0.1:0")
//	conn, err := set.Dial(ctx, "dtls://router.example:7442?psk_identity=press-1")
//
// # Addresses
//
//	dtls://host:port?psk_file=FILE&psk_identity=NAME
//	dtls://host:port?ca=FILE&cert=FILE&key=FILE&server_name=NAME&client_auth=MODE
//
// A parameter of an address wins over the same one of [Options].
//
// # Who is who
//
// With a pre-shared key both sides prove that they have the key of one identity;
// it is the peer's [carrier.Identity], on either side, with the method
// "dtls-psk". A file of keys has a line "identity:key" for each, the key in
// hexadecimal and of 16 to 64 bytes; lines that begin with # and empty ones are
// skipped, anything else is an error. It is looked at once a second at most, when
// a handshake needs it; what cannot be used leaves the old keys in force and is
// told to [Options.OnReloadError].
//
// Certificates follow the rules of tls://, see package carrier/certs, and so
// does their reload; the application protocol (ALPN) "gosig/1" is required with
// them. A listener may have both keys and a certificate.
//
// # On the wire
//
// DTLS 1.2 with extended master secret, and these cipher suites only: with
// certificates ECDHE_ECDSA and ECDHE_RSA with AES-128-GCM, AES-256-GCM or
// ChaCha20-Poly1305; with keys ECDHE_PSK with ChaCha20-Poly1305, PSK with
// AES-128-GCM or ChaCha20-Poly1305. A client shows with a cookie that it
// receives what is sent to its address before anything is computed for it. A
// listener gives its clients connection IDs (RFC 9146), if they understand them:
// their connections survive a change of address on the way. There are no session
// tickets and no resumption.
//
// Above that SCTP (RFC 9260 over DTLS as in RFC 8261, ports 5000) with one
// stream, number 0, ordered and reliable. Its messages, of up to 16 KiB and with
// the payload identifier 53, are pieces of a byte stream; that carries batches
// as package carrier/stream writes them, so a frame may be of any size.
//
// # Handshakes
//
// Accept hands out a peer that has returned its cookie; Dial returns when the
// listener has sent one. Both handshakes run by themselves from there, and end
// after [Options.HandshakeTimeout]; Handshake, and the first Receive or Send,
// wait for them. A listener has at most [Options.MaxHandshakes] under way; what
// comes beyond ends the oldest.
//
// A client that comes anew from an address that has a connection gets one, and
// the old one ends at the moment when the new handshake is complete.
//
// # The end
//
// A peer that has not been heard of for four times [Options.KeepAlive] is gone.
// Close waits, up to 2 s, while the peer goes on acknowledging what was sent.
package dtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
)

// ALPN is the application protocol that both sides agree on where certificates
// are used.
const ALPN = "gosig/1"

// ClientAuth is what a listener with a certificate asks of its clients.
type ClientAuth = certs.ClientAuth

const (
	// None: no certificate is asked for.
	None = certs.None
	// Verify: a certificate is verified if the client has one.
	Verify = certs.Verify
	// Require: a client without a valid certificate is refused.
	Require = certs.Require
)

// Options of [New]; the zero value works with addresses that name what they
// need.
type Options struct {
	// PSKs are pre-shared keys by identity. A key has 16 to 64 bytes.
	PSKs map[string][]byte
	// PSKFile holds further keys, which win over PSKs of the same identity.
	PSKFile string
	// PSKIdentity is the identity with which to dial; default: the only one
	// that there is a key for.
	PSKIdentity string

	// CertFile and KeyFile hold this side's certificate chain and key, in
	// PEM. A listener needs them, or Certificate, or keys.
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
	// ClientAuth is what a listener asks of clients that come with no key;
	// default: [Require] with a CA, [None] without.
	ClientAuth ClientAuth

	// HandshakeTimeout bounds both handshakes together; default 5 s.
	HandshakeTimeout time.Duration
	// MaxHandshakes is how many handshakes a listener has under way at once;
	// default 256.
	MaxHandshakes int
	// KeepAlive is the time between probes of a silent peer; default 15 s,
	// negative: none.
	KeepAlive time.Duration
	// MTU is the largest UDP payload sent, in bytes, 576 to 8192; default
	// 1232, which every path takes that takes IPv6.
	MTU int
	// OnReloadError is told, once for each change, when changed files cannot
	// be used and the old ones stay; default: a warning to Logger.
	OnReloadError func(error)
	// Logger gets warnings; default slog.Default().
	Logger *slog.Logger
}

const (
	defaultHandshakeTimeout = 5 * time.Second
	defaultMaxHandshakes    = 256
	defaultKeepAlive        = 15 * time.Second
	defaultMTU              = 1232
	smallestMTU             = 576
)

// Carrier is a [carrier.Carrier] for dtls.
type Carrier struct {
	opts  Options
	certs *certs.Store
	keys  *keyStore
}

// New returns the carrier. nil means the defaults.
func New(opts *Options) *Carrier {
	c := &Carrier{}
	if opts != nil {
		c.opts = *opts
	}
	c.opts.setDefaults()
	o := &c.opts
	c.certs = certs.NewStore(certs.Options{
		CertFile: o.CertFile, KeyFile: o.KeyFile, CAFile: o.CAFile, Certificate: o.Certificate, CAs: o.CAs,
		ServerName: o.ServerName, ClientAuth: o.ClientAuth, OnReloadError: o.OnReloadError, Logger: o.Logger,
	})
	c.keys = newKeyStore(o.PSKs, o.OnReloadError)
	return c
}

func (o *Options) setDefaults() {
	if o.HandshakeTimeout == 0 {
		o.HandshakeTimeout = defaultHandshakeTimeout
	}
	if o.MaxHandshakes == 0 {
		o.MaxHandshakes = defaultMaxHandshakes
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = defaultKeepAlive
	}
	if o.MTU == 0 {
		o.MTU = defaultMTU
	}
	o.MTU = min(max(o.MTU, smallestMTU), largestDatagram)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.OnReloadError == nil {
		logger := o.Logger
		o.OnReloadError = func(err error) {
			logger.Warn("files changed but cannot be used; the old ones stay", "error", err)
		}
	}
}

// Schemes implements [carrier.Carrier].
func (c *Carrier) Schemes() []string { return []string{"dtls"} }

// Dial connects to addr, see [carrier.Carrier]. It waits for the listener's
// first answer, at most as long as a handshake may take.
func (c *Carrier) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	if err := checkScheme(addr); err != nil {
		return nil, err
	}
	side, err := c.dialSide(addr)
	if err != nil {
		return nil, err
	}
	return c.dial(ctx, addr, side)
}

// Listen listens on addr, see [carrier.Carrier].
func (c *Carrier) Listen(ctx context.Context, addr *url.URL) (carrier.Listener, error) {
	if err := checkScheme(addr); err != nil {
		return nil, err
	}
	side, err := c.listenSide(addr)
	if err != nil {
		return nil, err
	}
	return c.listen(ctx, addr, side)
}

func checkScheme(addr *url.URL) error {
	if addr.Scheme != "dtls" {
		return fmt.Errorf("scheme %q is not dtls", addr.Scheme)
	}
	return carrier.CheckHostPort(addr)
}
