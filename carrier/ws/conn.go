package ws

import (
	"crypto/tls"
	"net"

	"github.com/coder/websocket"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/stream"
)

// Conn is a [carrier.Conn] over a WebSocket connection.
type Conn struct {
	*stream.Conn
	identity carrier.Identity     // ID "": the peer has proved nothing
	tls      *tls.ConnectionState // nil: there is no TLS
}

// newConn returns the conn of an upgraded connection; state is that of TLS, if
// it is over TLS.
func newConn(c *websocket.Conn, s *socket, state *tls.ConnectionState, identity carrier.Identity) *Conn {
	scheme := plain
	if state != nil {
		scheme = secure
	}
	c.SetReadLimit(-1) // frames have a limit; messages are not kept
	return &Conn{
		Conn: stream.New(&messages{ws: c, socket: s}, &stream.Options{
			LocalAddr: endpoint(scheme, s.LocalAddr()), RemoteAddr: endpoint(scheme, s.RemoteAddr()),
			Confidential: scheme == secure, PeerIdentity: scheme == secure,
		}),
		identity: identity, tls: state,
	}
}

func endpoint(scheme string, a net.Addr) string { return scheme + "://" + a.String() }

// Identity implements [carrier.Identified].
func (c *Conn) Identity() (carrier.Identity, bool) { return c.identity, c.identity.ID != "" }

// ChannelBinding implements [carrier.Bound]. Behind a proxy that ends TLS the two
// ends have different ones, or one of them none.
func (c *Conn) ChannelBinding() ([]byte, bool) {
	if c.tls == nil {
		return nil, false
	}
	return carrier.TLSBinding(*c.tls)
}

// Security implements [carrier.Secured].
func (c *Conn) Security() (carrier.Security, bool) {
	if c.tls == nil {
		return carrier.Security{}, false
	}
	return carrier.TLSSecurity(*c.tls)
}
