package quic

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// maxMoves bounds the sockets that one connection holds: QUIC needs those that
// it has left until the end.
const maxMoves = 32

// Migrate moves the connection to another local address, "ip:port" with port 0
// for any, while it goes on: nothing is lost, doubled or swapped. It returns
// when the peer has answered on the new path and sending has moved to it. On an
// error everything stays as it was. Only the side that dialled can move, and
// only some dozens of times; LocalAddr stays as it was.
//
// It may be called beside Send and Receive, by one goroutine at a time.
func (c *Conn) Migrate(ctx context.Context, local string) error {
	if c.called == "" {
		return errors.New("migrate: only the side that dialled can change its address")
	}
	if err := c.Handshake(ctx); err != nil {
		return err
	}
	if err := c.migrate(ctx, local); err != nil {
		return fmt.Errorf("migrate to %s: %w", local, err)
	}
	return nil
}

func (c *Conn) migrate(ctx context.Context, local string) error {
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "udp", local)
	if err != nil {
		return err
	}
	e := newEndpoint(pc.(*net.UDPConn))
	if err := c.link.add(e); err != nil {
		e.release()
		return err
	}
	path, err := c.link.conn.AddPath(e.transport)
	if err != nil {
		return err
	}
	if err := path.Probe(ctx); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("the peer cannot be reached from there (%w)", ctx.Err())
		}
		_ = path.Close() // it was never in use
		return err
	}
	return path.Switch()
}

// add makes the link hold e until it has ended: also after a move that failed,
// since QUIC has made the new socket known to the connection.
func (l *link) add(e *endpoint) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closing:
		return net.ErrClosed
	case len(l.extra) == maxMoves:
		return fmt.Errorf("moved %d times: dial anew", maxMoves)
	}
	l.extra = append(l.extra, e)
	return nil
}
