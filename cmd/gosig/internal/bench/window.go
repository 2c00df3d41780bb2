package bench

import (
	"sync"
	"sync/atomic"
	"time"
)

// window keeps publishers within so many events of the slowest subscriber, so
// that nobody's buffer overflows and a rate is one of delivered events. They
// take room in blocks: a lock for each event would be part of what is measured.
type window struct {
	size, block int64
	sinks       []*sink
	waiting     atomic.Int32 // publishers in take

	mu      sync.Mutex
	free    sync.Cond // of mu
	sent    int64
	stopped bool
}

// newWindow makes a window for payloads of size bytes of which at most so many
// bytes are under way to each subscriber.
func newWindow(bytes, size int) *window {
	const overhead, most = 64, 32 << 10 // of an event, in bytes; events
	w := &window{size: int64(min(max(bytes/(size+overhead), 2), most))}
	w.block = max(w.size/16, 1)
	w.free.L = &w.mu
	return w
}

// take waits for room for one block; false: it is over.
func (w *window) take() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sent+w.block > w.slowest()+w.size {
		w.waiting.Add(1)
		for !w.stopped && w.sent-w.slowest() > w.size/2 {
			w.free.Wait() // until half is free: else it measures the scheduler
		}
		w.waiting.Add(-1)
	}
	if w.stopped {
		return false
	}
	w.sent += w.block
	return true
}

// slowest is how many events the slowest sink is done with.
func (w *window) slowest() int64 {
	least := int64(1) << 62
	for _, s := range w.sinks {
		least = min(least, s.delivered.Load()+s.lost.Load())
	}
	return least
}

// progress is called by a sink that has come further.
func (w *window) progress() {
	if w.waiting.Load() > 0 {
		w.mu.Lock()
		w.free.Broadcast()
		w.mu.Unlock()
	}
}

// stop ends take.
func (w *window) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.free.Broadcast()
}

// sink counts what one subscriber gets. Its connection calls take, one call at a
// time; others read what it reports, once for each block.
type sink struct {
	*clock
	window *window
	block  int64

	n     int64     // events; of take alone
	seen  Histogram // of those with a time; of take alone
	_     [64]byte  // what others read is kept off that cache line
	lost  atomic.Int64
	vague atomic.Int64 // losses of which nobody knows the number

	delivered atomic.Int64  // n, as it was reported last
	left      chan struct{} // closed when the last sender has left
	senders   int           // that have not; of take's goroutine
}

// take counts an event that was due at a time since the clock's start; 0: it is
// not one of those that are timed.
func (s *sink) take(due time.Duration) {
	s.n++
	if due != 0 {
		if now := s.now(); s.measured(due, now) {
			s.seen.Add(now - due)
		}
	}
	if s.n-s.delivered.Load() >= s.block {
		s.delivered.Store(s.n)
		s.window.progress()
	}
}

// miss counts lost events.
func (s *sink) miss(count uint64) {
	if count == 0 {
		s.vague.Add(1)
	}
	s.lost.Add(int64(count))
	s.window.progress()
}

// leave is called when a sender has left, which it does behind its last event.
func (s *sink) leave() {
	if s.senders--; s.senders == 0 {
		s.delivered.Store(s.n)
		close(s.left)
	}
}

// clock is the time of a run: warm-up, then what is measured. The handlers that
// look at it are there before it is started.
type clock struct {
	fake func() time.Duration  // for tests; nil: time goes by
	span atomic.Pointer[times] // set before the first event is emitted
}

// times are when a run began, and the measuring, since then.
type times struct {
	start      time.Time
	begin, end time.Duration
}

func (c *clock) now() time.Duration {
	if c.fake != nil {
		return c.fake()
	}
	return time.Since(c.span.Load().start)
}

// measured reports whether what was due and done then counts: what was done
// behind the warm-up, and was due before the end.
func (c *clock) measured(due, done time.Duration) bool {
	s := c.span.Load()
	return done >= s.begin && due < s.end
}
