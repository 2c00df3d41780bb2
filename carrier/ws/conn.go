package ws

import (
	"net"

	"github.com/coder/websocket"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/stream"
)

// Conn is a [carrier.Conn] over a WebSocket connection.
type Conn struct {
	*stream.Conn
	identity carrier.Identity // ID "": the peer has proved nothing
}

// newConn returns the conn of an upgraded connection. secure says that it is
// over TLS.
func newConn(c *websocket.Conn, s *socket, scheme string, identity carrier.Identity) *Conn {
	c.SetReadLimit(-1) // frames have a limit; messages are not kept
	return &Conn{
		Conn: stream.New(&messages{ws: c, socket: s}, &stream.Options{
			LocalAddr: endpoint(scheme, s.LocalAddr()), RemoteAddr: endpoint(scheme, s.RemoteAddr()),
			Confidential: scheme == secure, PeerIdentity: scheme == secure,
		}),
		identity: identity,
	}
}

func endpoint(scheme string, a net.Addr) string { return scheme + "://" + a.String() }

// Identity implements [carrier.Identified].
func (c *Conn) Identity() (carrier.Identity, bool) { return c.identity, c.identity.ID != "" }
