package sig_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// TestPanics has handlers of every kind panic: the others do not notice (P4).
func TestPanics(t *testing.T) {
	r, warned := newRegistry(t)
	s := connect(t, r, "s", "e", "f")
	e := must(sig.NewEmitter[int](s, "e"))
	j := newJournal()
	for range 2 {
		subscribe(t, r, "s", "e", func(ev sig.EventOf[int]) { panic("typed") })
		subscribe(t, r, "s", "e", func(ev sig.Event) { panic("untyped") })
		subscribe(t, r, "s", "e", func(ev sig.EventOf[float64]) { panic("converted") })
		subscribe(t, r, "s", "e", func(ev sig.Event) { j.event(ev); panic("queued") }, &sig.SubscribeOptions{
			Queue: 10, OnEnd: func(error) { j.add("end"); panic("end") },
		})
		subscribe(t, r, "s", "e", j.event)
		subscribe(t, r, "s", sig.EventDisconnect, func(sig.Event) { panic("presence") })
	}
	require.NoError(t, e.Emit(1), "the emitter is not to blame")
	require.NoError(t, s.EmitWait(t.Context(), "e", 2))
	require.NoError(t, s.Disconnect(""))
	require.NoError(t, r.Shutdown(t.Context()))
	count := map[string]int{}
	for _, line := range j.all() {
		count[line]++
	}
	require.Equal(t, map[string]int{"s e 1": 4, "s e 2": 4, "end": 2}, count)
	require.Len(t, warned.all(), 2*(2*4+2))
	require.Contains(t, warned.all()[0], "s e: handler panicked: typed")
}

// TestHandlerEndsItsGoroutine: t.FailNow in a handler does that, and must not
// make the sender mute.
func TestHandlerEndsItsGoroutine(t *testing.T) {
	for _, queue := range []int{0, 10} {
		r, warned := newRegistry(t)
		s := connect(t, r, "s", "e")
		j := newJournal()
		first := func(ev sig.Event) {
			if ev.Data == 1 {
				runtime.Goexit()
			}
			j.event(ev)
		}
		subscribe(t, r, "s", sig.Any, first, &sig.SubscribeOptions{Queue: queue})
		subscribe(t, r, "s", "e", j.event)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = s.Emit("e", 1)
		}()
		await(t, ended, "the emitter's end")
		require.NoError(t, s.Emit("e", 2))
		require.ElementsMatch(t, []string{"s e 1", "s e 2", "s e 2"}, j.wait(t, 3))
		require.Contains(t, warned.wait(t, 1)[0], "ended its goroutine")
	}
}

func TestHandlersMayCallAnything(t *testing.T) {
	r, _ := newRegistry(t)
	s := connect(t, r, "s", "e")
	j := newJournal()
	subscribe(t, r, "s", "e", func(ev sig.Event) {
		sub := subscribe(t, r, "s", "e", func(sig.Event) {})
		sub.Unsubscribe()
		connect(t, r, "other").Disconnect("")
		require.Len(t, r.Senders(), 1)
		require.NoError(t, r.Sync(t.Context()))
		w, err := r.Watch(sig.Any, func(c sig.PresenceChange) { j.add("%s %s", c.Kind, c.Sender) }, nil)
		require.NoError(t, err)
		w.Unsubscribe()
		attach(t, r).bridge.Close("").Deliver()
		_, err = sig.NewEmitter[int](s, "e")
		require.NoError(t, err)
	})
	require.NoError(t, s.Emit("e", 1))
	require.Equal(t, []string{"present s", "snapshot done "}, j.all(), "P4: no lock is held")
}
