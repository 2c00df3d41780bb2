package serial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial/link"
)

// Datagrams of the link: frames that are sent once. It keeps few of those that wait
// to be sent, since what is late on a slow line is worth little.

const (
	// sentDatagrams wait in the link, each way.
	sentDatagrams = 8
	// waitingDatagrams wait for ReceiveDatagram; what comes beyond is dropped.
	waitingDatagrams = 64
)

// MaxDatagram implements [carrier.Datagrams].
func (c *conn) MaxDatagram() int {
	c.port.mu.Lock()
	defer c.port.mu.Unlock()
	if !c.isOpen() {
		return 0
	}
	return c.peer.MTU
}

// SendDatagram implements [carrier.Datagrams].
func (c *conn) SendDatagram(frame []byte) error {
	p := c.port
	p.mu.Lock()
	defer p.mu.Unlock()
	err := c.sendErr()
	switch {
	case errors.Is(err, net.ErrClosed), c.err != nil:
	case !c.isOpen():
		err = carrier.ErrNoRoom
	case len(frame) > c.peer.MTU:
		err = carrier.TooLarge(len(frame), c.peer.MTU)
	case len(frame) == 0:
		err = carrier.ErrProtocol
	default:
		if err = p.m.SendDatagram(frame); errors.Is(err, link.ErrNoRoom) {
			err = carrier.ErrNoRoom
		}
		p.look(p.now())
	}
	if err != nil {
		return fmt.Errorf("send datagram to %s: %w", c.name, err)
	}
	return nil
}

// ReceiveDatagram implements [carrier.Datagrams].
func (c *conn) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	for {
		frame, err := c.nextDatagram()
		if frame != nil || err != nil {
			return frame, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		select {
		case <-c.gram:
		case <-c.done:
		case <-c.shut:
		case <-ctx.Done():
		}
	}
}

// nextDatagram returns the oldest that waits, or why there will be none.
func (c *conn) nextDatagram() ([]byte, error) {
	c.port.mu.Lock()
	defer c.port.mu.Unlock()
	err := c.err
	switch {
	case c.closed:
		err = net.ErrClosed
	case len(c.grams) > 0:
		frame := c.grams[0]
		c.grams = c.grams[1:]
		if len(c.grams) > 0 {
			signal(c.gram) // whoever else waits
		}
		return frame, nil
	case err == nil, err == io.EOF:
		return nil, err
	}
	return nil, fmt.Errorf("receive datagram from %s: %w", c.name, err)
}

// takeDatagrams takes those that have come out of the link.
func (p *port) takeDatagrams() {
	for c := p.conn; c != nil; {
		frame, ok := p.m.Datagram(nil)
		switch {
		case !ok:
			return
		case c.closed, len(frame) == 0, len(c.grams) == waitingDatagrams:
			continue // lost, as any of them may be
		}
		c.grams = append(c.grams, frame)
		signal(c.gram)
	}
}
