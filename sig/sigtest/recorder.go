package sigtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gosig/gosig/sig"
)

// Patience is how long a wait lasts whose context has no deadline.
const Patience = 30 * time.Second

// Recorder keeps what a subscription hears, in order. All methods may be
// called from any goroutine, except that those which wait end the test, and
// therefore belong into the test's own goroutine.
type Recorder[T any] struct {
	t    TB
	what string // of what is recorded, for messages

	mu     sync.Mutex
	events []sig.EventOf[T]
	lost   []sig.Lost
	more   chan struct{} // closed, and replaced, with each new event
}

// NewRecorder makes a recorder whose Handle is to be given to a subscription
// or to whatever else calls back. The text says in messages what is recorded.
func NewRecorder[T any](t TB, what string) *Recorder[T] {
	return &Recorder[T]{t: t, what: what, more: make(chan struct{})}
}

// Record subscribes a new recorder until the test ends. A T of any records
// every payload, and #connect, #disconnect and #lost if the pattern matches
// them; with another T, losses are found in [Recorder.Lost].
func Record[T any](t TB, reg *sig.Registry, sender, event sig.Name) *Recorder[T] {
	t.Helper()
	rec := NewRecorder[T](t, fmt.Sprintf("%s %s", sender, event))
	sub, err := sig.Subscribe(reg, sender, event, rec.Handle, &sig.SubscribeOptions{OnLost: rec.HandleLost})
	if err != nil {
		t.Fatalf("sigtest: record %s: %v", rec.what, err)
	}
	t.Cleanup(sub.Unsubscribe)
	return rec
}

// Handle records one event.
func (r *Recorder[T]) Handle(ev sig.EventOf[T]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, ev)
	r.wake()
}

// HandleLost records a loss.
func (r *Recorder[T]) HandleLost(l sig.Lost) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = append(r.lost, l)
	r.wake()
}

// wake is called with mu held.
func (r *Recorder[T]) wake() {
	close(r.more)
	r.more = make(chan struct{})
}

// All returns the events so far.
func (r *Recorder[T]) All() []sig.EventOf[T] {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// Len returns the number of events so far.
func (r *Recorder[T]) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}

// Of returns the events of one sender so far: order is promised within each.
func (r *Recorder[T]) Of(sender sig.Name) []sig.EventOf[T] {
	return slices.DeleteFunc(r.All(), func(ev sig.EventOf[T]) bool { return ev.Sender != sender })
}

// Data returns the payloads so far.
func (r *Recorder[T]) Data() []T {
	var data []T
	for _, ev := range r.All() {
		data = append(data, ev.Data)
	}
	return data
}

// Lost returns the losses so far that a typed subscription was told of.
func (r *Recorder[T]) Lost() []sig.Lost {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lost)
}

// Reset forgets what was recorded; counting begins anew.
func (r *Recorder[T]) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events, r.lost = nil, nil
}

// Wait waits for the n-th event since the beginning (the first is 1) and
// returns it. It ends the test when the context ends, or after [Patience] if
// the context has no deadline.
func (r *Recorder[T]) Wait(ctx context.Context, n int) sig.EventOf[T] {
	r.t.Helper()
	if n < 1 {
		r.t.Fatalf("sigtest: waiting for event %d of %s: the first is 1", n, r.what)
	}
	return r.wait(ctx, fmt.Sprintf("event %d", n), func(events []sig.EventOf[T]) int {
		if len(events) >= n {
			return n - 1
		}
		return -1
	})
}

// WaitFor waits for the first event since the beginning that is as wanted, and
// returns it. The text completes "waiting for ...", it is for the message.
func (r *Recorder[T]) WaitFor(ctx context.Context, what string, wanted func(sig.EventOf[T]) bool) sig.EventOf[T] {
	r.t.Helper()
	return r.wait(ctx, what, func(events []sig.EventOf[T]) int { return slices.IndexFunc(events, wanted) })
}

// wait waits until find finds an index.
func (r *Recorder[T]) wait(ctx context.Context, what string, find func([]sig.EventOf[T]) int) sig.EventOf[T] {
	r.t.Helper()
	ctx, cancel := impatient(ctx)
	defer cancel()
	begin := time.Now()
	for {
		r.mu.Lock()
		events, more := r.events[:len(r.events):len(r.events)], r.more
		r.mu.Unlock()
		if i := find(events); i >= 0 {
			return events[i]
		}
		select {
		case <-more:
		case <-ctx.Done():
			r.t.Fatalf("sigtest: waiting for %s of %s: %v after %v; %s",
				what, r.what, context.Cause(ctx), time.Since(begin).Round(time.Millisecond), r)
			return sig.EventOf[T]{} // for a TB whose Fatalf returns
		}
	}
}

func impatient(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, Patience)
}

// shown is how many of the last events a message shows.
const shown = 20

// String lists the last events and losses, one a line.
func (r *Recorder[T]) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "recorded %d", len(r.events))
	if len(r.events) == 0 {
		b.WriteString(", not one event")
	}
	from := max(0, len(r.events)-shown)
	if from > 0 {
		fmt.Fprintf(&b, ", the last %d:", shown)
	}
	for i, ev := range r.events[from:] {
		fmt.Fprintf(&b, "\n\t%d: %s %s %s", from+i+1, ev.Sender, ev.Name, brief(ev.Data))
	}
	for _, l := range r.lost {
		fmt.Fprintf(&b, "\n\t%s", l)
	}
	return b.String()
}

// brief keeps a large payload from burying the message.
func brief(data any) string {
	const most = 200
	text := fmt.Sprintf("%+v", data)
	if len(text) > most {
		text = fmt.Sprintf("%s... (%d bytes)", text[:most], len(text))
	}
	return text
}
