package linesim

import (
	"errors"
	"io"
	"sync"
	"time"
)

// End is one of the two ends of a [Line].
type End int

// The ends. Which is which makes no difference.
const (
	A End = 0
	B End = 1
)

// Other returns the end across the line.
func (e End) Other() End { return 1 - e }

// LineOptions say what a line is like. The zero value is a line that is clean
// and as fast as its ends.
type LineOptions struct {
	// Baud is the speed in bits a second, ten of which make a byte. By
	// default 0: the line takes what it is given, when it is given.
	Baud int
	// Delay is how much later than the line's speed demands each byte
	// arrives, such as in a USB adapter. By default 0.
	Delay time.Duration
	// Damage that is done in either direction; see [Line.Set].
	Damage Damage
	// Seed of the damage. The same seed and the same bytes suffer the same.
	Seed uint64
	// Strict makes the speed matter to which a program has set a [Port]: at
	// another one than Baud it gets, and gives, what a UART makes of the bits.
	// By default ports may be set to anything.
	Strict bool
	// Exact keeps time to some 0.1 ms instead of 1 ms, by sleeping in system
	// calls. It is for measuring, and not for testing/synctest.
	Exact bool
}

// LineStats count what one direction of a line has done.
type LineStats struct {
	Bytes    uint64 // that were sent
	Arrived  uint64 // that were delivered, of whatever origin
	Injected uint64 // that nobody sent, see [Line.Inject]
	Cut      uint64 // lost while the line was cut
	Unheard  uint64 // lost since nothing was attached, or it failed
	Overrun  uint64 // lost since the end took no more: there is no flow control
	Noise    Counts // done to the bytes that were sent
}

// Line is a serial line between two ends that runs in real time: it copies the
// bytes of one to the other, at the line's speed and with its damage, both ways
// at once. Whatever reads and writes bytes can be attached to an end: a [Port],
// a socket of an emulated UART, a pipe.
//
//	line := linesim.NewLine(&linesim.LineOptions{Baud: 115200})
//	defer line.Close()
//	line.Attach(linesim.A, port)
//	line.Attach(linesim.B, conn)
//	line.Set(linesim.Damage{BitErrors: 1e-5})
//
// All methods may be called by any number of goroutines.
type Line struct {
	opt  LineOptions
	dirs [2]*direction // toward A, toward B
	ends [2]end
	wg   sync.WaitGroup
	done chan struct{} // closed by Close

	mu     sync.Mutex
	closed bool
}

// end is what is attached to one of the ends.
type end struct {
	mu  sync.Mutex
	rwc io.ReadWriteCloser // nil: nothing
	err error              // why the one before is not attached any more
}

// NewLine returns a line with nothing attached to it.
func NewLine(options *LineOptions) *Line {
	l := &Line{done: make(chan struct{})}
	if options != nil {
		l.opt = *options
	}
	for e := range l.dirs {
		d := newDirection(l, End(e))
		l.dirs[e] = d
		l.wg.Go(d.deliver) // until Close
	}
	return l
}

// Attach connects rwc to an end; what was attached there before is closed. rwc
// belongs to the line from now on; its Close must unblock its Read and Write.
// When one of these fails it is closed, and nothing is attached any more. After
// Close of the line it is closed at once.
func (l *Line) Attach(e End, rwc io.ReadWriteCloser) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = rwc.Close() // nobody is interested any more
		return
	}
	l.ends[e].set(rwc)
	l.wg.Go(func() { l.listen(e, rwc) }) // until rwc fails or is closed
}

// Detach closes what is attached to an end. What crosses the line meanwhile is
// lost there.
func (l *Line) Detach(e End) { l.ends[e].set(nil) }

// Attached reports whether something is attached to an end, and if not, why it
// is not any more: nil if it was detached.
func (l *Line) Attached(e End) (bool, error) {
	end := &l.ends[e]
	end.mu.Lock()
	defer end.mu.Unlock()
	return end.rwc != nil, end.err
}

// Set changes the damage, in both directions, from now on.
func (l *Line) Set(damage Damage) {
	l.SetToward(A, damage)
	l.SetToward(B, damage)
}

// SetToward changes the damage on the way to one end.
func (l *Line) SetToward(e End, damage Damage) {
	d := l.dirs[e]
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noise.Set(damage)
}

// Cut makes everything get lost on the way, as if the wires were pulled, while
// both ends stay as they are. [Port.Unplug] is the other way to unplug.
func (l *Line) Cut() { l.setCut(true) }

// Mend ends what Cut began.
func (l *Line) Mend() { l.setCut(false) }

func (l *Line) setCut(cut bool) {
	for _, d := range l.dirs {
		d.mu.Lock()
		d.cut = cut
		d.mu.Unlock()
	}
}

// Inject makes bytes arrive at an end that nobody has sent, at the line's speed
// and between those that were. It returns when the line has taken them.
func (l *Line) Inject(e End, p []byte) { l.dirs[e].take(p, injected) }

// Break makes a break arrive at an end, so many bytes long: zeros, as a UART
// shows it.
func (l *Line) Break(e End, length int) { l.Inject(e, make([]byte, length)) }

// Stats returns what was done on the way to an end.
func (l *Line) Stats(e End) LineStats {
	d := l.dirs[e]
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	s.Noise = d.noise.Counts()
	return s
}

// Quiet reports whether nothing is on its way to an end, nor waits to be sent there.
func (l *Line) Quiet(toward End) bool {
	from := &l.ends[toward.Other()]
	from.mu.Lock()
	rwc := from.rwc
	from.mu.Unlock()
	if p, ok := rwc.(interface{ Unsent() int }); ok && p.Unsent() > 0 {
		return false
	}
	d := l.dirs[toward]
	if !d.turn.TryLock() { // somebody has some in hand
		return false
	}
	defer d.turn.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queued == 0
}

// Close closes what is attached and waits until everything has ended. It is
// safe to call again.
func (l *Line) Close() error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.done)
	}
	l.mu.Unlock()
	l.Detach(A)
	l.Detach(B)
	l.wg.Wait()
	return nil
}

// listen takes what an end sends.
func (l *Line) listen(e End, rwc io.ReadWriteCloser) {
	toward := l.dirs[e.Other()]
	buf := make([]byte, toward.quantum())
	for {
		asked := time.Now()
		n, err := rwc.Read(buf)
		if n > 0 {
			toward.take(buf[:n], bytesSent(asked))
		}
		if err != nil {
			l.ends[e].failed(rwc, err)
			return
		}
	}
}

func (e *end) set(rwc io.ReadWriteCloser) {
	e.mu.Lock()
	old := e.rwc
	e.rwc, e.err = rwc, nil
	e.mu.Unlock()
	if old != nil {
		_ = old.Close() // it is being thrown away
	}
}

// failed takes rwc away, if it is still attached.
func (e *end) failed(rwc io.ReadWriteCloser, err error) {
	e.mu.Lock()
	mine := e.rwc == rwc
	if mine {
		e.rwc, e.err = nil, err
	}
	e.mu.Unlock()
	if mine {
		_ = rwc.Close() // it has failed before
	}
}

// baud is the speed that a program has set, 0 if there is none to set.
func (e *end) baud() int {
	e.mu.Lock()
	rwc := e.rwc
	e.mu.Unlock()
	if p, ok := rwc.(interface{ Baud() int }); ok {
		return p.Baud()
	}
	return 0
}

var errNothing = errors.New("linesim: nothing is attached")

// write gives bytes to whatever is attached.
func (e *end) write(p []byte) (int, error) {
	e.mu.Lock()
	rwc := e.rwc
	e.mu.Unlock()
	if rwc == nil {
		return 0, errNothing
	}
	n, err := rwc.Write(p)
	if err != nil {
		e.failed(rwc, err)
	}
	return n, err
}
