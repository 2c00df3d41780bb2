package serial

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial/link"
)

// dialConn is the conn of whoever dials: it has a port of its own.
type dialConn struct {
	*conn
	closed chan struct{} // closed when the port is
}

// dialled makes a conn of a port. It belongs to the conn from now on.
func dialled(s *settings, rwc io.ReadWriteCloser, role link.Role) *dialConn {
	p := newPort(s, rwc, role, client{})
	p.once = true
	c := &dialConn{conn: newConn(p), closed: make(chan struct{})}
	p.conn = c.conn
	go func() { // until the session has ended or the port has failed
		defer close(c.closed)
		_ = p.run() // the conn has been told
	}()
	return c
}

// Handshake implements [carrier.Handshaker].
func (c *dialConn) Handshake(ctx context.Context) error {
	select {
	case <-c.opened:
		return nil
	default:
	}
	select {
	case <-c.opened:
		return nil
	case <-c.shut:
		return fmt.Errorf("handshake on %s: %w", c.name, net.ErrClosed)
	case <-c.done:
		c.port.mu.Lock()
		defer c.port.mu.Unlock()
		return fmt.Errorf("handshake on %s: %w", c.name, c.err)
	case <-ctx.Done():
		err := c.interrupted("handshake on", ctx.Err())
		c.Close()
		return err
	}
}

// Close implements [carrier.Conn]: when it returns the port is closed as well.
func (c *dialConn) Close() error {
	err := c.conn.Close()
	<-c.closed
	return err
}

// client is the host of a port that was dialled.
type client struct{}

func (client) opened(*port, link.Peer) *conn { return nil } // it has one

func (client) garbled(string) {} // it is said when the time is over

func (client) refused(p *port, ev link.Event) {
	if p.conn != nil {
		p.endConn(fmt.Errorf("%w: %v", errRefused, p.refusal(ev)))
		p.lastWord = true // the other end is to know as well
	}
}

var _ carrier.Handshaker = (*dialConn)(nil)
