package quic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
	"github.com/gosig/gosig/carrier/stream"
)

// Conn is a [carrier.Conn] over QUIC. Its handshake runs on first use.
//
// A Receive whose context ends has lost nothing. A Send whose context ends has
// broken the connection, since a part of a frame may be out.
type Conn struct {
	*stream.Conn
	link   *link
	limit  time.Duration // for the handshake
	called string        // the server's name that was verified; "" on the server's side
	leave  func()        // gives the slot of a half-open connection back; nil: there is none

	turn     chan struct{}                    // capacity 1: held by the one that shakes hands
	identity atomic.Pointer[carrier.Identity] // set by the handshake, at its end; ID "": none

	datagrams     datagrams
	takeDatagrams bool // the peer does; written before identity is
}

// newConn is for the side that dialled: its connection is through with QUIC's
// handshake.
func newConn(qc *quicgo.Conn, e *endpoint, called string, limit time.Duration, leave func()) *Conn {
	return wrap(newLink(qc, e), called, limit, leave)
}

func wrap(l *link, called string, limit time.Duration, leave func()) *Conn {
	return &Conn{
		Conn: stream.New(l, &stream.Options{
			LocalAddr: "quic://" + l.LocalAddr().String(), RemoteAddr: "quic://" + l.RemoteAddr().String(),
			Confidential: true, PeerIdentity: true,
		}),
		link: l, limit: limit, called: called, leave: leave,
		turn: make(chan struct{}, 1),
	}
}

// Handshake implements [carrier.Handshaker].
func (c *Conn) Handshake(ctx context.Context) error {
	if c.identity.Load() != nil {
		return nil
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return c.failed(ctx, ctx, ctx.Err())
	}
	if c.identity.Load() != nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	s, err := c.open(limited)
	if err == nil {
		err = c.link.begin(s)
	}
	if err != nil {
		return c.failed(ctx, limited, err)
	}
	identity := c.peer()
	c.takeDatagrams = c.link.conn.ConnectionState().SupportsDatagrams.Remote
	c.identity.Store(&identity)
	if c.leave != nil {
		c.leave()
	}
	return nil
}

// open opens the one stream, or waits for the client to do so.
func (c *Conn) open(ctx context.Context) (*quicgo.Stream, error) {
	if c.called != "" {
		s, err := c.link.conn.OpenStreamSync(ctx)
		if err != nil {
			return nil, err
		}
		_, err = s.Write([]byte(Preface)) // so little does not block
		return s, err
	}
	select {
	case <-c.link.conn.HandshakeComplete():
	case <-c.link.conn.Context().Done():
		return nil, context.Cause(c.link.conn.Context())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s, err := c.link.conn.AcceptStream(ctx)
	if err != nil {
		return nil, err
	}
	return s, readPreface(ctx, s)
}

var errPreface = fmt.Errorf("%w: the stream does not begin as one of %s", carrier.ErrProtocol, ALPN)

func readPreface(ctx context.Context, s *quicgo.Stream) error {
	stop := context.AfterFunc(ctx, func() { _ = s.SetReadDeadline(time.Unix(1, 0)) })
	var got [len(Preface)]byte
	if _, err := io.ReadFull(s, got[:]); err != nil {
		return err
	}
	if !stop() {
		return ctx.Err() // the deadline stands, or is about to
	}
	if string(got[:]) != Preface {
		return errPreface
	}
	return nil
}

func (c *Conn) peer() carrier.Identity {
	state := c.link.conn.ConnectionState().TLS
	if c.called == "" {
		return certs.ClientIdentity(state)
	}
	return certs.ServerIdentity(state, c.called)
}

// failed closes the conn after a handshake that failed and returns the reason.
func (c *Conn) failed(ctx, limited context.Context, err error) error {
	switch {
	case c.link.closed():
		err = net.ErrClosed
	case ctx.Err() != nil:
		err = ctx.Err()
	case limited.Err() != nil, timedOut(err):
		err = fmt.Errorf("not finished within the limit of %v (%w)", c.limit, context.DeadlineExceeded)
	case errors.Is(err, errPreface):
		_ = c.link.conn.CloseWithError(codeProtocol, err.Error())
	default:
		err = explain(err)
	}
	if err == io.EOF {
		err = errPeerClosed
	}
	c.Close()
	return fmt.Errorf("QUIC handshake with %s: %w", c.RemoteAddr(), err)
}

// Receive completes the handshake, then receives.
func (c *Conn) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	if err := c.Handshake(ctx); err != nil {
		return nil, err
	}
	return c.Conn.Receive(ctx, buf)
}

// ReceiveLazily implements [carrier.LazyReceiver].
func (c *Conn) ReceiveLazily(ctx context.Context, from carrier.BufferSource) ([]byte, error) {
	if err := c.Handshake(ctx); err != nil {
		return nil, err
	}
	return stream.Socket{Conn: c.Conn}.ReceiveLazily(ctx, from)
}

// Send completes the handshake, then sends.
func (c *Conn) Send(ctx context.Context, batches ...[]byte) error {
	if err := c.Handshake(ctx); err != nil {
		return err
	}
	return c.Conn.Send(ctx, batches...)
}

// TrySend implements [carrier.TrySender]. It takes nothing before the handshake is
// over.
func (c *Conn) TrySend(batch []byte) (int, error) {
	if c.identity.Load() == nil && !c.link.closed() {
		return 0, nil
	}
	return c.Conn.TrySend(batch)
}

// Close ends the connection, see the package's comment and [carrier.Conn].
func (c *Conn) Close() error {
	err := c.Conn.Close()
	c.datagrams.close()
	return err
}

// Security implements [carrier.Secured].
func (c *Conn) Security() (carrier.Security, bool) {
	if c.identity.Load() == nil {
		return carrier.Security{}, false
	}
	return carrier.TLSSecurity(c.link.conn.ConnectionState().TLS)
}

// ChannelBinding implements [carrier.Bound].
func (c *Conn) ChannelBinding() ([]byte, bool) {
	if c.identity.Load() == nil {
		return nil, false
	}
	return carrier.TLSBinding(c.link.conn.ConnectionState().TLS)
}

// Identity implements [carrier.Identified].
func (c *Conn) Identity() (carrier.Identity, bool) {
	id := c.identity.Load()
	if id == nil || id.ID == "" {
		return carrier.Identity{}, false
	}
	return *id, true
}
