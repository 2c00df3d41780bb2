// Package bench measures what a router delivers: rates, losses, latencies and
// processor time, with the clients that a pattern asks for, each on a connection
// of its own.
//
//	result, err := bench.Run(ctx, bench.Config{Pattern: bench.OneToOne}, dial, nil)
//	fmt.Print(result.Text())
//
// Without a rate, publishers stay within a window of the slowest subscriber: as
// fast as it goes with nothing lost. With one, events are emitted when they are
// due, whatever became of those before, and their latency counts from when they
// were due and not from when they were emitted.
package bench

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/gosig/gosig/sig"
)

// Pattern says who talks to whom.
type Pattern string

// The patterns.
const (
	OneToOne  Pattern = "1-1"      // pairs of a publisher and a subscriber
	OneToMany Pattern = "1-n"      // a publisher, and subscribers that get all
	ManyToOne Pattern = "n-1"      // publishers, and a subscriber that gets all
	Requests  Pattern = "requests" // callers, and a client that answers
)

// Patterns are all there are.
var Patterns = []Pattern{OneToOne, OneToMany, ManyToOne, Requests}

// Config says what is measured. Its JSON keys are a promise.
type Config struct {
	Pattern Pattern  `json:"pattern"` // default OneToOne
	Clients int      `json:"clients"` // pairs, subscribers, publishers or calling clients; default 1, of 1-n and n-1 10
	Senders int      `json:"senders"` // of each publisher, or that answer; default 1
	Events  int      `json:"events"`  // of each sender; default 1
	Callers int      `json:"callers"` // requests under way for each calling client; default 1
	Size    int      `json:"size"`    // bytes of a payload, at least MinSize; default 128
	Rate    float64  `json:"rate"`    // events or requests a second in all; 0: as fast as it goes
	Window  int      `json:"window"`  // bytes under way to a subscriber without a rate; default 1 MiB
	For     Duration `json:"for"`     // default 5 s
	Warmup  Duration `json:"warmup"`  // before it; default none
	Codec   string   `json:"codec"`   // that was negotiated; filled in by Run
}

// MinSize is what the time takes that a payload carries.
const MinSize = 8

// Duration is written like "5s" in JSON.
type Duration time.Duration

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.Pattern = cmp.Or(c.Pattern, OneToOne)
	clients := 1
	if c.Pattern == OneToMany || c.Pattern == ManyToOne {
		clients = 10
	}
	c.Clients, c.Senders, c.Events, c.Callers = cmp.Or(c.Clients, clients), cmp.Or(c.Senders, 1), cmp.Or(c.Events, 1), cmp.Or(c.Callers, 1)
	c.Size, c.Window, c.For = cmp.Or(c.Size, 128), cmp.Or(c.Window, 1<<20), cmp.Or(c.For, Duration(5*time.Second))
	return c
}

// Validate says what cannot be measured. Zero is the default and valid.
func (c Config) Validate() error {
	c = c.withDefaults()
	for _, bound := range []struct {
		what           string
		n, least, most int
	}{
		{"clients", c.Clients, 1, 10_000},
		{"senders", c.Senders, 1, 256}, // what a router takes of one connection
		{"events", c.Events, 1, 1024},  // and of one sender
		{"callers", c.Callers, 1, 4096},
		{"size", c.Size, MinSize, 1 << 30},
		{"window", c.Window, 1, 1 << 30},
	} {
		if bound.n < bound.least || bound.n > bound.most {
			return fmt.Errorf("%s: %d is not from %d to %d", bound.what, bound.n, bound.least, bound.most)
		}
	}
	switch {
	case c.For <= 0:
		return fmt.Errorf("for: %v is no time to measure", time.Duration(c.For))
	case c.Warmup < 0:
		return fmt.Errorf("warmup: %v is negative", time.Duration(c.Warmup))
	case c.Rate < 0 || c.Rate > 1e9:
		return fmt.Errorf("rate: %v is not from 0 to 1e9 a second", c.Rate)
	case c.Pattern == Requests && c.Events > 1:
		return errors.New("events: the pattern requests has none; --senders says how many answer")
	case c.Pattern != Requests && c.Callers > 1:
		return fmt.Errorf("callers: only the pattern requests has them, not %s", c.Pattern)
	}
	return nil
}

// Client is one connection to the router.
type Client interface {
	Registry() *sig.Registry
	// Connect connects a sender and waits until the router has agreed.
	Connect(ctx context.Context, name sig.Name, spec sig.Spec) (*sig.Sender, error)
	// Close returns when no handler of the registry runs any more.
	Close()
}

// Dial opens one.
type Dial func(context.Context) (Client, error)

// Progress is told now and then how far a run is: the part of its time that is
// over, from 0 to 1, and how many were delivered so far.
type Progress func(part float64, delivered uint64)

// patience bounds what comes before and after the measuring.
const patience = 20 * time.Second

// load is a pattern's clients, ready to run.
type load interface {
	// run works until ctx is done, which is no error.
	run(ctx context.Context) error
	// counts says what has been delivered, and what was sent for that.
	counts() (delivered, sent uint64)
	// finish waits until all that was sent has arrived or is known to be lost,
	// closes the clients and fills in what was counted.
	finish(*Result)
}

// Run measures. When ctx ends before its time, the result is of what there was
// until then; it is an error if that is nothing.
func Run(ctx context.Context, c Config, dial Dial, progress Progress) (*Result, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	b := &builder{Config: c, dial: dial, clock: &clock{}, prefix: sig.Name("bench/" + rand.Text()[:10])}
	l, err := b.build(ctx)
	if err != nil {
		b.close()
		return nil, err
	}
	r := &Result{Config: c}
	err = measure(ctx, r, l, b.clock, progress)
	l.finish(r)
	switch {
	case err != nil:
		return nil, err
	case r.Seconds == 0:
		return nil, errors.New("interrupted before anything was measured")
	case r.Delivered == 0 && r.Failed > 0:
		return nil, fmt.Errorf("every request failed, the first with: %w", r.err)
	case r.Delivered == 0:
		return nil, errors.New("nothing was delivered")
	}
	return r, nil
}

// mark is how far a load is at a time.
type mark struct {
	at        time.Duration
	delivered uint64
	sent      uint64
	cpu       time.Duration
}

func (c *clock) mark(l load) mark {
	m := mark{at: c.now(), cpu: cpuTime()}
	m.delivered, m.sent = l.counts()
	return m
}

// measure runs the load and compares the counts at the beginning and the end.
func measure(ctx context.Context, r *Result, l load, c *clock, progress Progress) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	warmup := time.Duration(r.Config.Warmup)
	run := &times{start: time.Now(), begin: warmup, end: warmup + time.Duration(r.Config.For)}
	c.span.Store(run)
	ended := make(chan struct{}) // closed when the load has ended
	var err error                // why; valid then
	go func() {                  // ends with ctx; waited for below
		defer close(ended)
		err = l.run(ctx)
	}()
	await(ctx, c, run.begin, l, ended, progress)
	begin := c.mark(l)
	last := begin // interrupted in the warm-up: there is nothing
	if ctx.Err() == nil {
		await(ctx, c, run.end, l, ended, progress)
		last = c.mark(l)
	}
	r.Interrupted = ctx.Err() != nil
	cancel()
	<-ended
	r.between(begin, last)
	return err
}

// await waits until a time of the clock, for ctx, or for the load's early end.
func await(ctx context.Context, c *clock, until time.Duration, l load, ended <-chan struct{}, progress Progress) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	over := time.NewTimer(until - c.now())
	defer over.Stop()
	for {
		select {
		case <-over.C:
			return
		case <-ctx.Done():
			return
		case <-ended:
			return
		case <-tick.C:
			if progress != nil {
				delivered, _ := l.counts()
				progress(float64(c.now())/float64(c.span.Load().end), delivered)
			}
		}
	}
}
