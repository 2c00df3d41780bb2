// Package flow keeps publishers within a window of the slowest subscriber, so
// that a rate is one of delivered messages: nobody's queue grows without end,
// and whatever does not arrive is noticed.
//
//	w := flow.NewWindow(32768, 2048)
//	sink := w.NewSink(16)         // a subscriber calls sink.Take for each message
//	for w.Acquire() {             // a publisher
//		publish(2048)
//	}
package flow

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Window bounds how many messages are under way. Publishers acquire blocks of
// messages, which cost one compare-and-swap each.
type Window struct {
	size, block int64
	sinks       []*Sink

	sent    atomic.Int64
	stopped atomic.Bool
	waiters atomic.Int32
	wakeAt  atomic.Int64 // what the slowest sink must have taken for waiters to go on

	mu   sync.Mutex
	free sync.Cond // waiters of Acquire
}

// NewWindow makes a window of size messages that publishers use in blocks.
func NewWindow(size, block int) *Window {
	w := &Window{size: int64(max(size, block)), block: int64(block)}
	w.free.L = &w.mu
	return w
}

// NewSink adds a subscriber that takes every message, each of the given number
// of bytes. All sinks are made before the first Acquire.
func (w *Window) NewSink(payload int) *Sink {
	s := newSink(payload, w.block)
	s.window = w
	w.sinks = append(w.sinks, s)
	return s
}

// Acquire waits for room for one block. It returns false after Stop.
func (w *Window) Acquire() bool {
	for !w.stopped.Load() {
		sent := w.sent.Load()
		switch {
		case sent+w.block > w.least()+w.size:
			w.wait()
		case w.sent.CompareAndSwap(sent, sent+w.block):
			return true
		}
	}
	return false
}

// wait sleeps until half of the window is free: waking a publisher for each
// block would measure the scheduler.
func (w *Window) wait() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiters.Add(1)
	defer w.waiters.Add(-1)
	w.wakeAt.Store(w.sent.Load() - w.size/2)
	for !w.stopped.Load() && w.least() < w.wakeAt.Load() {
		w.free.Wait()
	}
}

// progress is called by a sink that has taken n messages so far.
func (w *Window) progress(n int64) {
	if w.waiters.Load() == 0 || n < w.wakeAt.Load() || w.least() < w.wakeAt.Load() {
		return
	}
	w.mu.Lock()
	w.free.Broadcast()
	w.mu.Unlock()
}

func (w *Window) least() int64 {
	least := w.sinks[0].count.Load()
	for _, s := range w.sinks[1:] {
		least = min(least, s.count.Load())
	}
	return least
}

// Stop lets Acquire return false.
func (w *Window) Stop() {
	w.mu.Lock()
	w.stopped.Store(true)
	w.free.Broadcast()
	w.mu.Unlock()
}

// Sent is how many messages were acquired so far.
func (w *Window) Sent() int64 { return w.sent.Load() }

// Drain waits, after all publishers have returned, until every sink has taken
// everything. It fails when no sink has made progress for the given time: then
// messages were lost.
func (w *Window) Drain(patience time.Duration) error {
	last, since := w.taken(), time.Now()
	for w.least() < w.sent.Load() {
		time.Sleep(100 * time.Microsecond) // the sinks' progress is polled only here, after the measuring
		if now := w.taken(); now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > patience {
			return w.lost()
		}
	}
	return w.wrong()
}

func (w *Window) taken() (sum int64) {
	for _, s := range w.sinks {
		sum += s.count.Load()
	}
	return sum
}

func (w *Window) lost() error {
	for i, s := range w.sinks {
		if n := s.count.Load(); n != w.sent.Load() {
			return fmt.Errorf("subscriber %d has got about %d messages of %d", i, n, w.sent.Load())
		}
	}
	return nil
}

// wrong looks for messages of another size or more of them than were sent. The
// sinks are quiet by now.
func (w *Window) wrong() error {
	for i, s := range w.sinks {
		if n := s.odd.Load(); n > 0 {
			return fmt.Errorf("subscriber %d has got %d messages of another size", i, n)
		}
		if n := s.count.Load(); n != w.sent.Load() {
			return fmt.Errorf("subscriber %d has got %d messages, %d were sent", i, n, w.sent.Load())
		}
	}
	return nil
}
