package mem

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/gosig/gosig/carrier"
)

// largestFrame is how far SetMaxFrame can go.
const largestFrame = 1 << 30

// conn is one end: it receives from in and sends to out.
type conn struct {
	in, out       *pipe
	local, remote string
	peer          string // who the other end says it is; "" unknown
	limit         atomic.Int64
}

func newPair(buffer int) (a, b *conn) {
	ab, ba := newPipe(buffer), newPipe(buffer)
	a, b = &conn{in: ba, out: ab}, &conn{in: ab, out: ba}
	a.limit.Store(carrier.DefaultMaxFrame)
	b.limit.Store(carrier.DefaultMaxFrame)
	return a, b
}

func (c *conn) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	batch, err := c.in.receive(ctx, buf, &c.limit)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("receive from %s: %w", c.remote, err)
	}
	return batch, err
}

func (c *conn) Send(ctx context.Context, batches ...[]byte) error {
	for _, b := range batches {
		if err := c.out.send(ctx, b); err != nil {
			return fmt.Errorf("send to %s: %w", c.remote, err)
		}
	}
	return nil
}

// Close lets the peer have what was sent, then io.EOF, and takes nothing more
// from it.
func (c *conn) Close() error {
	c.in.close(&c.in.reader)
	c.out.close(&c.out.writer)
	return nil
}

func (c *conn) Traits() carrier.Traits {
	return carrier.Traits{
		Reliable: true, Ordered: true, Confidential: true,
		PeerIdentity: c.peer != "", MaxFrame: largestFrame,
	}
}

// Identity implements [carrier.Identified].
func (c *conn) Identity() (carrier.Identity, bool) {
	return carrier.Identity{ID: c.peer, Method: "mem"}, c.peer != ""
}

// CanResume implements [carrier.Resumable].
func (c *conn) CanResume() bool { return true }

func (c *conn) SetMaxFrame(n int) {
	c.limit.Store(int64(min(max(n, 1), largestFrame)))
}

func (c *conn) LocalAddr() string  { return c.local }
func (c *conn) RemoteAddr() string { return c.remote }

// pipe is one direction: a bounded store of whole frames between one writer and
// one reader.
type pipe struct {
	bound int
	// readable and writable wake the reader and the writer; one place each,
	// since there is one of each and it looks again; never closed.
	readable, writable chan struct{}

	mu     sync.Mutex
	store  []byte // frames not yet received start at head
	head   int
	broken error // the writer gave up inside a Send
	reader end
	writer end
}

// end is one side of a pipe.
type end struct {
	closed bool
}

func newPipe(bound int) *pipe {
	return &pipe{bound: bound, readable: make(chan struct{}, 1), writable: make(chan struct{}, 1)}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake, or will be
	}
}

func wait(ctx context.Context, c chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pipe) close(e *end) {
	p.mu.Lock()
	e.closed = true
	if p.reader.closed {
		p.store, p.head = nil, 0
	}
	p.mu.Unlock()
	wake(p.readable)
	wake(p.writable)
}

// send stores the frames of batch, as room permits.
func (p *pipe) send(ctx context.Context, batch []byte) error {
	for {
		rest, err := p.put(ctx, batch)
		if err != nil || len(rest) == 0 {
			return err
		}
		batch = rest
		if err := wait(ctx, p.writable); err != nil {
			p.breakOff(err)
			return err
		}
	}
}

// put stores frames of batch until there is no room, and returns the others.
func (p *pipe) put(ctx context.Context, batch []byte) (rest []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.writer.closed:
		return nil, net.ErrClosed
	case p.broken != nil:
		return nil, fmt.Errorf("an earlier Send was broken off: %w", p.broken)
	case p.reader.closed:
		return nil, fmt.Errorf("the peer has closed the connection: %w", io.ErrClosedPipe)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	defer wake(p.readable)
	for len(batch) > 0 {
		frame, rest, err := carrier.Next(batch)
		if err != nil {
			p.broken = err
			return nil, err
		}
		size := carrier.FrameOverhead + len(frame)
		if queued := len(p.store) - p.head; queued > 0 && queued+size > p.bound {
			break
		}
		p.add(batch[:size])
		batch = rest
	}
	return batch, nil
}

// add stores one frame, moving the others down when that spares memory.
func (p *pipe) add(frame []byte) {
	if p.head > 0 && len(p.store)+len(frame) > cap(p.store) {
		p.store = p.store[:copy(p.store, p.store[p.head:])]
		p.head = 0
	}
	p.store = append(p.store, frame...)
}

func (p *pipe) breakOff(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = err
}

// receive takes as many whole frames as buf holds, one at least. The limit may
// change while it waits.
func (p *pipe) receive(ctx context.Context, buf []byte, limit *atomic.Int64) ([]byte, error) {
	for {
		batch, err := p.take(ctx, buf, int(limit.Load()))
		if err != nil || len(batch) > 0 {
			return batch, err
		}
		if err := wait(ctx, p.readable); err != nil {
			return nil, err
		}
	}
}

func (p *pipe) take(ctx context.Context, buf []byte, limit int) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reader.closed {
		return nil, net.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	queued := p.store[p.head:]
	if len(queued) == 0 {
		if p.writer.closed {
			return nil, io.EOF
		}
		return nil, nil
	}
	frames, _, err := carrier.Split(queued, cap(buf), limit)
	if err != nil {
		return nil, err
	}
	batch := append(buf[:0], frames...)
	p.drop(len(frames))
	wake(p.writable)
	return batch, nil
}

// drop forgets the first size bytes, and a store that a large frame blew up.
func (p *pipe) drop(size int) {
	p.head += size
	if p.head < len(p.store) {
		return
	}
	p.store, p.head = p.store[:0], 0
	if cap(p.store) > 2*p.bound {
		p.store = nil
	}
}
