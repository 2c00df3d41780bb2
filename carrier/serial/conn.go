package serial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial/link"
)

// conn is a [carrier.Conn]: one session of the link on a port.
type conn struct {
	port *port
	name string // "serial:///dev/ttyUSB0"

	avail  chan struct{}      // capacity 1: a frame has come; never closed
	gram   chan struct{}      // capacity 1: a datagram has come; never closed
	room   chan struct{}      // capacity 1: the link has room for a Send that waits; never closed
	opened chan struct{}      // closed when the session has begun
	done   chan struct{}      // closed when it has ended, err says why
	shut   chan struct{}      // closed by Close
	pong   chan time.Duration // capacity 1: a Ping was answered; never closed
	gone   chan struct{}      // closed when the port has nothing more to do with it

	// Guarded by port.mu.
	in     inbox
	grams  [][]byte  // that have come
	peer   link.Peer // once opened is closed
	limit  int       // of a frame
	wants  bool      // a Send waits for room
	broken error     // of Send
	err    error     // once done is closed
	closed bool
}

func newConn(p *port) *conn {
	return &conn{
		port: p, name: "serial://" + slashed(p.set.line.Path), limit: min(carrier.DefaultMaxFrame, p.set.maxMessage),
		avail: make(chan struct{}, 1), gram: make(chan struct{}, 1), room: make(chan struct{}, 1),
		opened: make(chan struct{}), done: make(chan struct{}), shut: make(chan struct{}), pong: make(chan time.Duration, 1), gone: make(chan struct{}),
	}
}

// slashed is a path as it is in an address.
func slashed(path string) string {
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	return path
}

// open begins the session.
func (c *conn) open(peer link.Peer) {
	c.peer = peer
	close(c.opened)
}

// isOpen reports whether the session has begun.
func (c *conn) isOpen() bool {
	select {
	case <-c.opened:
		return true
	default:
		return false
	}
}

// fail ends the session for the conn, for the first reason that is given.
func (c *conn) fail(err error) {
	if c.err == nil {
		c.err = err
		close(c.done)
	}
}

// lost is the error of a session that the link has lost.
func (c *conn) lost(reason link.Reason) error {
	if reason == link.ReasonClosed {
		return c.in.end()
	}
	return lostError(reason)
}

// Receive implements [carrier.Conn].
func (c *conn) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	return c.receive(ctx, func() []byte { return buf })
}

// ReceiveLazily implements [carrier.LazyReceiver].
func (c *conn) ReceiveLazily(ctx context.Context, from carrier.BufferSource) ([]byte, error) {
	return c.receive(ctx, from.Take)
}

func (c *conn) receive(ctx context.Context, take func() []byte) ([]byte, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, c.interrupted("receive from", err)
		}
		batch, some, err := c.hand(take)
		if some || err != nil {
			return batch, err
		}
		select {
		case <-c.avail:
		case <-c.done:
		case <-c.shut:
		case <-ctx.Done():
		}
	}
}

// hand returns frames if there are some, else why there will be none.
func (c *conn) hand(take func() []byte) (batch []byte, some bool, err error) {
	p := c.port
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case c.closed:
		return nil, false, fmt.Errorf("receive from %s: %w", c.name, net.ErrClosed)
	case !c.in.some() && c.err == io.EOF:
		return nil, false, io.EOF
	case !c.in.some() && c.err != nil:
		return nil, false, fmt.Errorf("receive from %s: %w", c.name, c.err)
	case !c.in.some():
		return nil, false, nil
	}
	batch, err = c.in.hand(take(), c.limit)
	if err != nil {
		return nil, false, fmt.Errorf("receive from %s: %w", c.name, err)
	}
	if p.conn == c {
		p.settle() // there may be room for more
		p.look(p.now())
	}
	return batch, true, nil
}

// interrupted is the error of an operation whose context has ended.
func (c *conn) interrupted(doing string, err error) error {
	if !c.isOpen() {
		c.port.mu.Lock()
		defer c.port.mu.Unlock()
		if c.err == nil {
			err = c.unanswered(err)
		}
	}
	return fmt.Errorf("%s %s: %w", doing, c.name, err)
}

// Send implements [carrier.Conn]. A frame that is larger than the peer accepts is
// an error that matches [carrier.ErrFrameTooLarge], and nothing of any is sent.
func (c *conn) Send(ctx context.Context, batches ...[]byte) error {
	if err := c.send(ctx, batches); err != nil {
		c.port.mu.Lock()
		defer c.port.mu.Unlock()
		if c.broken == nil {
			c.broken = err
		}
		return err
	}
	return nil
}

func (c *conn) send(ctx context.Context, batches [][]byte) error {
	select {
	case <-c.opened:
	case <-c.done:
	case <-c.shut:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return c.interrupted("send to", err)
	}
	s := sending{conn: c}
	for _, b := range batches {
		if err := s.check(b); err != nil {
			return fmt.Errorf("send to %s: %w", c.name, err)
		}
	}
	for _, b := range batches {
		s.batch = b
		for more := true; more; {
			var err error
			if more, err = s.step(); err != nil {
				return fmt.Errorf("send to %s: %w", c.name, err)
			}
			if !more {
				break
			}
			select {
			case <-c.room:
			case <-c.done:
			case <-c.shut:
			case <-ctx.Done():
				return c.interrupted("send to", ctx.Err())
			}
		}
	}
	return nil
}

// sending is a Send in progress.
type sending struct {
	conn  *conn
	batch []byte // what is left of it, from the next frame on
	rest  []byte // of the frame that has been begun
}

// check refuses what must not be sent.
func (s *sending) check(batch []byte) error {
	c := s.conn
	c.port.mu.Lock()
	defer c.port.mu.Unlock()
	if err := c.sendErr(); err != nil {
		return err
	}
	return carrier.Check(batch, c.peer.MaxMessage)
}

// sendErr is why nothing can be sent; nil if it can.
func (c *conn) sendErr() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.broken != nil:
		return fmt.Errorf("an earlier Send has failed: %w", c.broken)
	case c.err == io.EOF:
		return fmt.Errorf("the peer has closed: %w", io.ErrClosedPipe)
	}
	return c.err
}

// step gives the link what it has room for, and reports whether something of the
// batch is left.
func (s *sending) step() (more bool, err error) {
	c, p := s.conn, s.conn.port
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := c.sendErr(); err != nil {
		return false, err
	}
	defer func() { p.look(p.now()) }()
	for len(s.rest) > 0 || len(s.batch) > 0 {
		if len(s.rest) == 0 {
			frame, rest, err := carrier.Next(s.batch)
			if err != nil {
				return false, err
			}
			if err := p.m.Start(len(frame)); errors.Is(err, link.ErrNoRoom) {
				c.wants = true
				return true, nil
			} else if err != nil {
				return false, err
			}
			s.rest, s.batch = frame, rest
		}
		n, err := p.m.Write(s.rest)
		if err != nil {
			return false, err
		}
		if s.rest = s.rest[n:]; len(s.rest) > 0 {
			c.wants = true
			return true, nil
		}
	}
	return false, nil
}

// Close implements [carrier.Conn].
func (c *conn) Close() error {
	p := c.port
	p.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.shut)
		switch {
		case p.conn != c:
		case c.isOpen():
			p.startLinger()
		default: // nobody has answered yet
			p.endConn(net.ErrClosed)
			p.poke()
		}
	}
	p.mu.Unlock()
	<-c.gone
	return nil
}

// Traits implements [carrier.Conn].
func (c *conn) Traits() carrier.Traits {
	set := c.port.set
	t := carrier.Traits{Reliable: true, Ordered: true, PeerIdentity: true, MaxFrame: set.maxMessage}
	if set.paced {
		t.Rate = set.rate()
	}
	return t
}

// SetMaxFrame implements [carrier.FrameLimiter].
func (c *conn) SetMaxFrame(n int) {
	c.port.mu.Lock()
	defer c.port.mu.Unlock()
	c.limit = min(n, c.port.set.maxMessage)
}

// Identity implements [carrier.Identified].
func (c *conn) Identity() (carrier.Identity, bool) {
	if !c.isOpen() {
		return carrier.Identity{}, false
	}
	return carrier.Identity{ID: c.port.set.line.Path, Method: Method}, true
}

// LocalAddr implements [carrier.Conn].
func (c *conn) LocalAddr() string { return c.name }

// RemoteAddr implements [carrier.Conn].
func (c *conn) RemoteAddr() string { return c.name }

// Linked is what every conn of this package is beside a [carrier.Conn].
type Linked interface {
	// Peer returns what the two ends of the link have agreed, and false while
	// they have not.
	Peer() (link.Peer, bool)
	// LinkStats returns the counters of the link, which at a listener may
	// begin with an earlier session on the same port.
	LinkStats() link.Stats
	// Ping asks the other end of the link for a sign of life and returns how
	// long that took, on a line on which nothing else is under way. One
	// goroutine may be in it; after a context has ended a late answer may be
	// taken for that of the next call.
	Ping(ctx context.Context) (time.Duration, error)
}

// Peer implements [Linked].
func (c *conn) Peer() (link.Peer, bool) {
	c.port.mu.Lock()
	defer c.port.mu.Unlock()
	return c.peer, c.isOpen()
}

// LinkStats implements [Linked].
func (c *conn) LinkStats() link.Stats {
	c.port.mu.Lock()
	defer c.port.mu.Unlock()
	return c.port.m.Stats()
}

// Ping implements [Linked].
func (c *conn) Ping(ctx context.Context) (time.Duration, error) {
	select {
	case <-c.pong: // too late for the call before
	default:
	}
	c.port.mu.Lock()
	err := c.sendErr()
	if err == nil && !c.isOpen() {
		err = link.ErrClosed
	}
	if err == nil {
		c.port.m.Ping()
		c.port.look(c.port.now())
	}
	c.port.mu.Unlock()
	if err != nil {
		return 0, fmt.Errorf("ping %s: %w", c.name, err)
	}
	select {
	case took := <-c.pong:
		return took, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("ping %s: %w", c.name, ctx.Err())
	case <-c.done:
		c.port.mu.Lock()
		defer c.port.mu.Unlock()
		return 0, fmt.Errorf("ping %s: %w", c.name, c.err)
	case <-c.shut:
		return 0, fmt.Errorf("ping %s: %w", c.name, net.ErrClosed)
	}
}

// errTimeout is for a peer that has not answered in time.
func errTimeout(limit time.Duration) error {
	return fmt.Errorf("no session within %v: %w", limit, context.DeadlineExceeded)
}
