//go:build unix

package stream

import (
	"io"
	"os"
	"syscall"

	"github.com/gosig/gosig/carrier"
)

// waiter reads from a socket with a buffer that it has only while it tries. It
// costs no system call more than a Read, which waits with the buffer in hand.
type waiter struct {
	raw syscall.RawConn
	try func(fd uintptr) bool

	// Of the read under way.
	from carrier.BufferSource
	buf  []byte
	n    int
	err  error
}

// newWaiter makes the waiter of a socket; nil: it has none.
func newWaiter(c syscall.Conn) LazyReader {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	w := &waiter{raw: raw}
	w.try = w.attempt
	return w
}

// ReadLazily implements [LazyReader].
func (w *waiter) ReadLazily(from carrier.BufferSource) (buf []byte, n int, err error) {
	w.from, w.buf, w.n, w.err = from, nil, 0, nil
	err = w.raw.Read(w.try)
	buf, n = w.buf, w.n
	if err == nil {
		err = w.err
	}
	w.from, w.buf = nil, nil
	return buf, n, err
}

// attempt reports whether there was anything to read, be it an error.
func (w *waiter) attempt(fd uintptr) bool {
	w.buf = w.from.Take()
	w.buf = w.buf[:cap(w.buf)]
	for {
		n, err := syscall.Read(int(fd), w.buf)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			w.buf = nil
			w.from.Return()
			return false
		case err != nil:
			w.err = os.NewSyscallError("read", err)
		case n == 0:
			w.err = io.EOF
		default:
			w.n = n
		}
		return true
	}
}
