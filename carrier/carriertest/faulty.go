package carriertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/carrier"
)

// Faults are what a faulty medium does to its users; the zero value does
// nothing.
type Faults struct {
	// Delay is the longest that a Send is held up; each takes a share of it
	// that the seed decides.
	Delay time.Duration
	// Stall is how long a connection stands still now and then, once in
	// StallEvery Sends on average; default of StallEvery: 100.
	Stall      time.Duration
	StallEvery int

	// CutWithin cuts each connection before one end has sent so many bytes;
	// default: never.
	CutWithin int
	// Cuts is how many connections are cut in all, so that a test can come to
	// an end; default: no limit.
	Cuts int
	// Torn leaves the beginning of a frame behind when it cuts. It is for
	// carriers over byte streams, which write a batch as it is.
	Torn bool

	// Drop and Double are the shares of frames, from 0 to 1, that are lost and
	// that arrive twice. Only a medium that is not Reliable does so.
	Drop, Double float64
	// Swap is the share of frames that arrive after the next one. Only a
	// medium that is not Ordered does so; one that is Reliable swaps frames
	// of the same Send only.
	Swap float64
}

// Counts is how often faults have struck.
type Counts struct {
	Delays, Stalls, Cuts  int64
	Drops, Doubles, Swaps int64
}

// FaultyCarrier is a carrier that misbehaves, see [Faulty].
type FaultyCarrier struct {
	carrier.Carrier
	seed   uint64
	faults Faults
	tally

	mu                sync.Mutex
	dialled, accepted uint64
	cuts              int
}

// Faulty puts faults around a carrier. What is dialled or accepted through it is
// held up, loses its connection and so on, in what it sends; give it to both
// ends, or one for each, to have that both ways. c and its conns keep to their
// promises otherwise, so that without cuts and doubles the result passes [Test]
// as c does.
//
// The n-th connection that is dialled, and the n-th that is accepted, always
// meet the same fate for the same seed: the bytes until it is cut, the frames
// lost, doubled and swapped, the length of each delay.
func Faulty(c carrier.Carrier, seed uint64, faults *Faults) *FaultyCarrier {
	f := &FaultyCarrier{Carrier: c, seed: seed, faults: *faults}
	if f.faults.StallEvery == 0 {
		f.faults.StallEvery = 100
	}
	return f
}

// Dial dials a connection with faults.
func (f *FaultyCarrier) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	c, err := f.Carrier.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return f.around(c, 1, &f.dialled), nil
}

// Listen listens for connections, which have faults.
func (f *FaultyCarrier) Listen(ctx context.Context, addr *url.URL) (carrier.Listener, error) {
	ln, err := f.Carrier.Listen(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &faultyListener{ln, f}, nil
}

type faultyListener struct {
	carrier.Listener
	f *FaultyCarrier
}

func (l *faultyListener) Accept(ctx context.Context) (carrier.Conn, error) {
	c, err := l.Listener.Accept(ctx)
	if err != nil {
		return nil, err
	}
	return l.f.around(c, 2, &l.f.accepted), nil
}

// around makes the n-th connection of a side, with dice of its own.
func (f *FaultyCarrier) around(c carrier.Conn, side uint64, n *uint64) carrier.Conn {
	f.mu.Lock()
	*n++
	stream := *n<<4 | side<<2
	f.mu.Unlock()
	fc := &faultyConn{Conn: c, f: f, done: make(chan struct{})}
	fc.timing = rand.New(rand.NewPCG(f.seed, stream))
	fc.dice = newDice(&f.faults, &f.tally, rand.New(rand.NewPCG(f.seed, stream|1)))
	fc.dice.reliable, fc.dice.ordered = c.Traits().Reliable, c.Traits().Ordered
	fc.cutAt = -1
	if f.faults.CutWithin > 0 {
		fc.cutAt = rand.New(rand.NewPCG(f.seed, stream|2)).IntN(f.faults.CutWithin)
	}
	return fc.withAbilities()
}

// mayCut takes one of the cuts that are left.
func (f *FaultyCarrier) mayCut() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.faults.Cuts > 0 && f.cuts >= f.faults.Cuts {
		return false
	}
	f.cuts++
	f.tally.cuts.Add(1)
	return true
}

// tally counts faults.
type tally struct {
	delays, stalls, cuts, drops, doubles, swaps atomic.Int64
}

// Counts returns how often faults have struck so far.
func (t *tally) Counts() Counts {
	return Counts{
		Delays: t.delays.Load(), Stalls: t.stalls.Load(), Cuts: t.cuts.Load(),
		Drops: t.drops.Load(), Doubles: t.doubles.Load(), Swaps: t.swaps.Load(),
	}
}

// String is for the log of a test.
func (c Counts) String() string {
	return fmt.Sprintf("%d delays, %d stalls, %d cuts, %d drops, %d doubles, %d swaps",
		c.Delays, c.Stalls, c.Cuts, c.Drops, c.Doubles, c.Swaps)
}

// dice decide what becomes of a frame or a datagram.
type dice struct {
	faults            *Faults
	tally             *tally
	rng               *rand.Rand
	reliable, ordered bool
	held              []byte // comes after the next one
}

func newDice(f *Faults, t *tally, rng *rand.Rand) *dice {
	return &dice{faults: f, tally: t, rng: rng}
}

// harmless reports whether every frame arrives once and in order.
func (d *dice) harmless() bool {
	lossy := !d.reliable && (d.faults.Drop > 0 || d.faults.Double > 0)
	return !lossy && (d.ordered || d.faults.Swap == 0)
}

// throw hands to emit what arrives once p was sent.
func (d *dice) throw(p []byte, emit func([]byte)) {
	drop, double, swap := d.rng.Float64() < d.faults.Drop, d.rng.Float64() < d.faults.Double, d.rng.Float64() < d.faults.Swap
	switch {
	case drop && !d.reliable:
		d.tally.drops.Add(1)
		return
	case swap && !d.ordered && d.held == nil:
		d.tally.swaps.Add(1)
		d.held = append([]byte(nil), p...)
		return
	}
	emit(p)
	if double && !d.reliable {
		d.tally.doubles.Add(1)
		emit(p)
	}
	d.release(emit)
}

// release hands out what was held back.
func (d *dice) release(emit func([]byte)) {
	if d.held != nil {
		emit(d.held)
		d.held = nil
	}
}
