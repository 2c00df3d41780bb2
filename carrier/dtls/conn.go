package dtls

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/stream"
)

// maxFrame is the largest frame that a conn can be set to carry.
const maxFrame = 16 << 20

// link is the datagrams of one peer: a client's socket, or a listener's session.
type link interface {
	net.PacketConn
	// settle is told that the handshake of DTLS is over, hush that its last
	// message has arrived: from then on only protected records are of use.
	settle()
	hush()
	// roundTrip is how long the exchange of the cookie took.
	roundTrip() time.Duration
	// end closes the link for a reason, which reason returns, nil if it was
	// not closed by end.
	end(why error)
	reason() error
	// release is called after Close, when nothing uses the link any more.
	release()
}

// stage is how far a handshake has come, for the explanation of its failure.
type stage struct {
	claimed atomic.Pointer[string]
	secure  atomic.Bool
}

// claim notes who the client says it is.
func (s *stage) claim(identity string) { s.claimed.Store(&identity) }

// conn is a [carrier.Conn] over DTLS and SCTP. Its handshakes run in a goroutine
// of its own from the beginning.
type conn struct {
	*stream.Conn
	side   *side
	link   link
	chann  *channel
	client bool
	stage  stage
	began  context.Context // ends with the limit of the handshake, or Close
	cancel context.CancelFunc

	done     chan struct{}    // closed when the handshakes are over
	failure  error            // of the handshakes; set before done is closed
	identity carrier.Identity // set before done is closed
	security carrier.Security // set before done is closed
	binding  []byte           // set before done is closed

	closed    atomic.Bool
	closeOnce sync.Once
}

func newConn(s *side, l link, client bool, remote net.Addr) *conn {
	c := &conn{side: s, link: l, client: client, chann: newChannel(l), done: make(chan struct{})}
	c.began, c.cancel = context.WithTimeout(context.Background(), s.c.opts.HandshakeTimeout)
	c.Conn = stream.New(c.chann, &stream.Options{
		LocalAddr: "dtls://" + l.LocalAddr().String(), RemoteAddr: "dtls://" + remote.String(),
		Confidential: true, PeerIdentity: true,
	})
	return c
}

// run does both handshakes. It ends with them, with their limit, or with Close.
func (c *conn) run(start func() (*dtls.Conn, error)) {
	defer close(c.done)
	defer c.cancel()
	if err := c.shake(start); err != nil {
		c.failure = c.explain(err)
		c.drop()
	}
}

func (c *conn) shake(start func() (*dtls.Conn, error)) error {
	dc, err := start()
	if err != nil {
		return err
	}
	c.chann.dtls = dc
	if err := dc.HandshakeContext(c.began); err != nil {
		return err
	}
	c.stage.secure.Store(true)
	state, ok := dc.ConnectionState()
	if !ok {
		return errors.New("DTLS has no state after its handshake")
	}
	c.link.settle()
	if c.client {
		c.link.hush()
	}
	if err := c.chann.open(c.began, dc, c.client, c.side.c.opts.MTU-recordOverhead); err != nil {
		return err
	}
	c.link.hush()
	if every := c.side.c.opts.KeepAlive; every > 0 {
		c.chann.watch = newWatch(every, c.chann.assoc, c.link)
	}
	c.identity, c.security = c.side.identity(&state, c.client), securityOf(&state)
	c.binding, _ = carrier.ExportBinding(state.ExportKeyingMaterial)
	return nil
}

// drop releases what a failed handshake has left, without waiting for the peer.
func (c *conn) drop() {
	if c.chann.assoc != nil {
		_ = c.chann.assoc.Close()
	}
	if c.chann.dtls != nil {
		_ = c.chann.dtls.Close()
	}
	_ = c.link.Close()
}

// Handshake implements [carrier.Handshaker].
func (c *conn) Handshake(ctx context.Context) error {
	select {
	case <-c.done:
	default:
		select {
		case <-c.done:
		case <-ctx.Done():
			err := c.unfinished(ctx.Err())
			c.Close()
			return fmt.Errorf("DTLS handshake with %s: %w", c.RemoteAddr(), err)
		}
	}
	if c.closed.Load() {
		return fmt.Errorf("DTLS handshake with %s: %w", c.RemoteAddr(), net.ErrClosed)
	}
	if c.failure != nil {
		return fmt.Errorf("DTLS handshake with %s: %w", c.RemoteAddr(), c.failure)
	}
	return nil
}

// Receive completes the handshake, then receives.
func (c *conn) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	if err := c.Handshake(ctx); err != nil {
		return nil, err
	}
	return c.Conn.Receive(ctx, buf)
}

// Send completes the handshake, then sends.
func (c *conn) Send(ctx context.Context, batches ...[]byte) error {
	if err := c.Handshake(ctx); err != nil {
		return err
	}
	return c.Conn.Send(ctx, batches...)
}

// Close implements [carrier.Conn].
func (c *conn) Close() error {
	c.closed.Store(true)
	c.closeOnce.Do(func() {
		c.cancel()
		<-c.done
		_ = c.Conn.Close()
	})
	return nil
}

// Traits implements [carrier.Conn].
func (c *conn) Traits() carrier.Traits {
	t := c.Conn.Traits()
	t.MaxFrame = maxFrame
	return t
}

// SetMaxFrame implements [carrier.FrameLimiter].
func (c *conn) SetMaxFrame(n int) { c.Conn.SetMaxFrame(min(n, maxFrame)) }

// Identity implements [carrier.Identified].
func (c *conn) Identity() (carrier.Identity, bool) {
	select {
	case <-c.done:
		return c.identity, c.identity.ID != ""
	default:
		return carrier.Identity{}, false
	}
}
