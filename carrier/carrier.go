// Package carrier says what a medium must do to carry gosig's frames.
//
// A [Carrier] dials and listens, a [Conn] moves whole frames both ways, a
// [Listener] hands out the conns that peers open. A frame is opaque here: what
// its bytes mean is the business of package wire. Everything above works over
// any carrier that keeps the promises written at these interfaces, and package
// carriertest checks that one does.
//
// # Batches
//
// Frames travel in batches so that one system call and one lock serve many of
// them. A batch is a []byte of whole frames, each preceded by its length:
//
//	0        4              4+n      8+n
//	+--------+--------------+--------+-----
//	| n (BE) | n bytes ...  | m (BE) | ...
//	+--------+--------------+--------+-----
//
// A length is never 0. [AppendFrame], [Next] and [Frames] build and read
// batches. Over a byte stream a batch is also exactly what crosses the wire.
//
// # Using one
//
//	set, err := carrier.NewSet(tcp.New(nil), mem.New())
//	conn, err := set.Dial(ctx, "tcp://127.0.0.1:7440")
//	err = conn.Send(ctx, carrier.AppendFrame(nil, []byte("hello")))
//	batch, err := conn.Receive(ctx, make([]byte, 4096))
//	for frame := range carrier.Frames(batch) { ... }
package carrier

import (
	"context"
	"net/url"
)

// DefaultMaxFrame is the largest frame a [Conn] accepts until SetMaxFrame says
// otherwise, in bytes without the length prefix.
const DefaultMaxFrame = 1 << 20

// Conn moves whole frames between two ends, both ways, in order.
//
// One goroutine may be in Receive while another is in Send; two at once in the
// same of the two are not allowed. Close, Traits, LocalAddr, RemoteAddr and the
// optional methods may be called at any time, by anyone.
type Conn interface {
	// Receive blocks until at least one whole frame has arrived and returns
	// a batch of whole frames, as many as are at hand.
	//
	// It reads into buf[:cap(buf)], whose old content is lost. When a frame
	// is larger than that, the batch is a larger slice, grown as bytes
	// arrive and never by a length that was only declared. The batch belongs
	// to the caller and is not touched again; buf, if the batch is not part
	// of it, stays the caller's as well. On an error the caller has buf back.
	//
	// Errors: io.EOF when the peer closed between two frames,
	// io.ErrUnexpectedEOF when it did inside one, [ErrFrameTooLarge] and
	// [ErrProtocol] for what the peer must not send, net.ErrClosed after
	// Close, the context's error when ctx ended. Frames that arrived before
	// the cause of an error are returned first. Where the carrier says so a
	// Receive that was cancelled may be called again and has lost nothing;
	// after every other error the Conn is of no further use.
	Receive(ctx context.Context, buf []byte) (batch []byte, err error)

	// Send writes all batches, each of whole frames, and returns when the
	// medium has taken them; it blocks while the medium takes no more. The
	// caller keeps the batches and the slice of them, which are not written
	// to, and may reuse them once Send has returned, with or without error.
	//
	// Returning nil does not mean that the peer has them. After an error, or
	// when ctx ended, the peer may have got any part and the Conn accepts
	// nothing more: close it. After Close the error matches net.ErrClosed.
	Send(ctx context.Context, batches ...[]byte) error

	// Close ends the connection and unblocks Receive and Send, which return
	// an error that matches net.ErrClosed. What Send has accepted is still
	// delivered if the medium can do so without waiting for the peer. Close
	// does not block for long, and is safe to call again.
	Close() error

	// Traits tell what this connection is good for; they never change.
	Traits() Traits

	// LocalAddr and RemoteAddr name the two ends, for people: the form of a
	// URL where there is one. They are valid after Close as well.
	LocalAddr() string
	RemoteAddr() string
}

// Traits say what a medium is. The conformance suite chooses its cases by them.
type Traits struct {
	// Reliable: what Send accepted arrives, or the Conn fails. Without it a
	// frame may be lost.
	Reliable bool
	// Ordered: frames arrive in the order of sending. Without it they may
	// overtake each other. Either way what arrives is whole, was sent, and
	// comes once.
	Ordered bool
	// Confidential: nobody on the way can read along.
	Confidential bool
	// PeerIdentity: the conn can prove who the peer is, see [Identified].
	PeerIdentity bool
	// MaxFrame is the largest frame that the medium can be set to carry, in
	// bytes without the length prefix. It is an upper bound for
	// [FrameLimiter]; the limit in force to begin with is the smaller of it
	// and [DefaultMaxFrame].
	MaxFrame int
	// Rate is how many bytes a second the medium carries at most, one way, if
	// it has a speed of its own that is known, such as that of a serial line;
	// else 0. It tells how long a Send may take.
	Rate int
}

// Listener hands out the connections that peers open.
type Listener interface {
	// Accept blocks until a peer has connected. It does not wait for
	// anything the peer must say: a handshake runs in the Conn, on first use
	// or by [Handshake], so that a silent peer delays nobody. Any number of
	// goroutines may call it. A cancelled Accept loses no connection and the
	// next one works. After Close the error matches net.ErrClosed.
	Accept(ctx context.Context) (Conn, error)

	// Close stops listening and unblocks Accept. Connections that were
	// handed out live on; those that nobody accepted are closed. Safe to
	// call again.
	Close() error

	// Addr is the URL to dial, with the port that was given for port 0.
	Addr() string
}

// Carrier dials and listens on one medium. All methods may be called by any
// number of goroutines.
type Carrier interface {
	// Schemes are the URL schemes it serves, in lower case.
	Schemes() []string

	// Dial connects to addr. It returns once the medium has a connection,
	// which need not mean that handshakes are over, see [Handshake]. An
	// unknown query parameter is an error, see [Query].
	Dial(ctx context.Context, addr *url.URL) (Conn, error)

	// Listen starts listening on addr; ctx ends the set-up, not the listener.
	Listen(ctx context.Context, addr *url.URL) (Listener, error)
}
