package serial

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// readTimeout is that of ports whose Close would wait for a Read.
const readTimeout = 100 * time.Millisecond

// timed is a port whose Read ends after readTimeout with io.EOF, or with nothing,
// as tarm/serial has it where a port cannot be open twice. An io.EOF that comes
// sooner means that the port is gone. Close waits for the Read in progress, since
// closing beside it would hang both.
type timed struct {
	rwc io.ReadWriteCloser

	reading chan struct{} // capacity 1: held by Read
	closed  atomic.Bool
}

func newTimed(rwc io.ReadWriteCloser) *timed {
	return &timed{rwc: rwc, reading: make(chan struct{}, 1)}
}

func (t *timed) Read(p []byte) (int, error) {
	t.reading <- struct{}{}
	defer func() { <-t.reading }()
	if t.closed.Load() {
		return 0, net.ErrClosed
	}
	begun := time.Now()
	n, err := t.rwc.Read(p)
	if n == 0 && err == io.EOF && time.Since(begun) >= readTimeout/2 {
		return 0, nil
	}
	return n, err
}

func (t *timed) Write(p []byte) (int, error) {
	if t.closed.Load() {
		return 0, net.ErrClosed
	}
	return t.rwc.Write(p)
}

func (t *timed) Close() error {
	t.closed.Store(true)
	t.reading <- struct{}{}
	defer func() { <-t.reading }()
	return t.rwc.Close()
}
