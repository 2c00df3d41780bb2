package sig_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

func TestNestedEmissionKeepsOrder(t *testing.T) {
	for _, queued := range []bool{false, true} {
		t.Run(fmt.Sprintf("queued %v", queued), func(t *testing.T) {
			r, _ := newRegistry(t)
			s := connect(t, r, "s", "a", "b")
			ea, eb := must(sig.NewEmitter[int](s, "a")), must(sig.NewEmitter[int](s, "b"))
			opts := &sig.SubscribeOptions{}
			if queued {
				opts.Queue = 100
			}
			first, last := newJournal(), newJournal()
			subscribe(t, r, "s", sig.Any, first.event, opts)
			subscribe(t, r, "s", "a", func(ev sig.EventOf[int]) {
				require.NoError(t, eb.Emit(ev.Data))
				require.NoError(t, s.Emit("b", ev.Data+100))
				if ev.Data < 3 {
					require.NoError(t, ea.Emit(ev.Data+1))
				}
			})
			subscribe(t, r, "s", "*", last.event, opts)
			require.NoError(t, ea.Emit(1))
			want := []string{"s a 1", "s b 1", "s b 101", "s a 2", "s b 2", "s b 102", "s a 3", "s b 3", "s b 103"}
			require.Equal(t, want, first.wait(t, len(want)), "P3")
			require.Equal(t, want, last.wait(t, len(want)), "P3: an event does not overtake the one that caused it")
		})
	}
}

func TestDisconnectWithinHandler(t *testing.T) {
	r, _ := newRegistry(t)
	s := connect(t, r, "s", "e", "f")
	var after *sig.Sender
	subscribe(t, r, "s", "e", func(ev sig.Event) {
		if ev.Data != 1 {
			return
		}
		require.NoError(t, s.Emit("f", "nested"), "still connected")
		require.NoError(t, s.Disconnect("enough"))
		require.ErrorIs(t, s.Emit("f", "late"), sig.ErrNotConnected)
		after = connect(t, r, "s", "e", "f")
		require.NoError(t, after.Emit("f", "second life"))
	})
	all := newJournal()
	subscribe(t, r, "s", sig.Any, all.event)
	require.NoError(t, s.Emit("e", 1))
	require.NoError(t, after.Emit("e", 2))
	require.Equal(t, []string{
		"s e 1", "s f nested", "s #disconnect enough", "s #connect ", "s f second life", "s e 2",
	}, all.all(), "P3: #disconnect after the last event, the next life after that")
}

func TestUnsubscribeWithinHandler(t *testing.T) {
	r, _ := newRegistry(t)
	j := newJournal()
	var subs [3]*sig.Subscription
	s := connect(t, r, "s", "e")
	for i := range subs {
		subs[i] = subscribe(t, r, "s", "e", func(ev sig.Event) {
			j.add("%d", i)
			if i == 0 {
				subs[0].Unsubscribe()
				subs[1].Unsubscribe()
				subs[1].Unsubscribe()
			}
		})
	}
	require.NoError(t, s.Emit("e", 1))
	require.NoError(t, s.Emit("e", 2))
	require.Equal(t, []string{"0", "2", "2"}, j.all(), "P4: none begins after Unsubscribe, the others go on")
	require.NoError(t, subs[0].Err())
	await(t, subs[1].Done(), "done")
}

func TestSubscribeWithinHandler(t *testing.T) {
	r, _ := newRegistry(t)
	j := newJournal()
	s := connect(t, r, "s", "e")
	var once sync.Once
	subscribe(t, r, "s", "e", func(ev sig.Event) {
		once.Do(func() { subscribe(t, r, "s", "e", j.event) })
	})
	require.NoError(t, s.Emit("e", 1))
	require.NoError(t, s.Emit("e", 2))
	require.Equal(t, []string{"s e 2"}, j.all(), "it gets what is emitted after it was made")
}

// TestOrderUnderLoad checks one sender's order for every kind of subscription
// while others come and go.
func TestOrderUnderLoad(t *testing.T) {
	const events, senders = 2000, 4
	r, _ := newRegistry(t)
	var mu sync.Mutex
	seen := make(map[string]map[sig.Name]int)
	check := func(id string) func(sig.Event) {
		return func(ev sig.Event) {
			n, ok := ev.Data.(int)
			if !ok {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if seen[id] == nil {
				seen[id] = map[sig.Name]int{}
			}
			if last := seen[id][ev.Sender]; n != last+1 {
				t.Errorf("P3: %s got %d of %s after %d", id, n, ev.Sender, last)
			}
			seen[id][ev.Sender] = n
		}
	}
	subscribe(t, r, sig.Any, sig.Any, check("everything"))
	subscribe(t, r, sig.Any, "e", check("channel"))
	subscribe(t, r, sig.Any, sig.Any, check("queued"), &sig.SubscribeOptions{Queue: 8, Policy: sig.Block})
	stop := make(chan struct{})
	var others, emitters sync.WaitGroup
	others.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				must(sig.Subscribe(r, "s1", "e", func(sig.Event) {}, nil)).Unsubscribe()
			}
		}
	})
	for i := range senders {
		emitters.Go(func() {
			s := must(r.Connect(sig.Name(fmt.Sprintf("s%d", i)), sig.Spec{Events: []sig.Name{"e"}}))
			for n := range events {
				if err := s.Emit("e", n+1); err != nil {
					t.Errorf("emit: %v", err)
				}
			}
		})
	}
	emitters.Wait()
	close(stop)
	others.Wait()
	require.NoError(t, r.Shutdown(t.Context()))
	for id, last := range seen {
		for sender, n := range last {
			require.Equal(t, events, n, "P3: %s, events of %s", id, sender)
		}
	}
	require.Len(t, seen, 3)
}

// TestDisconnectIsLast has one goroutine emit while another disconnects: who
// hears both hears nothing after the end.
func TestDisconnectIsLast(t *testing.T) {
	r, _ := newRegistry(t)
	gone := false
	var mu sync.Mutex
	subscribe(t, r, "s", sig.Any, func(ev sig.Event) {
		mu.Lock()
		defer mu.Unlock()
		if gone && ev.Name == "e" {
			t.Error("P3: an event after #disconnect")
		}
		gone = ev.Name == sig.EventDisconnect
	})
	for range 500 {
		s := connect(t, r, "s", "e")
		var wg sync.WaitGroup
		wg.Go(func() {
			for s.Emit("e", 1) == nil {
			}
		})
		require.NoError(t, s.Disconnect(""))
		wg.Wait()
	}
}

func TestTooManyNestedEvents(t *testing.T) {
	r, _ := newRegistry(t)
	s := connect(t, r, "s", "e")
	var got error
	subscribe(t, r, "s", sig.Any, func(ev sig.Event) {
		for ev.Data == "start" && got == nil {
			got = s.Emit("e", "more")
		}
	})
	require.NoError(t, s.Emit("e", "start"))
	require.ErrorIs(t, got, sig.ErrBusy, "what waits is bounded, and the emitter learns of it")
}
