package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/sig"
)

// builder makes the clients of a load. Its names are new for each run, so that
// several may use one router.
type builder struct {
	Config
	*clock
	dial    Dial
	prefix  sig.Name
	clients []Client
}

func (b *builder) build(ctx context.Context) (load, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if b.Pattern == Requests {
		return b.requests(ctx)
	}
	groups, publishers, subscribers := 1, 1, 1
	switch b.Pattern {
	case OneToOne:
		groups = b.Clients
	case OneToMany:
		subscribers = b.Clients
	case ManyToOne:
		publishers = b.Clients
	default:
		return nil, fmt.Errorf("pattern %q is not one of %q", b.Pattern, Patterns)
	}
	l := &eventLoad{builder: b}
	for i := range groups {
		g, err := b.group(ctx, sig.Name(fmt.Sprintf("%s/%d", b.prefix, i)), publishers, subscribers)
		if err != nil {
			return nil, err
		}
		l.groups = append(l.groups, g)
	}
	for i, p := range l.publishers() {
		p.schedule = newSchedule(b.Rate, i, len(l.publishers()))
	}
	return l, nil
}

func (b *builder) client(ctx context.Context) (Client, error) {
	c, err := b.dial(ctx)
	if err == nil {
		b.clients = append(b.clients, c)
	}
	return c, err
}

func (b *builder) close() {
	for _, c := range b.clients {
		c.Close()
	}
}

// group is publishers whose events each of its sinks gets.
type group struct {
	*window
	publishers []*publisher
}

func (b *builder) group(ctx context.Context, name sig.Name, publishers, subscribers int) (*group, error) {
	g := &group{window: newWindow(b.Window, b.Size)}
	for range subscribers {
		c, err := b.client(ctx)
		if err != nil {
			return nil, err
		}
		s := &sink{clock: b.clock, window: g.window, block: g.block, left: make(chan struct{}), senders: publishers * b.Senders}
		if b.Rate > 0 {
			s.block = 1 // what came is told at once; nobody waits for it
		}
		if err := s.subscribe(ctx, c.Registry(), name+"/**"); err != nil {
			return nil, err
		}
		g.sinks = append(g.sinks, s)
	}
	for i := range publishers {
		c, err := b.client(ctx)
		if err != nil {
			return nil, err
		}
		p := &publisher{clock: b.clock, window: g.window, payload: make([]byte, b.Size)}
		if err := p.connect(ctx, c, fmt.Sprintf("%s/%d", name, i), b.Senders, b.Events); err != nil {
			return nil, err
		}
		g.publishers = append(g.publishers, p)
	}
	return g, nil
}

// subscribe is in force when it returns. All of it runs on the goroutine that
// handles what comes from the connection.
func (s *sink) subscribe(ctx context.Context, reg *sig.Registry, senders sig.Name) error {
	opts := &sig.SubscribeOptions{OnLost: func(l sig.Lost) { s.miss(l.Count) }}
	events, err := sig.Subscribe(reg, senders, "*", func(ev sig.EventOf[[]byte]) { s.take(dueOf(ev.Data)) }, opts)
	if err != nil {
		return err
	}
	ends, err := sig.Subscribe(reg, senders, sig.EventDisconnect, func(sig.Event) { s.leave() }, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(events.InForce(ctx), ends.InForce(ctx)); err != nil {
		return fmt.Errorf("subscribe to %s: %w", senders, err)
	}
	return nil
}

// A payload begins with the time it was due, in nanoseconds since the clock's
// start; 0: it is not timed.
func dueOf(payload []byte) time.Duration {
	if len(payload) < MinSize {
		return 0
	}
	return time.Duration(binary.BigEndian.Uint64(payload))
}

// publisher emits on all events of all its senders in turn.
type publisher struct {
	*clock
	window   *window
	payload  []byte // one for all: a router has copied it when Emit returns
	senders  []*sig.Sender
	emitters []*sig.Emitter[[]byte]
	next     int // emitter
	sent     atomic.Uint64

	schedule *schedule // of its events; nil without a rate
}

func (p *publisher) connect(ctx context.Context, c Client, name string, senders, events int) error {
	names := make([]sig.Name, events)
	for i := range names {
		names[i] = sig.Name(fmt.Sprintf("e%d", i))
	}
	for i := range senders {
		s, err := c.Connect(ctx, sig.Name(fmt.Sprintf("%s/s%d", name, i)), sig.Spec{Events: names})
		if err != nil {
			return fmt.Errorf("connect the sender %s/s%d: %w", name, i, err)
		}
		p.senders = append(p.senders, s)
	}
	for _, event := range names {
		for _, s := range p.senders {
			em, err := sig.NewEmitter[[]byte](s, event)
			if err != nil {
				return err
			}
			p.emitters = append(p.emitters, em)
		}
	}
	return nil
}

func (p *publisher) emit(due time.Duration) error {
	binary.BigEndian.PutUint64(p.payload, uint64(due))
	err := p.emitters[p.next].Emit(p.payload)
	if p.next++; p.next == len(p.emitters) {
		p.next = 0
	}
	return err
}

// timed says which events are timed without a rate: looking at the clock for
// each would be part of what is measured.
const timed = 16

// windowed emits as fast as the window allows.
func (p *publisher) windowed() error {
	for n := 0; p.window.take(); {
		for range p.window.block {
			var due time.Duration
			if n%timed == 0 {
				due = p.now()
			}
			n++
			if err := p.emit(due); err != nil {
				return err
			}
		}
		p.sent.Add(uint64(p.window.block))
	}
	return nil
}

// paced emits each event when it is due, or as soon after that as it can.
func (p *publisher) paced(ctx context.Context) error {
	return p.schedule.pace(ctx, p.clock, func(due time.Duration) error {
		err := p.emit(max(due, 1)) // 0 would mean that it is not timed
		p.sent.Add(1)
		return err
	})
}

// eventLoad is the load of the three patterns of events.
type eventLoad struct {
	*builder
	groups []*group
}

func (l *eventLoad) publishers() []*publisher {
	var all []*publisher
	for _, g := range l.groups {
		all = append(all, g.publishers...)
	}
	return all
}

func (l *eventLoad) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		for _, g := range l.groups {
			g.stop()
		}
	})
	defer stop()
	return together(len(l.publishers()), func(i int) error {
		if l.Rate > 0 {
			return l.publishers()[i].paced(ctx)
		}
		return l.publishers()[i].windowed()
	})
}

// together runs work for each number below n at once, and returns when all have
// ended: with the first error, if there is one.
func together(n int, work func(i int) error) error {
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	for i := range n {
		wg.Go(func() { // ends with work
			if err := work(i); err != nil {
				once.Do(func() { first = err })
			}
		})
	}
	wg.Wait()
	return first
}

func (l *eventLoad) counts() (delivered, sent uint64) {
	for _, g := range l.groups {
		for _, p := range g.publishers {
			sent += p.sent.Load() * uint64(len(g.sinks))
		}
		for _, s := range g.sinks {
			delivered += uint64(s.delivered.Load())
		}
	}
	return delivered, sent
}

// finish has all senders leave: who has seen that has seen all of their events.
func (l *eventLoad) finish(r *Result) {
	for _, p := range l.publishers() {
		for _, s := range p.senders {
			_ = s.Disconnect("the bench is over") // it may have lost its name
		}
	}
	limit := time.NewTimer(drainTime)
	defer limit.Stop()
	for _, g := range l.groups {
		for _, s := range g.sinks {
			select {
			case <-s.left:
			case <-limit.C:
				limit.Reset(0) // the others have had their time as well
			}
		}
	}
	l.close()
	var seen, late Histogram
	var total, done uint64
	for _, g := range l.groups {
		for _, p := range g.publishers {
			total += p.sent.Load() * uint64(len(g.sinks))
			late.Merge(p.schedule.lateness())
		}
		for _, s := range g.sinks {
			done += uint64(s.n)
			r.Lost += uint64(s.lost.Load())
			r.LostUnknown += uint64(s.vague.Load())
			seen.Merge(&s.seen)
		}
	}
	r.SentInAll = total
	r.Unaccounted = int64(total) - int64(done) - int64(r.Lost)
	r.times(&seen, &late)
}

// drainTime bounds the waiting for what is under way at the end.
const drainTime = 10 * time.Second
