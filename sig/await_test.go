package sig_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

func TestNext(t *testing.T) {
	r, _ := newRegistry(t)
	_, err := sig.Next[int](t.Context(), r, "", "e")
	require.ErrorIs(t, err, sig.ErrBadName)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = sig.Next[int](ctx, r, "s", "e")
	require.ErrorIs(t, err, sig.ErrCancelled)

	p := attach(t, r)
	got := make(chan sig.EventOf[int], 1)
	go func() {
		ev, err := sig.Next[int](t.Context(), r, "s", "e")
		if err == nil {
			got <- ev
		}
	}()
	p.wait(t, 1) // it has subscribed
	s := connect(t, r, "s", "e")
	require.NoError(t, s.Emit("e", 5))
	require.NoError(t, s.Emit("e", 6))
	require.Equal(t, sig.EventOf[int]{Sender: "s", Name: "e", Data: 5}, await(t, got, "the event"))
	require.Equal(t, "forget s e", p.wait(t, 3)[2], "nothing is left behind")
}

func TestEvents(t *testing.T) {
	r, _ := newRegistry(t)
	s := connect(t, r, "s", "e")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := sig.Events[any](ctx, r, "s", "e", &sig.SubscribeOptions{Queue: 3})
	for i := range 5 {
		require.NoError(t, s.Emit("e", i), "it has subscribed already")
	}
	j := newJournal()
	for ev, err := range events {
		require.NoError(t, err)
		j.event(ev)
		if ev.Data == 4 {
			cancel()
		}
	}
	require.Equal(t, []string{"s e lost 2: 1-2 (queue full)", "s e 2", "s e 3", "s e 4"}, j.all(),
		"it ends with its context, without an error")
	for _, err := range events {
		require.ErrorIs(t, err, sig.ErrClosed, "there is one loop")
	}
}

func TestEventsEnd(t *testing.T) {
	r, warned := newRegistry(t)
	s := connect(t, r, "s", "e")
	for _, err := range sig.Events[int](t.Context(), r, "s", "x", nil) {
		require.ErrorIs(t, err, sig.ErrNotDeclared)
	}
	p := attach(t, r)
	events := sig.Events[int](t.Context(), r, "s", "e", &sig.SubscribeOptions{Queue: 1})
	require.NoError(t, s.Emit("e", 1))
	require.NoError(t, s.Emit("e", 2))
	for ev, err := range events {
		require.NoError(t, err)
		require.Equal(t, 2, ev.Data)
		break
	}
	require.Equal(t, []string{"+s [e]", "want s e", "forget s e"}, p.told(), "it ends with the loop")
	require.Len(t, warned.all(), 1, "a loop over a type that cannot hold a Lost")

	again := sig.Events[int](t.Context(), r, "s", "e", nil)
	go func() { _ = r.Close() }()
	n := 0
	for _, err := range again {
		require.ErrorIs(t, err, sig.ErrClosed)
		n++
	}
	require.Equal(t, 1, n, "the registry's end is an error, the last pair")
}
