package router

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/wire"
)

// bucket is the allowance of one principal, in units a second, saved up to a bound:
// of envelopes (Rate, Burst), of bytes of names (NameBytes), and of connections
// (ConnectRate, ConnectBurst). All its connections share it. Who has used up one of
// the first two is held back: nothing more is read from that connection until the debt
// is paid, so that the emitter's own buffers fill, and the medium's. Nothing is lost
// here, and nobody else waits (P7, P8); see docs/decisions/0006-no-default-rate.md.
// Who has used up the last is not let in.
type bucket struct {
	mu     sync.Mutex
	rate   float64 // a second
	burst  float64
	tokens float64
	filled time.Time    // when tokens was right
	users  atomic.Int32 // connections
}

func newBucket(rate, burst float64, now time.Time) *bucket {
	return &bucket{rate: rate, burst: burst, tokens: burst, filled: now}
}

// allow sets what is allowed from now on.
func (b *bucket) allow(rate, burst float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rate, b.burst = rate, burst
}

// take uses n of the allowance, also more than there is, and returns how long it
// takes until none is owed.
func (b *bucket) take(n int, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fillLocked(now)
	b.tokens -= float64(n)
	if b.tokens >= 0 {
		return 0
	}
	return time.Duration(-b.tokens / b.rate * float64(time.Second))
}

// spend uses one of the allowance, if there is one.
func (b *bucket) spend(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fillLocked(now)
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// part is how long n take of one connection's equal part: none waits for what the
// others of a principal owe.
func (b *bucket) part(n int) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Duration(float64(n) * float64(max(b.users.Load(), 1)) / b.rate * float64(time.Second))
}

func (b *bucket) fillLocked(now time.Time) {
	if since := now.Sub(b.filled); since > 0 {
		b.tokens = min(b.burst, b.tokens+since.Seconds()*b.rate)
		b.filled = now
	}
}

// full reports whether a fresh bucket would be the same.
func (b *bucket) full(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fillLocked(now)
	return b.tokens >= b.burst
}

// buckets are those of all principals, by whom they are of. One that nobody uses
// stays until it is full: connecting again must not fill it. The server's lock
// guards them.
type buckets struct {
	of    map[string]*bucket
	sweep int // how many there may be before the full ones are looked for
}

// join returns the bucket of a principal for one more connection.
func (t *buckets) join(key string, rate, burst float64) *bucket {
	now := time.Now()
	if key == "" { // nobody knows who it is, or where from: each for itself
		return newBucket(rate, burst, now)
	}
	b := t.of[key]
	if b == nil {
		if len(t.of) >= t.sweep {
			t.forgetFull(now)
		}
		b = newBucket(rate, burst, now)
		put(&t.of, key, b)
	}
	b.allow(rate, burst)
	b.users.Add(1)
	return b
}

// spend uses one of a principal's allowance, if there is one. Whoever is nobody, on
// this host, always has one.
func (t *buckets) spend(key string, rate, burst float64) bool {
	if key == "" {
		return true
	}
	b := t.join(key, rate, burst)
	defer t.leave(b)
	return b.spend(time.Now())
}

// leave is for a connection that has ended; b may be nil.
func (t *buckets) leave(b *bucket) {
	if b != nil {
		b.users.Add(-1)
	}
}

// leastBuckets is for how many nobody looks whether some are full.
const leastBuckets = 1024

func (t *buckets) forgetFull(now time.Time) {
	for key, b := range t.of {
		if b.users.Load() <= 0 && b.full(now) {
			delete(t.of, key)
		}
	}
	t.sweep = max(2*len(t.of), leastBuckets)
}

// newcomers is how many envelopes have come since it was last asked.
func (s *session) newcomers() int {
	if s.datagrams != nil {
		s.reads.Lock()
		defer s.reads.Unlock()
	}
	n := s.came
	s.came = 0
	return n
}

// holdBack waits until the peer's principal may send again, if it has used up
// its allowance.
func (s *session) holdBack() {
	s.waitFor(s.allowance.take(s.newcomers(), time.Now()), LimitRate)
}

// holdAnnouncing is holdBack for who announces senders again and again: others are
// told of each, and what they are told waits in their queues.
func (s *session) holdAnnouncing() {
	n := s.announcing
	s.announcing = 0
	b := s.announcements
	s.waitFor(min(b.take(n, time.Now()), b.part(n)), LimitNames)
}

// waitFor waits on account of a limit. Meanwhile the peer hears from us, and is not
// taken for silent.
func (s *session) waitFor(wait time.Duration, limit Limit) {
	if wait <= 0 {
		return
	}
	s.hit(limit, "then", "held back", "for", wait)
	every := min(s.link.limits.Keepalive, leastKeepalive)
	for until := time.Now().Add(wait); wait > 0 && sleep(s.ctx, min(wait, every)); wait = time.Until(until) {
		s.heard.Store(true)
		s.link.send(s, wire.Ping{}.Append(nil)) // our answers to its pings wait as well
	}
}
