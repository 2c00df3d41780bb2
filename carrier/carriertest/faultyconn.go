package carriertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/gosig/gosig/carrier"
)

// faultyConn is one end of a connection with faults, which strike in Send.
type faultyConn struct {
	carrier.Conn
	f    *FaultyCarrier
	done chan struct{} // closed by the first Close
	once sync.Once
	// after is called when the conn was closed; may be nil.
	after func()

	// Used by the goroutine in Send.
	timing  *rand.Rand
	dice    *dice
	cutAt   int // bytes sent until the connection is cut; -1 never
	sent    int
	broken  error
	altered []byte // what is left of the batches; reused

	mu     sync.Mutex
	failed error // the connection was cut
}

// Send sends what the faults leave of the batches, when they let it.
func (c *faultyConn) Send(ctx context.Context, batches ...[]byte) error {
	if c.broken != nil && !c.closed() {
		return c.broken
	}
	if err := c.pause(ctx); err != nil {
		c.broken = err
		return fmt.Errorf("send: %w", err)
	}
	if !c.dice.harmless() {
		batches = [][]byte{c.alter(batches)}
	}
	size := 0
	for _, b := range batches {
		size += len(b)
	}
	if c.cutAt >= 0 && c.sent+size > c.cutAt && !c.closed() && c.f.mayCut() {
		return c.cut(ctx, batches)
	}
	c.sent += size
	return c.Conn.Send(ctx, batches...)
}

// pause takes the time that this Send is held up.
func (c *faultyConn) pause(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, d := &c.f.faults, time.Duration(0)
	if f.Delay > 0 {
		c.f.delays.Add(1)
		d = time.Duration(c.timing.Int64N(int64(f.Delay) + 1))
	}
	if f.Stall > 0 && c.timing.IntN(f.StallEvery) == 0 {
		c.f.stalls.Add(1)
		d += f.Stall
	}
	if d == 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return net.ErrClosed
	}
}

// alter returns one batch with what the dice leave.
func (c *faultyConn) alter(batches [][]byte) []byte {
	c.altered = c.altered[:0]
	emit := func(f []byte) { c.altered = carrier.AppendFrame(c.altered, f) }
	for _, b := range batches {
		for f := range carrier.Frames(b) {
			c.dice.throw(f, emit)
		}
	}
	if c.dice.reliable {
		c.dice.release(emit) // nothing may stay behind
	}
	return c.altered
}

// cut sends what is due before the cut, and ends the connection.
func (c *faultyConn) cut(ctx context.Context, batches [][]byte) error {
	var all []byte
	for _, b := range batches {
		all = append(all, b...)
	}
	left := all[:c.cutAt-c.sent]
	whole := 0
	for whole < len(left) {
		f, _, err := carrier.Next(left[whole:])
		if err != nil {
			break
		}
		whole += carrier.FrameOverhead + len(f)
	}
	if !c.f.faults.Torn {
		left = left[:whole]
	}
	// What goes wrong here is nothing to a connection that ends anyway.
	_ = c.Conn.Send(ctx, left[:whole])
	if whole < len(left) {
		_ = c.Conn.Send(ctx, left[whole:])
	}
	c.broken = fmt.Errorf("%w after %d bytes", ErrCut, c.cutAt)
	c.mu.Lock()
	c.failed = c.broken
	c.mu.Unlock()
	_ = c.Conn.Close()
	return c.broken
}

// ErrCut is matched by what the end of a connection sees that [Faulty] has cut.
var ErrCut = errors.New("the connection was cut on purpose")

// Receive receives as ever, until the connection is cut.
func (c *faultyConn) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	batch, err := c.Conn.Receive(ctx, buf)
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(err, net.ErrClosed) && c.failed != nil && !c.closed() {
		err = c.failed
	}
	return batch, err
}

func (c *faultyConn) closed() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// Close ends the pauses as well.
func (c *faultyConn) Close() error {
	c.once.Do(func() { close(c.done) })
	err := c.Conn.Close()
	if c.after != nil {
		c.after()
	}
	return err
}

// ChannelBinding implements [carrier.Bound].
func (c *faultyConn) ChannelBinding() ([]byte, bool) { return carrier.ChannelBindingOf(c.Conn) }

// Identity implements [carrier.Identified].
func (c *faultyConn) Identity() (carrier.Identity, bool) { return carrier.IdentityOf(c.Conn) }

// withAbilities gives a conn the optional abilities of the one that it is put
// around, and no others.
func (c *faultyConn) withAbilities() carrier.Conn {
	limiter, limits := c.Conn.(carrier.FrameLimiter)
	shaker, shakes := c.Conn.(carrier.Handshaker)
	beside, datagrams := c.Conn.(carrier.Datagrams)
	switch {
	case limits && shakes && datagrams:
		return struct {
			*faultyConn
			carrier.FrameLimiter
			carrier.Handshaker
			carrier.Datagrams
		}{c, limiter, shaker, beside}
	case limits && shakes:
		return struct {
			*faultyConn
			carrier.FrameLimiter
			carrier.Handshaker
		}{c, limiter, shaker}
	case limits:
		return struct {
			*faultyConn
			carrier.FrameLimiter
		}{c, limiter}
	case shakes:
		return struct {
			*faultyConn
			carrier.Handshaker
		}{c, shaker}
	}
	return c
}
