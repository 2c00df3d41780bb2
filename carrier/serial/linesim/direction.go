package linesim

import (
	"sync"
	"time"
)

const (
	// ahead is how much of what is sent is taken before its time, so that the
	// line never falls idle between two reads.
	ahead = 2 * time.Millisecond
	// uartBuffer is how many bytes a system keeps for a program that does not
	// read; more are lost.
	uartBuffer = 4096
	// inFlight bounds the pieces between sending and delivering.
	inFlight = 4096
)

// direction is the way to one end: take paces, damages and queues what is sent,
// deliver hands it over when its time has come.
//
//	Read --> take: noise, when it arrives --> queue --> deliver: sleep --> Write
type direction struct {
	line  *Line
	to    End
	queue chan piece // so much that only bytes are counted; never closed

	turn sync.Mutex // held by whoever paces: bytes enter one after another

	mu     sync.Mutex
	noise  *Noise
	free   time.Time // when the line has carried all that it took
	queued int       // bytes
	cut    bool
	stats  LineStats
	ours   uart // of a line at its speed, when the sender has another one
	theirs uart // of a receiver that has another one
}

// piece are bytes that arrive at a time.
type piece struct {
	at time.Time
	p  []byte
}

func newDirection(l *Line, to End) *direction {
	return &direction{
		line: l, to: to, queue: make(chan piece, inFlight),
		noise: New(l.opt.Damage, l.opt.Seed<<1|uint64(to)), free: time.Now(),
		ours: newUART(), theirs: newUART(),
	}
}

// quantum is how many bytes are read at once: a millisecond's, so that the last
// byte of a frame does not wait for many others.
func (d *direction) quantum() int {
	if d.line.opt.Baud == 0 {
		return 4096
	}
	return min(max(d.line.opt.Baud/10_000, 8), 4096)
}

func (d *direction) wireTime(size int) time.Duration {
	if d.line.opt.Baud == 0 {
		return 0
	}
	return time.Duration(size) * 10 * time.Second / time.Duration(d.line.opt.Baud)
}

// origin is where bytes come from.
type origin byte

const (
	sent     origin = iota // by the other end, just now
	waiting                // the same, and they may have been there before they were asked for
	injected               // by nobody
)

// bytesSent says of bytes for which a Read has asked whether they were there
// already. A UART has a buffer: it does not fall idle because this computer is
// late to look.
func bytesSent(asked time.Time) origin {
	if time.Since(asked) < 100*time.Microsecond {
		return waiting
	}
	return sent
}

// atMostLate is how late to look this computer may be.
const atMostLate = 100 * time.Millisecond

// take accepts bytes at the speed of the line.
func (d *direction) take(p []byte, from origin) {
	d.turn.Lock()
	defer d.turn.Unlock()
	for len(p) > 0 {
		n := min(len(p), d.quantum())
		if !d.takeSome(p[:n], from) {
			return
		}
		p = p[n:]
	}
}

// takeSome reports false when the line was closed.
func (d *direction) takeSome(p []byte, from origin) bool {
	d.mu.Lock()
	wait := time.Until(d.free.Add(-ahead))
	d.mu.Unlock()
	if d.line.opt.Baud > 0 && wait > 0 && !d.line.sleep(wait) {
		return false
	}
	next, ok := d.enter(p, from)
	if !ok {
		return true
	}
	select {
	case d.queue <- next:
		return true
	case <-d.line.done:
		return false
	}
}

// enter damages bytes and says when they arrive; it reports false if they do
// not.
func (d *direction) enter(p []byte, from origin) (piece, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	late := time.Since(d.free)
	idle := late > 0 && (from != waiting || late > atMostLate)
	if idle {
		d.free = d.free.Add(late)
	}
	d.free = d.free.Add(d.wireTime(len(p)))
	var arriving []byte
	if from == injected {
		d.stats.Injected += uint64(len(p))
		arriving = append(arriving, p...)
	} else {
		d.stats.Bytes += uint64(len(p))
		arriving = d.noise.Apply(arriving, d.atSpeed(p, d.to.Other(), &d.ours, idle))
	}
	arriving = d.atSpeed(arriving, d.to, &d.theirs, idle)
	switch {
	case d.cut:
		d.stats.Cut += uint64(len(arriving))
		return piece{}, false
	case len(arriving) == 0:
		return piece{}, false
	case d.full(len(arriving)):
		d.stats.Overrun += uint64(len(arriving))
		return piece{}, false
	}
	d.queued += len(arriving)
	return piece{d.free.Add(d.line.opt.Delay), arriving}, true
}

// atSpeed returns what comes of bytes where an end is set to another speed than
// the line has.
func (d *direction) atSpeed(p []byte, e End, u *uart, idle bool) []byte {
	if !d.line.opt.Strict || d.line.opt.Baud == 0 {
		return p
	}
	set := d.line.ends[e].baud()
	if set == 0 || set == d.line.opt.Baud {
		return p
	}
	ratio := float64(set) / float64(d.line.opt.Baud)
	if e != d.to {
		ratio = 1 / ratio // there the line is what receives
	}
	var out []byte
	if idle {
		out = u.idle(out)
	}
	return u.receive(out, p, ratio)
}

// full reports whether an end has been given more than it takes. A line without
// a speed waits instead.
func (d *direction) full(n int) bool {
	opt := &d.line.opt
	if opt.Baud == 0 {
		return false
	}
	onTheWay := int((opt.Delay + 2*ahead) * time.Duration(opt.Baud) / (10 * time.Second))
	return d.queued+n > onTheWay+uartBuffer
}

// deliver hands over what arrives, until the line is closed.
func (d *direction) deliver() {
	for {
		select {
		case next := <-d.queue:
			if wait := time.Until(next.at); wait > 0 && !d.line.sleep(wait) {
				return
			}
			d.handOver(next.p)
		case <-d.line.done:
			return
		}
	}
}

func (d *direction) handOver(p []byte) {
	n, err := d.line.ends[d.to].write(p)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queued -= len(p)
	d.stats.Arrived += uint64(n)
	if err != nil {
		d.stats.Unheard += uint64(len(p) - n)
	}
}

// sleep reports false when the line was closed meanwhile.
func (l *Line) sleep(wait time.Duration) bool {
	const least = 2 * time.Millisecond // what is left to the exact sleep
	if l.opt.Exact {
		if wait < least {
			exactSleep(wait)
			return true
		}
		defer exactSleep(least / 2)
		wait -= least / 2
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.done:
		return false
	}
}
