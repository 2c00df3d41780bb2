package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/gosig/gosig/carrier"
)

// ListenerOptions of [NewListener]; the zero value works.
type ListenerOptions struct {
	// Addr is the URL to dial; default: made of the net.Listener's address.
	Addr string
	// Wrap makes a Conn of an accepted connection, without waiting for
	// anything the peer must say; default: [New]. On an error the connection
	// is closed, and Accept goes on.
	Wrap func(net.Conn) (carrier.Conn, error)
}

// Listener is a [carrier.Listener] over a net.Listener.
type Listener struct {
	ln   net.Listener
	opts ListenerOptions

	start    sync.Once     // starts the accepting goroutine
	accepted chan net.Conn // unbuffered, so that the excess waits in the backlog; closed by run
	quit     chan struct{} // closed by Close
	wg       sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	failure error // why run ended
}

// NewListener returns a Listener over ln, which belongs to it from now on.
func NewListener(ln net.Listener, opts *ListenerOptions) *Listener {
	l := &Listener{ln: ln, accepted: make(chan net.Conn), quit: make(chan struct{})}
	if opts != nil {
		l.opts = *opts
	}
	if l.opts.Addr == "" {
		l.opts.Addr = addrURL(ln.Addr())
	}
	if l.opts.Wrap == nil {
		l.opts.Wrap = func(nc net.Conn) (carrier.Conn, error) { return New(nc, nil), nil }
	}
	return l
}

// Accept returns the next connection, see [carrier.Listener].
func (l *Listener) Accept(ctx context.Context) (carrier.Conn, error) {
	l.start.Do(l.startRun)
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("accept: %w", err)
		}
		select {
		case nc, ok := <-l.accepted:
			if !ok {
				return nil, fmt.Errorf("accept on %s: %w", l.opts.Addr, l.why())
			}
			conn, err := l.opts.Wrap(nc)
			if err == nil {
				return conn, nil
			}
			nc.Close() // this peer is of no use; the next may be
		case <-ctx.Done():
			return nil, fmt.Errorf("accept: %w", ctx.Err())
		}
	}
}

// startRun starts the accepting goroutine, which ends with Close. It is a
// goroutine since a net.Listener knows no context.
func (l *Listener) startRun() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		close(l.accepted)
		return
	}
	l.wg.Go(l.run)
}

func (l *Listener) run() {
	defer close(l.accepted)
	pause := time.Duration(0)
	for {
		nc, err := l.ln.Accept()
		if err == nil {
			pause = 0
			if !l.hand(nc) {
				return
			}
			continue
		}
		if !scarce(err) {
			l.fail(err)
			return
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		if !l.wait(pause) {
			return
		}
	}
}

// scarce reports whether err tells of a shortage that may pass, such as of file
// descriptors.
func scarce(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM) ||
		errors.Is(err, syscall.ECONNABORTED)
}

func (l *Listener) hand(nc net.Conn) bool {
	select {
	case l.accepted <- nc:
		return true
	case <-l.quit:
		nc.Close()
		return false
	}
}

func (l *Listener) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.quit:
		return false
	}
}

func (l *Listener) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failure = err
}

func (l *Listener) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.failure == nil {
		return net.ErrClosed
	}
	return l.failure
}

// Close stops listening, see [carrier.Listener].
func (l *Listener) Close() error {
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	l.mu.Unlock()
	if !first {
		l.wg.Wait()
		return nil
	}
	close(l.quit)
	err := l.ln.Close()
	l.wg.Wait()
	return err
}

// Addr is the URL to dial.
func (l *Listener) Addr() string { return l.opts.Addr }
