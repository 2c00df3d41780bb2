package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/sig"
)

const echo sig.Name = "echo"

// requestLoad is callers that ask one client, whose senders answer with what
// they were asked.
type requestLoad struct {
	*builder
	callers []*caller

	mu    sync.Mutex
	first error // of a request
}

func (b *builder) requests(ctx context.Context) (load, error) {
	answering, err := b.client(ctx)
	if err != nil {
		return nil, err
	}
	names := make([]sig.Name, b.Senders)
	answer := sig.Handle(func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil })
	for i := range names {
		names[i] = sig.Name(fmt.Sprintf("%s/r%d", b.prefix, i))
		if _, err := answering.Connect(ctx, names[i], sig.Spec{Requests: map[sig.Name]sig.RequestHandler{echo: answer}}); err != nil {
			return nil, fmt.Errorf("connect the sender %s: %w", names[i], err)
		}
	}
	l := &requestLoad{builder: b}
	for range b.Clients {
		c, err := b.client(ctx)
		if err != nil {
			return nil, err
		}
		for range b.Callers {
			l.callers = append(l.callers, &caller{clock: b.clock, reg: c.Registry(), names: names, next: len(l.callers) % len(names), payload: make([]byte, b.Size)})
		}
	}
	for i, c := range l.callers {
		c.schedule = newSchedule(b.Rate, i, len(l.callers))
	}
	return l, nil
}

// caller asks one request after the other, the senders in turn.
type caller struct {
	*clock
	reg     *sig.Registry
	names   []sig.Name
	next    int
	payload []byte
	seen    Histogram
	sent    atomic.Uint64
	replies atomic.Uint64
	failed  atomic.Uint64

	schedule *schedule // of its requests; nil without a rate
}

func (c *caller) call(ctx context.Context, due time.Duration) error {
	binary.BigEndian.PutUint64(c.payload, uint64(due))
	to := c.names[c.next]
	if c.next++; c.next == len(c.names) {
		c.next = 0
	}
	reply, err := sig.Call[[]byte](ctx, c.reg, to, echo, c.payload)
	switch {
	case ctx.Err() != nil:
		return nil // it was cut short by the end
	case err == nil && (len(reply) != len(c.payload) || dueOf(reply) != due):
		err = fmt.Errorf("%s answered with something else than it was asked", to)
	}
	c.sent.Add(1)
	if err != nil {
		c.failed.Add(1)
		return err
	}
	c.replies.Add(1)
	if now := c.now(); c.measured(due, now) {
		c.seen.Add(now - due)
	}
	return nil
}

// run: a request that fails is counted, and the caller asks the next.
func (l *requestLoad) run(ctx context.Context) error {
	return together(len(l.callers), func(i int) error {
		c := l.callers[i]
		call := func(due time.Duration) error {
			if err := c.call(ctx, due); err != nil {
				l.note(err)
			}
			return nil
		}
		if l.Rate > 0 {
			return c.schedule.pace(ctx, c.clock, call)
		}
		for ctx.Err() == nil {
			if err := call(c.now()); err != nil {
				return err
			}
		}
		return nil
	})
}

func (l *requestLoad) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		l.first = err
	}
}

func (l *requestLoad) counts() (delivered, sent uint64) {
	for _, c := range l.callers {
		delivered += c.replies.Load()
		sent += c.sent.Load()
	}
	return delivered, sent
}

func (l *requestLoad) finish(r *Result) {
	l.close()
	var seen, late Histogram
	for _, c := range l.callers {
		seen.Merge(&c.seen)
		late.Merge(c.schedule.lateness())
		r.Failed += c.failed.Load()
	}
	r.err = l.first
	r.times(&seen, &late)
}
