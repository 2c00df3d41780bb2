package serial

import (
	"io"
	"net"
	"sync"
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

	reading sync.Mutex // held by Read
	mu      sync.Mutex
	closed  bool
}

func newTimed(rwc io.ReadWriteCloser) *timed { return &timed{rwc: rwc} }

func (t *timed) Read(p []byte) (int, error) {
	t.reading.Lock()
	defer t.reading.Unlock()
	if t.isClosed() {
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
	if t.isClosed() {
		return 0, net.ErrClosed
	}
	return t.rwc.Write(p)
}

func (t *timed) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

func (t *timed) Close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.reading.Lock()
	defer t.reading.Unlock()
	return t.rwc.Close()
}
