package quic

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"

	quicgo "github.com/quic-go/quic-go"
)

// endpoint is a socket and the QUIC transport on it. A client has one of its
// own, without which its address could not change; a listener shares one with
// the connections it accepted. It ends when nobody holds it any more.
type endpoint struct {
	transport *quicgo.Transport
	socket    *net.UDPConn
	holders   atomic.Int64
}

// newEndpoint returns an endpoint with one holder.
func newEndpoint(udp *net.UDPConn) *endpoint {
	e := &endpoint{socket: udp, transport: &quicgo.Transport{Conn: socket{udp}}}
	e.holders.Store(1)
	return e
}

func (e *endpoint) hold() { e.holders.Add(1) }

// release ends the endpoint with its last holder.
func (e *endpoint) release() {
	if e.holders.Add(-1) > 0 {
		return
	}
	_ = e.transport.Close() // nobody is left to be told
	_ = e.socket.Close()
}

// socket treats a packet that the network did not take as lost on the way: a
// network that is down for a moment or changes its address must not end a
// connection, which QUIC would do.
type socket struct{ *net.UDPConn }

func (s socket) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	n, oobn, err = s.UDPConn.WriteMsgUDP(b, oob, addr)
	if err != nil && passing(err) {
		return len(b), len(oob), nil
	}
	return n, oobn, err
}

// passing reports whether a later packet may well be taken.
func passing(err error) bool {
	for _, errno := range []syscall.Errno{
		syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL,
		syscall.ENOBUFS, syscall.ECONNREFUSED,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
