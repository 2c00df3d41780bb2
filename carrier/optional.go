package carrier

import "context"

// Identity is who a peer is, as far as the medium can prove it. The peer never
// just claims it.
type Identity struct {
	// ID is the name: a URI or DNS name of a certificate, "uid:1000", ...
	ID string
	// Method tells how it was proved: "tls", "unix-peercred", ...
	Method string
	// Certificate is the one that proved it, as "sha256:" and the SHA-256 of all of
	// it in hexadecimal; "" if none did. Two certificates may be for one name.
	Certificate string
}

// Identified is a [Conn] that can prove who its peer is.
type Identified interface {
	// Identity returns who the peer is, and false when the peer proved
	// nothing. Before the handshake is over it returns false.
	Identity() (Identity, bool)
}

// Handshaker is a [Conn] whose medium has a handshake of its own.
type Handshaker interface {
	// Handshake completes the handshake, or returns at once when it is over
	// already. When ctx ends first, the Conn is closed.
	Handshake(ctx context.Context) error
}

// FrameLimiter is a [Conn] whose limit on received frames can be changed.
type FrameLimiter interface {
	// SetMaxFrame sets the largest frame that Receive accepts, in bytes
	// without the length prefix. It holds for frames not yet returned, is
	// bounded by Traits.MaxFrame, and may be called beside Receive.
	SetMaxFrame(n int)
}

// BufferSource lends its caller one buffer at a time.
type BufferSource interface {
	// Take returns the buffer to read into.
	Take() []byte
	// Return takes it back: nothing was read into it.
	Return()
}

// LazyReceiver is a [Conn] that needs no buffer while it waits, so that a
// connection on which nothing happens costs no memory for one.
type LazyReceiver interface {
	// ReceiveLazily is Receive with a buffer that is taken from the source
	// when something may have arrived, and returned where that was not so.
	// With a batch or an error the caller has the buffer, if one is taken. It
	// calls the source on its own goroutine, and not after it has returned.
	ReceiveLazily(ctx context.Context, from BufferSource) (batch []byte, err error)
}

// TrySender is a [Conn] that can write without waiting, so that the goroutine
// which has something for a quiet line brings it there itself.
type TrySender interface {
	// CanTry reports whether TrySend ever takes anything; it never changes. A
	// Conn over any stream has the method also where the stream cannot.
	CanTry() bool
	// TrySend writes as much of a batch as the medium takes at once and
	// returns how many bytes that were; it never blocks. To TrySend is to Send
	// as far as other calls are concerned, and the batch stays the caller's.
	// When n is less than the batch's length the rest comes first in the next
	// Send, although it may begin inside a frame. Errors are those of Send.
	TrySend(batch []byte) (n int, err error)
}

// TrySenderOf returns conn as one that can write without waiting, and false
// when its medium cannot.
func TrySenderOf(conn Conn) (TrySender, bool) {
	c, ok := conn.(TrySender)
	if !ok || !c.CanTry() {
		return nil, false
	}
	return c, true
}

// Resumable is a [Conn] of which a Receive whose context has ended has lost nothing:
// it may be called again.
type Resumable interface {
	// CanResume reports whether that is so; it never changes.
	CanResume() bool
}

// CanResume reports whether conn says that a Receive whose context has ended may
// be called again.
func CanResume(conn Conn) bool {
	c, ok := conn.(Resumable)
	return ok && c.CanResume()
}

// IdentityOf returns who the peer of conn is, and false when the medium cannot
// tell.
func IdentityOf(conn Conn) (Identity, bool) {
	if c, ok := conn.(Identified); ok {
		return c.Identity()
	}
	return Identity{}, false
}

// Handshake completes the handshake of conn's medium, if it has one.
func Handshake(ctx context.Context, conn Conn) error {
	if c, ok := conn.(Handshaker); ok {
		return c.Handshake(ctx)
	}
	return nil
}

// ReceiveLazily receives with a buffer from the source, which a conn that is no
// [LazyReceiver] keeps while it waits.
func ReceiveLazily(ctx context.Context, conn Conn, from BufferSource) ([]byte, error) {
	if c, ok := conn.(LazyReceiver); ok {
		return c.ReceiveLazily(ctx, from)
	}
	return conn.Receive(ctx, from.Take())
}

// SetMaxFrame asks conn to accept no frame larger than n bytes, and returns the
// limit that is in force now: n, or less where the medium cannot carry that
// much, or the medium's own where it has no [FrameLimiter].
func SetMaxFrame(conn Conn, n int) int {
	largest := conn.Traits().MaxFrame
	c, ok := conn.(FrameLimiter)
	if !ok {
		return largest
	}
	n = min(n, largest)
	c.SetMaxFrame(n)
	return n
}

// BacklogLimiter is a [Conn] whose medium can be kept from taking much more than
// the line can send at the moment: what has been taken holds up all that is sent
// after it.
type BacklogLimiter interface {
	// LimitBacklog asks the medium to take no more while about n bytes wait in it
	// that have not been sent for the first time. It holds for all later calls of
	// Send and TrySend, and may be called beside them.
	LimitBacklog(n int)
}

// LimitBacklog asks conn's medium to keep no more than about n bytes before the
// line, if it can.
func LimitBacklog(conn Conn, n int) {
	if c, ok := conn.(BacklogLimiter); ok {
		c.LimitBacklog(n)
	}
}

// Datagrams is a [Conn] that can also send frames that may be lost: without
// waiting for room, without being sent again, and in no order among each other
// or with the frames of Send.
//
// Its methods may be called at any time, by any number of goroutines.
type Datagrams interface {
	// SendDatagram sends one frame, without its length, if there is room for
	// it now; it never blocks. The frame stays the caller's. An error that
	// matches [ErrFrameTooLarge] says that it does not fit, one that matches
	// [ErrNoRoom] that too many wait already: it is lost. nil does not mean
	// that it will arrive. After Close the error matches net.ErrClosed.
	SendDatagram(frame []byte) error

	// ReceiveDatagram blocks until a frame has come and returns it; it
	// belongs to the caller. Frames that nobody receives are dropped, the
	// newest first, when there are too many. A call whose context has ended
	// already returns a frame that waits, and never blocks; it may be repeated.
	// Errors are those of Receive.
	ReceiveDatagram(ctx context.Context) ([]byte, error)

	// MaxDatagram is the largest frame that fits now, in bytes; 0 while the
	// handshake is not over, or if the peer does not take datagrams.
	MaxDatagram() int
}

// DatagramsOf returns conn as one that can send frames that may be lost, and
// false if its medium cannot, or the peer does not take them. Ask when the
// handshake is over.
func DatagramsOf(conn Conn) (Datagrams, bool) {
	d, ok := conn.(Datagrams)
	if !ok || d.MaxDatagram() == 0 {
		return nil, false
	}
	return d, true
}
