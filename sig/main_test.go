package sig_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/sig"
)

// TestMain fails if a test leaves a goroutine behind (P13).
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience ends a test that waits for what never comes.
const patience = time.Minute

// journal collects lines in the order in which handlers write them.
type journal struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced at each line
}

func newJournal() *journal { return &journal{more: make(chan struct{})} }

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
	close(j.more)
	j.more = make(chan struct{})
}

// event writes down who emitted what.
func (j *journal) event(ev sig.Event) { j.add("%s", describe(ev)) }

func describe(ev sig.Event) string {
	switch d := ev.Data.(type) {
	case sig.Lost:
		return fmt.Sprintf("%s %s lost %d: %d-%d (%s)", d.Sender, d.Event, d.Count, d.First, d.Last, d.Reason)
	case sig.Presence:
		return fmt.Sprintf("%s %s %s", ev.Sender, ev.Name, d.Reason)
	}
	return fmt.Sprintf("%s %s %v", ev.Sender, ev.Name, ev.Data)
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

// wait returns the lines once there are n.
func (j *journal) wait(t *testing.T, n int) []string {
	t.Helper()
	deadline := time.After(patience)
	for {
		j.mu.Lock()
		lines, more := slices.Clone(j.lines), j.more
		j.mu.Unlock()
		if len(lines) >= n {
			return lines
		}
		select {
		case <-more:
		case <-deadline:
			t.Fatalf("got %d lines, want %d: %q", len(lines), n, lines)
		}
	}
}

// warnings collects a registry's warnings.
type warnings struct{ *journal }

func (w warnings) add(x sig.Warning) { w.journal.add("%s %s: %v", x.Sender, x.Event, x.Err) }

// newRegistry makes a registry that is closed with the test.
func newRegistry(t testing.TB) (*sig.Registry, warnings) {
	t.Helper()
	w := warnings{newJournal()}
	r := sig.New(&sig.Options{OnWarning: w.add})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r, w
}

func connect(t testing.TB, r *sig.Registry, name sig.Name, events ...sig.Name) *sig.Sender {
	t.Helper()
	s, err := r.Connect(name, sig.Spec{Events: events})
	require.NoError(t, err)
	return s
}

func subscribe[T any](t testing.TB, r *sig.Registry, sender, event sig.Name, h func(sig.EventOf[T]), opts ...*sig.SubscribeOptions) *sig.Subscription {
	t.Helper()
	var o *sig.SubscribeOptions
	if len(opts) > 0 {
		o = opts[0]
	}
	s, err := sig.Subscribe(r, sender, event, h, o)
	require.NoError(t, err)
	return s
}

// await fails the test if ch is not ready in time.
func await[T any](t *testing.T, ch <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(patience):
		t.Fatalf("%s has not happened within %s", what, patience)
	}
	return v
}
