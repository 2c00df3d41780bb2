package stream

import (
	"context"
	"sync"
	"time"
)

// watch interrupts the operations of one direction when their context ends.
//
// It stays armed from one operation to the next as long as these bring the same
// context (told by its Done channel), so that a loop pays for it once.
type watch struct {
	done <-chan struct{} // what is watched; used only by the goroutine that calls arm

	mu     sync.Mutex
	stop   func() bool   // ends the watching; nil: nothing is watched
	fired  chan struct{} // closed by the watcher when it has interrupted
	closed bool
}

// arm lets the end of ctx call interrupt, from now on, in place of the context
// before. resume undoes an interruption by that one, which may have come when
// nothing was left to interrupt.
func (w *watch) arm(ctx context.Context, interrupt, resume func()) {
	done := ctx.Done()
	if done == w.done {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = done
	if w.stop != nil && !w.stop() {
		<-w.fired // it does nothing but interrupt
		resume()
	}
	w.stop, w.fired = nil, nil
	if done == nil || w.closed {
		return
	}
	fired := make(chan struct{})
	w.fired = fired
	w.stop = context.AfterFunc(ctx, func() {
		defer close(fired)
		interrupt()
	})
}

// close ends the watching for good, so that the context does not keep the
// connection in memory.
func (w *watch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.stop != nil {
		w.stop()
	}
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

func (c *Conn) interruptRead() {
	d, ok := c.rwc.(interface{ SetReadDeadline(time.Time) error })
	if !ok || d.SetReadDeadline(longAgo) != nil {
		c.abandon()
	}
}

// resumeRead takes back interruptRead. If that fails, the next Read does too.
func (c *Conn) resumeRead() {
	if d, ok := c.rwc.(interface{ SetReadDeadline(time.Time) error }); ok {
		_ = d.SetReadDeadline(time.Time{})
	}
}

func (c *Conn) interruptWrite() {
	d, ok := c.rwc.(interface{ SetWriteDeadline(time.Time) error })
	if !ok || d.SetWriteDeadline(longAgo) != nil {
		c.abandon()
	}
}

// resumeWrite takes back interruptWrite.
func (c *Conn) resumeWrite() {
	if d, ok := c.rwc.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = d.SetWriteDeadline(time.Time{})
	}
}

// abandon closes a stream that has no deadlines. It is no Close of the Conn,
// which would wait for the watcher that calls this.
func (c *Conn) abandon() {
	c.closed.Store(true)
	c.closeOnce.Do(func() {
		c.closeErr = c.rwc.Close()
	})
}
