package flow

import (
	"sync"
	"sync/atomic"
	"time"
)

// Sink counts what one subscriber gets. Take is called by one goroutine at a
// time; it reports its count to others only once per block.
type Sink struct {
	// Each, if set before the first message, sees every payload.
	Each func(payload []byte)

	n, next int64 // of the taker alone
	size    int
	block   int64
	window  *Window // nil: nobody waits for this sink

	_     [64]byte // what others read stays off the taker's cache line
	count atomic.Int64
	odd   atomic.Int64 // messages of another size

	mu sync.Mutex
	at time.Time // when count was reported, at first when the sink was made
}

// NewSink makes a sink that no publisher waits for; it reports its count every
// block messages.
func NewSink(payload, block int) *Sink { return newSink(payload, int64(block)) }

func newSink(payload int, block int64) *Sink {
	return &Sink{size: payload, block: block, next: block, at: time.Now()}
}

// Take counts a message.
func (s *Sink) Take(payload []byte) {
	if s.Each != nil {
		s.Each(payload)
	}
	s.n++
	if s.n >= s.next || len(payload) != s.size {
		s.report(len(payload))
	}
}

func (s *Sink) report(size int) {
	if size != s.size {
		s.odd.Add(1)
	}
	if s.n < s.next {
		return
	}
	s.next = s.n + s.block
	s.mu.Lock()
	s.at = time.Now()
	s.count.Store(s.n)
	s.mu.Unlock()
	if s.window != nil {
		s.window.progress(s.n)
	}
}

// Mark is a point in a sink's progress.
type Mark struct {
	Count int64
	At    time.Time
}

// Mark returns the last point that was reported.
func (s *Sink) Mark() Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Mark{s.count.Load(), s.at}
}

// Rate is what was taken a second between two marks.
func Rate(from, to Mark) float64 {
	d := to.At.Sub(from.At).Seconds()
	if d <= 0 {
		return 0
	}
	return float64(to.Count-from.Count) / d
}
