package serial

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tarmLike is a port as tarm/serial has it where it cannot be open twice: Read
// ends after its timeout with io.EOF, and Close beside a Read hangs both.
type tarmLike struct {
	reading atomic.Bool
	data    chan []byte
	gone    chan struct{}
}

func (p *tarmLike) Read(b []byte) (int, error) {
	p.reading.Store(true)
	defer p.reading.Store(false)
	timeout := time.NewTimer(readTimeout)
	defer timeout.Stop()
	select {
	case d := <-p.data:
		return copy(b, d), nil
	case <-p.gone:
		return 0, io.EOF
	case <-timeout.C:
		return 0, io.EOF
	}
}

func (p *tarmLike) Write(b []byte) (int, error) { return len(b), nil }

func (p *tarmLike) Close() error {
	if p.reading.Load() {
		select {} // as it does
	}
	return nil
}

// TestTimed: a timeout is told from the end, and Close does not hang.
func TestTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &tarmLike{data: make(chan []byte), gone: make(chan struct{})}
		p := newTimed(inner)
		buf := make([]byte, 10)
		n, err := p.Read(buf)
		assert.NoError(t, err, "a timeout is not the end")
		assert.Zero(t, n)
		go func() { inner.data <- []byte("abc") }()
		n, err = p.Read(buf)
		require.NoError(t, err)
		assert.Equal(t, "abc", string(buf[:n]))
		n, err = p.Write(buf)
		require.NoError(t, err)
		assert.Equal(t, 10, n)

		reading := make(chan error) // one result
		go func() {
			for {
				if _, err := p.Read(buf); err != nil {
					reading <- err
					return
				}
			}
		}()
		synctest.Wait()
		require.NoError(t, p.Close())
		assert.Equal(t, net.ErrClosed, <-reading)
		_, err = p.Write(buf)
		assert.Equal(t, net.ErrClosed, err)

		inner = &tarmLike{data: make(chan []byte), gone: make(chan struct{})}
		close(inner.gone)
		_, err = newTimed(inner).Read(buf)
		assert.Equal(t, io.EOF, err, "what ends at once is gone")
	})
}
