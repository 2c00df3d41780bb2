package stream

import (
	"io"
	"net"

	"github.com/gosig/gosig/carrier"
)

// What follows are abilities of the stream that is given to [New], for those
// with a layer of their own between the socket and the frames. A Conn uses each
// that it finds.

// LazyReader needs no buffer while it waits.
type LazyReader interface {
	// ReadLazily is a Read with a buffer that it takes from the source when
	// there may be something to read, and returns where there was nothing. It
	// returns the buffer, nil if it was interrupted before it took one, and
	// how much it has read.
	ReadLazily(from carrier.BufferSource) (buf []byte, n int, err error)
}

// MoreReader knows what has arrived already.
type MoreReader interface {
	// ReadMore is called right after a Read. It reads what can be had without
	// waiting, which may be nothing.
	ReadMore(p []byte) (int, error)
}

// TryWriter can write without waiting. What makes one of a socket is in this
// package; this is for other layers that can.
type TryWriter interface {
	// TryWrite writes what is taken at once, which may be nothing, and never
	// waits for the peer. It is a Write as far as other calls are concerned.
	TryWrite(p []byte) (n int, err error)
}

// Corker joins what several Writes bring.
type Corker interface {
	// Cork lets the Writes that follow wait for more, as far as there is room.
	Cork()
	// Uncork writes what has waited.
	Uncork() error
}

// lazyReaderOf returns the stream as a LazyReader: sockets of the operating
// system's are made one.
func lazyReaderOf(rwc io.ReadWriteCloser) LazyReader {
	if l, ok := rwc.(LazyReader); ok {
		return l
	}
	switch c := rwc.(type) {
	case *net.TCPConn:
		return newWaiter(c)
	case *net.UnixConn:
		return newWaiter(c)
	}
	return nil
}

func moreReaderOf(rwc io.ReadWriteCloser) MoreReader {
	m, _ := rwc.(MoreReader)
	return m
}

func corkerOf(rwc io.ReadWriteCloser) Corker {
	c, _ := rwc.(Corker)
	return c
}

// NewSocketReader returns a reader of a socket that takes its buffer when there
// is something to read, as far as the system can tell.
func NewSocketReader(nc net.Conn) LazyReader {
	if l := lazyReaderOf(nc); l != nil {
		return l
	}
	return eager{nc}
}

// eager takes the buffer and waits.
type eager struct{ r io.Reader }

func (e eager) ReadLazily(from carrier.BufferSource) (buf []byte, n int, err error) {
	buf = from.Take()
	buf = buf[:cap(buf)]
	n, err = e.r.Read(buf)
	return buf, n, err
}
