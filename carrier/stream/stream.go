// Package stream makes a carrier.Conn of any byte stream: a net.Conn, a pipe, a
// serial port, any io.ReadWriteCloser.
//
// A frame crosses as its length in 4 bytes, big-endian, and its bytes: a batch
// of package carrier goes out as it is, and what comes in is read straight into
// the receiver's buffer.
//
//	conn := stream.New(netConn, nil)
//	defer conn.Close()
//	batch, err := conn.Receive(ctx, buf)
//
// # Cancellation
//
// On a stream with deadlines (every net.Conn, an *os.File that is a pipe) a
// Receive whose context ends has lost nothing and may be called again. A Send
// whose context ends has broken the connection, since a part of a frame may be
// out. A stream without deadlines has one way only to be interrupted: the end
// of a context closes it, also in Receive. A context that cannot end costs
// nothing, the same context again next to nothing.
package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/gosig/gosig/carrier"
)

// largestFrame is how far [Conn.SetMaxFrame] can go.
const largestFrame = 1 << 30

// Options of [New]; the zero value works.
type Options struct {
	// MaxFrame is the largest frame accepted, in bytes; default 1 MiB.
	MaxFrame int
	// Confidential says that nobody on the way can read the stream.
	Confidential bool
	// PeerIdentity says that a type around the Conn can prove the peer's
	// identity.
	PeerIdentity bool
	// LocalAddr and RemoteAddr name the two ends; default: as the stream
	// says if it is a net.Conn, else "stream".
	LocalAddr, RemoteAddr string
	// Explain may give a better error for a first frame that is refused,
	// from its first four bytes: they often show who called the wrong port.
	// nil, or a nil error: the plain one.
	Explain func(header []byte) error
}

// Conn is a [carrier.Conn] over a byte stream.
type Conn struct {
	rwc           io.ReadWriteCloser
	deadlines     deadlines // of rwc; nil: it has none
	traits        carrier.Traits
	local, remote string
	limit         atomic.Int64 // largest frame accepted

	in  input   // used by the goroutine in Receive
	out output  // used by the goroutine in Send
	try attempt // the same

	readWatch, writeWatch watch

	closed    atomic.Bool
	closeOnce sync.Once
	closeErr  error // written within closeOnce
}

// New returns a Conn over rwc, which belongs to it from now on. A Close of rwc
// must unblock its Read and Write.
func New(rwc io.ReadWriteCloser, opts *Options) *Conn {
	if opts == nil {
		opts = &Options{}
	}
	c := &Conn{
		rwc: rwc,
		traits: carrier.Traits{
			Reliable: true, Ordered: true, MaxFrame: largestFrame,
			Confidential: opts.Confidential, PeerIdentity: opts.PeerIdentity,
		},
		local: opts.LocalAddr, remote: opts.RemoteAddr,
	}
	c.nameEnds()
	c.deadlines = deadlinesOf(rwc)
	c.readWatch.interrupt, c.readWatch.resume = c.interruptRead, c.resumeRead
	c.writeWatch.interrupt, c.writeWatch.resume = c.interruptWrite, c.resumeWrite
	c.in = input{r: rwc, limit: &c.limit, explain: opts.Explain}
	c.in.lazy, c.in.more = lazyReaderOf(rwc), moreReaderOf(rwc)
	c.out = output{w: rwc, vectored: vectored(rwc), corker: corkerOf(rwc)}
	c.try.on(rwc)
	if opts.MaxFrame == 0 {
		c.SetMaxFrame(carrier.DefaultMaxFrame)
	} else {
		c.SetMaxFrame(opts.MaxFrame)
	}
	return c
}

func (c *Conn) nameEnds() {
	local, remote := "stream", "stream"
	if nc, ok := c.rwc.(net.Conn); ok {
		local, remote = addrURL(nc.LocalAddr()), addrURL(nc.RemoteAddr())
	}
	if c.local == "" {
		c.local = local
	}
	if c.remote == "" {
		c.remote = remote
	}
}

func addrURL(a net.Addr) string {
	if a == nil {
		return "stream"
	}
	return a.Network() + "://" + a.String()
}

// Receive returns the next whole frames, see [carrier.Conn].
func (c *Conn) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	if err := c.begin(ctx, &c.readWatch); err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	batch, err := c.in.receive(buf)
	c.finish(&c.readWatch)
	if err != nil {
		return nil, c.explain(ctx, "receive", err)
	}
	return batch, nil
}

// Send writes batches, see [carrier.Conn].
func (c *Conn) Send(ctx context.Context, batches ...[]byte) error {
	if c.out.broken != nil {
		return c.explain(ctx, "send", c.out.broken)
	}
	if err := c.begin(ctx, &c.writeWatch); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	err := c.out.send(batches)
	c.finish(&c.writeWatch)
	if err != nil {
		return c.explain(ctx, "send", err)
	}
	return nil
}

// begin makes the end of ctx interrupt what follows.
func (c *Conn) begin(ctx context.Context, w *watch) error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w.arm(ctx)
	return nil
}

var preposition = map[string]string{"receive": "receive from", "send": "send to"}

// finish is called after an operation. A stream without deadlines is closed by
// the end of a context, which must not happen when nothing is going on.
func (c *Conn) finish(w *watch) {
	if w.done != nil && (w.brief || c.deadlines == nil) {
		w.disarm()
	}
}

// explain turns an error of the stream into what [carrier.Conn] promises.
func (c *Conn) explain(ctx context.Context, op string, err error) error {
	if cause := c.cause(ctx, err); cause != nil {
		return fmt.Errorf("%s: %w", op, cause)
	}
	if err == io.EOF {
		return io.EOF
	}
	if ne, ok := err.(*net.OpError); ok && (ne.Op == "read" || ne.Op == "raw-read" || ne.Op == "write") {
		err = ne.Err // the addresses in it are c.remote once more
	}
	return fmt.Errorf("%s %s: %w", preposition[op], c.remote, err)
}

// cause returns why this side ended the operation, nil if it did not.
func (c *Conn) cause(ctx context.Context, err error) error {
	closed := c.closed.Load()
	if closed || errors.Is(err, os.ErrDeadlineExceeded) {
		if ctxErr := ctx.Err(); ctxErr != nil {
			return ctxErr
		}
	}
	if closed {
		return net.ErrClosed
	}
	return nil
}

// Close closes the stream, see [carrier.Conn].
func (c *Conn) Close() error {
	c.closed.Store(true)
	c.closeOnce.Do(func() {
		c.closeErr = c.rwc.Close()
	})
	c.readWatch.close()
	c.writeWatch.close()
	return c.closeErr
}

// SetMaxFrame sets the largest frame that Receive accepts, in bytes.
func (c *Conn) SetMaxFrame(n int) {
	c.limit.Store(int64(min(max(n, 1), largestFrame)))
}

// Traits implements [carrier.Conn].
func (c *Conn) Traits() carrier.Traits { return c.traits }

// LocalAddr names this end.
func (c *Conn) LocalAddr() string { return c.local }

// RemoteAddr names the other end.
func (c *Conn) RemoteAddr() string { return c.remote }
