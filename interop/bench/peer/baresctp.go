package peer

import (
	"net"

	"github.com/pion/dtls/v3"
	"github.com/pion/sctp"
)

// bareSCTP is one stream of pion/sctp over pion/dtls as a net.Conn: bytes, cut
// into messages of the size that is best for it. Its handshakes are those of the
// first Read, which comes before any Write on the server's side. A Write waits
// where it would gather everything in memory; the rest is as it is by default.
type bareSCTP struct {
	net.Conn // DTLS
	assoc    *sctp.Association
	strm     *sctp.Stream
	message  []byte // large enough for any
	rest     []byte // of the last message
}

// bareMessage is what package sctp takes least time for, for each byte; larger
// ones cost the square of their number of packets.
const bareMessage = 16 << 10

// The one key of all, and the suite that gosig prefers.
const pskIdentity = "bench"

var (
	psk      = []byte("0123456789abcdef")
	pskSuite = dtls.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256
)

func pskOf([]byte) ([]byte, error) { return psk, nil }

type sctpListener struct{ net.Listener }

func listenSCTP() (net.Listener, error) {
	ln, err := dtls.ListenWithOptions("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)},
		dtls.WithPSK(pskOf), dtls.WithCipherSuites(pskSuite))
	return sctpListener{ln}, err
}

func (l sctpListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &bareSCTP{Conn: nc}, nil
}

func dialSCTP(env Env) (net.Conn, error) {
	addr, err := net.ResolveUDPAddr("udp", env.Address)
	if err != nil {
		return nil, err
	}
	nc, err := dtls.DialWithOptions("udp", addr,
		dtls.WithPSK(pskOf), dtls.WithPSKIdentityHint([]byte(pskIdentity)), dtls.WithCipherSuites(pskSuite))
	if err != nil {
		return nil, err
	}
	c := &bareSCTP{Conn: nc}
	return c, c.open(sctp.ClientWithOptions(c.config()))
}

func (c *bareSCTP) config() sctp.Config { return sctp.Config{NetConn: c.Conn, BlockWrite: true} }

func (c *bareSCTP) open(assoc *sctp.Association, err error) error {
	if err != nil {
		return err
	}
	c.assoc, c.message = assoc, make([]byte, bareMessage)
	c.strm, err = assoc.OpenStream(0, sctp.PayloadTypeWebRTCBinary)
	return err
}

func (c *bareSCTP) Read(p []byte) (int, error) {
	if c.assoc == nil {
		if err := c.open(sctp.ServerWithOptions(c.config())); err != nil {
			return 0, err
		}
	}
	if len(c.rest) == 0 {
		if len(p) >= bareMessage {
			return c.strm.Read(p)
		}
		n, err := c.strm.Read(c.message)
		if err != nil {
			return 0, err
		}
		c.rest = c.message[:n]
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *bareSCTP) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		n, err := c.strm.Write(p[done:min(done+bareMessage, len(p))])
		if err != nil {
			return done, err
		}
		done += n
	}
	return len(p), nil
}

// Close ends the association, and DTLS with it.
func (c *bareSCTP) Close() error {
	if c.assoc == nil {
		return c.Conn.Close()
	}
	return c.assoc.Close()
}
