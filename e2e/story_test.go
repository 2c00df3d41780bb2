package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
)

// story is what one subscription heard of a sender that emits 1, 2, 3 and so
// on, short enough to read:
//
//	#connect | 1-80 | #disconnect | #connect | #lost 3 | 84-200
//
// Every number must come once, in order, or be in a #lost at its place.
type story struct {
	mu        sync.Mutex
	lines     []line
	next      uint64 // one more than the last number that came or was lost
	delivered uint64
	lost      uint64
	faults    []string
}

// line is a presence event, a run of numbers, or a loss.
type line struct {
	kind     string // "#connect", "#disconnect", "#lost", "events"
	from, to uint64
	text     string
	reason   sig.LossReason
}

func (l line) String() string {
	if l.kind == "events" {
		return fmt.Sprintf("%d-%d", l.from, l.to)
	}
	return strings.TrimSpace(l.kind + " " + l.text)
}

// follow subscribes a story to all events of a sender, and waits until that is
// in force.
func follow(t testing.TB, c *client, sender sig.Name, opts *sig.SubscribeOptions) *story {
	t.Helper()
	s := &story{next: 1}
	sub, err := sig.Subscribe(c.Registry, sender, sig.Any, s.hear, opts)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(patient(t)))
	return s
}

func (s *story) hear(ev sig.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch data := ev.Data.(type) {
	case sig.Presence:
		s.lines = append(s.lines, line{kind: string(ev.Name), text: data.Reason})
	case sig.Lost:
		s.gap(data)
	default:
		s.number(ev)
	}
}

func (s *story) gap(l sig.Lost) {
	s.lines = append(s.lines, line{kind: "#lost", text: fmt.Sprintf("%d (%v)", l.Count, l.Reason), reason: l.Reason})
	if l.Count == 0 {
		s.faults = append(s.faults, "a loss of unknown size")
	}
	s.lost += l.Count
	s.next += l.Count
}

func (s *story) number(ev sig.Event) {
	n, err := numberIn(ev.Data)
	switch {
	case err != nil:
		s.faults = append(s.faults, fmt.Sprintf("payload %v: %v", ev.Data, err))
		return
	case n < s.next:
		s.faults = append(s.faults, fmt.Sprintf("%d came again, or late: %d was next", n, s.next))
	case n > s.next:
		s.faults = append(s.faults, fmt.Sprintf("%d came when %d was next, and no #lost said so", n, s.next))
	}
	if last := len(s.lines) - 1; last >= 0 && s.lines[last].kind == "events" && s.lines[last].to+1 == n {
		s.lines[last].to = n
	} else {
		s.lines = append(s.lines, line{kind: "events", from: n, to: n})
	}
	s.delivered++
	s.next = n + 1
}

// count is how often a kind of line is in the story.
func (s *story) count(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, l := range s.lines {
		if l.kind == kind {
			n++
		}
	}
	return n
}

// kinds are the lines without their details.
func (s *story) kinds() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, l := range s.lines {
		all = append(all, l.kind)
	}
	return strings.Join(all, " ")
}

// reasons are those of the losses, each once.
func (s *story) reasons() []sig.LossReason {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []sig.LossReason
	for _, l := range s.lines {
		if l.kind == "#lost" && !slices.Contains(all, l.reason) {
			all = append(all, l.reason)
		}
	}
	return all
}

// told is up to which number the story goes.
func (s *story) told() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next - 1
}

// arrived is how many events have come.
func (s *story) arrived() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.delivered
}

// String tells the story.
func (s *story) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, l := range s.lines {
		all = append(all, l.String())
	}
	text := strings.Join(all, " | ")
	if len(text) > 2000 {
		text = text[:1000] + " ... " + text[len(text)-1000:]
	}
	return fmt.Sprintf("%s (%d delivered, %d lost; faults: %.2000q)", text, s.delivered, s.lost, s.faults)
}

// complete waits until the story has come to its end, the n-th event, and
// checks that all numbers add up.
func (s *story) complete(t testing.TB, n uint64) {
	t.Helper()
	over := time.Now().Add(patience)
	for s.told() < n && time.Now().Before(over) {
		time.Sleep(2 * time.Millisecond)
	}
	s.mu.Lock()
	next, delivered, lost, faults := s.next, s.delivered, s.lost, len(s.faults)
	s.mu.Unlock()
	if next != n+1 || delivered+lost != n || faults > 0 {
		t.Errorf("%d were emitted; the subscriber heard: %s", n, s)
	}
}

// whole is complete, with nothing lost and nobody gone.
func (s *story) whole(t testing.TB, n uint64) {
	t.Helper()
	s.complete(t, n)
	if s.count("#lost")+s.count("#disconnect") > 0 {
		t.Errorf("nothing should have been lost, and nobody gone; the subscriber heard: %s", s)
	}
}

// counter is a sender that emits 1, 2, 3 and so on until it is stopped.
type counter struct {
	sender  *sig.Sender
	emitted atomic.Uint64
	quit    context.CancelFunc
	ended   chan struct{} // closed when the goroutine has ended
	err     error         // valid then
}

// emission is how a counter emits.
type emission func(ctx context.Context, s *sig.Sender, data any) error

// paced emits about ten thousand times a second, and never waits for anybody.
func paced(_ context.Context, s *sig.Sender, data any) error {
	time.Sleep(50 * time.Microsecond) // the load, not a wait
	return s.Emit("n", data)
}

// heldBack emits as fast as subscribers take it.
func heldBack(ctx context.Context, s *sig.Sender, data any) error { return s.EmitWait(ctx, "n", data) }

// plain emits as fast as it can.
func plain(_ context.Context, s *sig.Sender, data any) error { return s.Emit("n", data) }

// count connects a sender and starts to count; limit 0 is none.
func count(t testing.TB, c *client, name sig.Name, of codec.ID, emit emission, limit uint64) *counter {
	t.Helper()
	k := connectCounter(t, c, name)
	k.start(t, of, emit, limit)
	return k
}

// connectCounter connects the sender of a counter.
func connectCounter(t testing.TB, c *client, name sig.Name) *counter {
	t.Helper()
	return &counter{sender: c.connect(t, name, sig.Spec{Events: []sig.Name{"n"}})}
}

// start begins to count.
func (k *counter) start(t testing.TB, of codec.ID, emit emission, limit uint64) {
	var ctx context.Context
	ctx, k.quit = context.WithCancel(context.Background())
	k.ended = make(chan struct{})
	go func() {
		defer close(k.ended)
		for n := uint64(1); ctx.Err() == nil && (limit == 0 || n <= limit); n++ {
			if err := emit(ctx, k.sender, number(of, n)); err != nil {
				if !errors.Is(err, sig.ErrCancelled) {
					k.err = err
				}
				return
			}
			k.emitted.Store(n)
		}
	}()
	t.Cleanup(func() { k.stop(t) })
}

// stop ends the counting and returns how many were emitted.
func (k *counter) stop(t testing.TB) uint64 {
	t.Helper()
	k.quit()
	return k.finished(t)
}

// finished waits for the end of the counting.
func (k *counter) finished(t testing.TB) uint64 {
	t.Helper()
	select {
	case <-k.ended:
	case <-time.After(2 * patience):
		t.Errorf("emitting %d of %s still waits", k.emitted.Load()+1, k.sender.Name())
		k.quit()
		<-k.ended
	}
	if k.err != nil {
		t.Errorf("emitting %d: %v", k.emitted.Load()+1, k.err)
	}
	return k.emitted.Load()
}

// pair is an honest publisher and an honest subscriber, to stand beside those
// who misbehave.
type pair struct {
	from, to *client
	counter  *counter
	story    *story
}

// honest starts a pair at an address.
func honest(t testing.TB, addr string) *pair {
	t.Helper()
	p := &pair{from: dial(t, "cbor", []string{addr}), to: dial(t, "json", []string{addr})}
	p.story = follow(t, p.to, "honest", nil)
	p.counter = count(t, p.from, "honest", "cbor", paced, 0)
	p.moves(t)
	return p
}

// moves waits until the pair has got on.
func (p *pair) moves(t testing.TB) {
	t.Helper()
	goal := p.story.told() + 200
	await(t, "the honest clients to get on", func() bool { return p.story.told() >= goal })
}

// unharmed ends the pair and checks that it has lost nothing.
func (p *pair) unharmed(t testing.TB) {
	t.Helper()
	p.moves(t)
	p.story.whole(t, p.counter.stop(t))
}
