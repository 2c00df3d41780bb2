package modeltest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gosig/gosig/sig"
	"pgregory.net/rapid"
)

// settle waits until the world is at rest, and compares.
func (s *script) settle(t *rapid.T) {
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.Patience)
	defer cancel()
	for i, reg := range s.regs {
		if err := reg.Sync(ctx); err != nil {
			t.Fatalf("registry %d: wait until the subscriptions are in force: %v", i, err)
		}
	}
	s.world.Settle()
	for _, l := range s.listeners {
		s.await(ctx, t, l)
	}
	for i := range s.regs {
		s.awaitSenders(ctx, t, i)
	}
	if wrong := s.order.check(); wrong != "" {
		t.Fatal(wrong)
	}
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	s.history.now.settled++
}

// await compares one listener, and gives what is missing time to arrive.
func (s *script) await(ctx context.Context, t *rapid.T, l *listener) {
	for {
		v, more := l.compare(&s.history, senders)
		switch {
		case v.wrong != "":
			t.Fatal(v.wrong)
		case v.missing == "":
			return
		}
		select {
		case <-more:
		case <-ctx.Done():
			t.Fatal(v.missing)
		}
	}
}

// awaitSenders compares the list of who is connected (P5).
func (s *script) awaitSenders(ctx context.Context, t *rapid.T, reg int) {
	var wrong string
	again := time.NewTicker(time.Millisecond) // Senders has nothing to wait for
	defer again.Stop()
	for {
		if wrong = s.compareSenders(reg); wrong == "" {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal(wrong)
		}
	}
}

func (s *script) compareSenders(reg int) string {
	var got, want []string
	for _, p := range s.regs[reg].Senders() {
		got = append(got, fmt.Sprintf("%s declares %v, remote: %v", p.Sender, p.Events, p.Remote))
	}
	for _, name := range senders {
		if l := s.history.lookup(name); l != nil {
			want = append(want, fmt.Sprintf("%s declares %v, remote: %v", name, l.events, l.reg != reg))
		}
	}
	slices.Sort(want)
	if !slices.IsSorted(got) {
		return fmt.Sprintf("P5: the senders of registry %d are not sorted: %v", reg, got)
	}
	if !slices.Equal(got, want) {
		return fmt.Sprintf("P5: who is connected in registry %d:\n\tgot  %v\n\twant %v", reg, got, want)
	}
	return ""
}

// deliveries is in which order the inline subscriptions of each registry heard
// of the same thing.
type deliveries struct {
	mu   sync.Mutex
	made map[delivery][]*listener
}

type delivery struct {
	key
	reg int
}

func (d *deliveries) note(k key, l *listener) {
	if l.queued {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made == nil {
		d.made = map[delivery][]*listener{}
	}
	at := delivery{k, l.reg}
	d.made[at] = append(d.made[at], l)
}

// rank is the order of the ways to subscribe.
func (l *listener) rank() int {
	rank := 0
	if !slices.Contains(eventWildcards, l.pattern.Event) {
		rank += 2
	}
	if slices.Contains(senders, l.pattern.Sender) {
		rank++
	}
	return rank
}

var eventWildcards = []sig.Name{sig.Any, "*", "t/**", "**/u", "**/**"}

// check compares each order with everything, broadcast, channel, specific, and
// with the order of subscribing, and forgets it.
func (d *deliveries) check() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for at, order := range d.made {
		for i := 1; i < len(order); i++ {
			a, b := order[i-1], order[i]
			if a.rank() > b.rank() || a.rank() == b.rank() && a.id > b.id {
				return fmt.Sprintf("P3: %v reached %s before %s", at.key, a, b)
			}
		}
	}
	clear(d.made)
	return ""
}
