package dtls

import (
	"context"
	"net"
	"net/url"

	"github.com/pion/dtls/v3"

	"github.com/gosig/gosig/carrier"
)

func (c *Carrier) dial(ctx context.Context, addr *url.URL, s *side) (carrier.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "udp", addr.Host)
	if err != nil {
		return nil, carrier.ExplainDial(ctx, addr, err)
	}
	if err := ctx.Err(); err != nil { // opening a UDP socket waits for nothing
		nc.Close()
		return nil, err
	}
	sock := newSocket(nc.(*net.UDPConn))
	conn := newConn(s, sock, true, sock.remote)
	go conn.run(func() (*dtls.Conn, error) { // ends with the handshake or Close
		return dtls.ClientWithOptions(sock, sock.remote, s.client()...)
	})
	return conn, conn.awaitAnswer(ctx, addr, sock)
}

// awaitAnswer waits until the listener has answered. On an error the conn is
// closed.
func (c *conn) awaitAnswer(ctx context.Context, addr *url.URL, sock *socket) error {
	select {
	case <-sock.answered:
		return nil
	case <-c.done:
		if c.failure == nil {
			return nil
		}
		c.Close()
		return explainNoAnswer(ctx, addr, c.failure)
	case <-ctx.Done():
		c.Close()
		return carrier.ExplainDial(ctx, addr, ctx.Err())
	}
}
