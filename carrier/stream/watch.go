package stream

import (
	"context"
	"io"
	"sync"
	"time"
)

// watch interrupts the operations of one direction when their context ends.
//
// On a stream with deadlines it stays armed from one operation to the next as
// long as these bring the same context (told by its Done channel), so that a
// loop pays for it once: an interruption that hits no operation is taken back. A
// context with a deadline is watched for one operation only: mostly it is that of a
// handshake, whose end would start a goroutine for each direction to interrupt
// nothing.
type watch struct {
	interrupt func() // ends the operation
	resume    func() // undoes an interruption

	done <-chan struct{} // what is watched; used only by the goroutine that calls arm

	mu     sync.Mutex
	stop   func() bool   // ends the watching; nil: nothing is watched
	fired  chan struct{} // closed by the watcher when it has interrupted
	closed bool
	brief  bool // it is watched for one operation only; as done
}

// arm lets the end of ctx interrupt, from now on, in place of the context
// before. An interruption by that one, which may have come when nothing was
// left to interrupt, is undone.
func (w *watch) arm(ctx context.Context) {
	done := ctx.Done()
	if done == w.done {
		return
	}
	_, w.brief = ctx.Deadline()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = done
	if w.stop != nil && !w.stop() {
		<-w.fired // it does nothing but interrupt
		w.resume()
	}
	w.stop, w.fired = nil, nil
	if done == nil || w.closed {
		return
	}
	fired := make(chan struct{})
	w.fired = fired
	w.stop = context.AfterFunc(ctx, func() {
		w.interrupt()
		close(fired)
		w.forget(fired)
	})
}

// forget lets go of a context that has ended. A connection is often idle after
// it was opened under one.
func (w *watch) forget(fired chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fired == fired {
		w.stop = hasFired
	}
}

// hasFired is the stop of a context that has ended.
func hasFired() bool { return false }

// close ends the watching for good, so that the context does not keep the
// connection in memory.
func (w *watch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.stop != nil && w.stop() {
		w.stop, w.fired = nil, nil // nobody is to wait for a watcher that never runs
	}
}

// disarm ends the watching of the context, so that its end after the operation
// changes nothing.
func (w *watch) disarm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop != nil && !w.stop() {
		<-w.fired
		w.resume()
	}
	w.done, w.stop, w.fired = nil, nil, nil
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// deadlines is what a stream needs so that its operations can be interrupted
// one by one.
type deadlines interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// deadlinesOf returns nil for a stream whose only interruption is its end. Some
// files have the methods and refuse them.
func deadlinesOf(rwc io.ReadWriteCloser) deadlines {
	d, ok := rwc.(deadlines)
	if !ok || d.SetReadDeadline(time.Time{}) != nil || d.SetWriteDeadline(time.Time{}) != nil {
		return nil
	}
	return d
}

func (c *Conn) interruptRead() {
	if c.deadlines == nil || c.deadlines.SetReadDeadline(longAgo) != nil {
		c.abandon()
	}
}

func (c *Conn) interruptWrite() {
	if c.deadlines == nil || c.deadlines.SetWriteDeadline(longAgo) != nil {
		c.abandon()
	}
}

// resumeRead takes back interruptRead. If that fails, the next Read does too.
func (c *Conn) resumeRead() {
	if c.deadlines != nil {
		_ = c.deadlines.SetReadDeadline(time.Time{})
	}
}

// resumeWrite takes back interruptWrite. If that fails, the next Write does too.
func (c *Conn) resumeWrite() {
	if c.deadlines != nil {
		_ = c.deadlines.SetWriteDeadline(time.Time{})
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
