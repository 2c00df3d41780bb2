package sig_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

func TestPresencePayload(t *testing.T) {
	r, _ := newRegistry(t)
	var seen []sig.Presence
	for _, event := range []sig.Name{sig.EventConnect, sig.EventDisconnect} {
		subscribe(t, r, "s", event, func(ev sig.EventOf[sig.Presence]) { seen = append(seen, ev.Data) })
	}
	s, err := r.Connect("s", sig.Spec{
		Events:   []sig.Name{"b", "a"},
		Requests: map[sig.Name]sig.RequestHandler{"m": sig.Handle(echo), "k": sig.Handle(echo)},
		Default:  sig.Handle(echo),
	})
	require.NoError(t, err)
	want := sig.Presence{
		Sender: "s", Events: []sig.Name{"b", "a"}, Requests: []sig.Name{"k", "m"}, Default: true, Epoch: s.Epoch(),
	}
	require.Equal(t, []sig.Presence{want}, seen, "P5")
	require.Equal(t, []sig.Presence{want}, r.Senders())
	require.NoError(t, s.Disconnect("bye"))
	want.Reason = "bye"
	require.Equal(t, want, seen[1], "P5: and the reason")
	require.Empty(t, r.Senders())
}

func TestSendersAreSorted(t *testing.T) {
	r, _ := newRegistry(t)
	for _, name := range []sig.Name{"c", "a", "b"} {
		connect(t, r, name)
	}
	var names []sig.Name
	for _, p := range r.Senders() {
		names = append(names, p.Sender)
	}
	require.Equal(t, []sig.Name{"a", "b", "c"}, names)
}

func TestWatch(t *testing.T) {
	for _, queue := range []int{0, 1} { // the snapshot may exceed the bound
		t.Run(fmt.Sprintf("queue %d", queue), func(t *testing.T) {
			r, _ := newRegistry(t)
			a := connect(t, r, "x/a")
			connect(t, r, "y/b")
			connect(t, r, "x/c")
			j := newJournal()
			w, err := r.Watch("x/*", func(c sig.PresenceChange) { j.add("%s %s %s", c.Kind, c.Sender, c.Reason) },
				&sig.SubscribeOptions{Queue: queue})
			require.NoError(t, err)
			require.Equal(t, []string{"present x/a ", "present x/c ", "snapshot done  "}, j.wait(t, 3))
			connect(t, r, "x/d")
			j.wait(t, 4)
			connect(t, r, "y/e")
			require.NoError(t, a.Disconnect("bye"))
			require.Equal(t, []string{"connected x/d ", "disconnected x/a bye"}, j.wait(t, 5)[3:])
			w.Unsubscribe()
			connect(t, r, "x/f")
			require.Len(t, j.all(), 5)
		})
	}
}

// TestWatchUnderLoad begins watches while senders come and go: applied to the
// snapshot, the changes must give who is there (P5).
func TestWatchUnderLoad(t *testing.T) {
	r, _ := newRegistry(t)
	stop := make(chan struct{})
	var churn sync.WaitGroup
	for i := range 3 {
		churn.Go(func() {
			name := sig.Name(fmt.Sprintf("s%d", i))
			for {
				select {
				case <-stop:
					return
				default:
					_ = must(r.Connect(name, sig.Spec{})).Disconnect("")
				}
			}
		})
	}
	var watches []*watcher
	for i := range 200 {
		w := &watcher{t: t, here: map[sig.Name]uint64{}}
		opts := &sig.SubscribeOptions{}
		if i%2 == 1 {
			opts.Queue = 1 << 16
		}
		_, err := r.Watch(sig.Any, w.handle, opts)
		require.NoError(t, err)
		watches = append(watches, w)
	}
	close(stop)
	churn.Wait()
	require.NoError(t, r.Shutdown(t.Context()))
	for i, w := range watches {
		require.Empty(t, w.here, "P5: watch %d saw them leave", i)
		require.True(t, w.complete)
	}
}

type watcher struct {
	t        *testing.T
	mu       sync.Mutex
	here     map[sig.Name]uint64
	complete bool
}

func (w *watcher) handle(c sig.PresenceChange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	epoch, here := w.here[c.Sender]
	switch c.Kind {
	case sig.SnapshotDone:
		w.complete = true
		return
	case sig.Disconnected:
		if !here || epoch != c.Epoch {
			w.t.Errorf("P5: %s left that was not there", c.Sender)
		}
		delete(w.here, c.Sender)
		return
	}
	if here {
		w.t.Errorf("P5: %s %s twice", c.Sender, c.Kind)
	}
	if w.complete != (c.Kind == sig.Connected) {
		w.t.Errorf("P5: %s at the wrong time", c.Kind)
	}
	w.here[c.Sender] = c.Epoch
}

// TestWatchWithinHandlers changes things while the snapshot is told.
func TestWatchWithinHandlers(t *testing.T) {
	r, _ := newRegistry(t)
	a := connect(t, r, "a")
	connect(t, r, "b")
	j := newJournal()
	_, err := r.Watch(sig.Any, func(c sig.PresenceChange) {
		j.add("%s %s", c.Kind, c.Sender)
		if c.Kind == sig.Present && c.Sender == "a" {
			require.NoError(t, a.Disconnect(""))
			connect(t, r, "c")
			panic("still told the rest")
		}
	}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"present a", "present b", "snapshot done ", "disconnected a", "connected c"}, j.all())
}
