package sig_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// gate is a handler that begins when the test lets it.
type gate struct {
	*journal
	begun chan struct{} // one token for each handler that has begun
	pass  chan struct{} // one token lets one handler go on; closed: all
}

func newGate() *gate {
	return &gate{newJournal(), make(chan struct{}, 1000), make(chan struct{}, 1000)}
}

func (g *gate) handle(ev sig.Event) {
	g.begun <- struct{}{}
	<-g.pass
	g.event(ev)
}

func TestPolicies(t *testing.T) {
	for _, row := range []struct {
		name   string
		policy sig.Policy
		want   []string
		end    error
	}{
		{"drop oldest", sig.DropOldest, []string{
			"s a 1", "s a lost 1: 2-2 (queue full)", "s b lost 1: 3-3 (queue full)", "s a 4", "s b 5",
		}, nil},
		{"drop newest", sig.DropNewest, []string{
			"s a 1", "s a 2", "s b 3", "s a lost 1: 4-4 (queue full)", "s b lost 1: 5-5 (queue full)",
		}, nil},
		{"keep latest", sig.KeepLatest, []string{
			"s a 1", "s a lost 1: 2-2 (queue full)", "s b lost 1: 3-3 (queue full)", "s a 4", "s b 5",
		}, nil},
		{"disconnect", sig.Disconnect, []string{
			"s a 1", "s a 2", "s b 3", "s a lost 1: 4-4 (queue full)",
		}, sig.ErrLimit},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, _ := newRegistry(t)
			g := newGate()
			s := connect(t, r, "s", "a", "b")
			ended := make(chan error, 1)
			sub := subscribe(t, r, "s", "*", g.handle, &sig.SubscribeOptions{
				Queue: 2, Policy: row.policy, OnEnd: func(err error) { ended <- err },
			})
			require.NoError(t, s.Emit("a", 1))
			await(t, g.begun, "the first event") // the queue is empty again
			for i, event := range []sig.Name{"a", "b", "a", "b"} {
				require.NoError(t, s.Emit(event, i+2), "emitting does not wait")
			}
			close(g.pass)
			require.Equal(t, row.want, g.wait(t, len(row.want)), "P7: #lost in order, with the range")
			if row.end != nil {
				require.ErrorIs(t, await(t, ended, "the end"), row.end)
				require.ErrorIs(t, sub.Err(), row.end)
				return
			}
			require.NoError(t, s.Emit("a", 6))
			require.Equal(t, "s a 6", g.wait(t, len(row.want)+1)[len(row.want)], "the others go on")
			st := sub.Stats()
			require.EqualValues(t, 2, st.Lost)
			require.EqualValues(t, 4, st.Delivered)
			require.Zero(t, st.Queued)
		})
	}
}

func TestKeepLatestPrefersTheSuperseded(t *testing.T) {
	r, _ := newRegistry(t)
	g := newGate()
	s := connect(t, r, "s", "a", "b", "c")
	subscribe(t, r, "s", "*", g.handle, &sig.SubscribeOptions{Queue: 3, Policy: sig.KeepLatest})
	require.NoError(t, s.Emit("c", 0))
	await(t, g.begun, "the first event")
	for i, event := range []sig.Name{"a", "b", "b", "b", "c"} {
		require.NoError(t, s.Emit(event, i+1))
	}
	close(g.pass)
	require.Equal(t, []string{"s c 0", "s a 1", "s b lost 2: 3-4 (queue full)", "s b 4", "s c 5"}, g.wait(t, 5))
}

func TestBlock(t *testing.T) {
	r, _ := newRegistry(t)
	g := newGate()
	s := connect(t, r, "s", "e")
	sub := subscribe(t, r, "s", "e", g.handle, &sig.SubscribeOptions{Queue: 2, Policy: sig.Block})
	emitted := make(chan struct{})
	go func() {
		defer close(emitted)
		for i := range 10 {
			_ = s.Emit("e", i)
		}
	}()
	await(t, g.begun, "the first event")
	select {
	case <-emitted:
		t.Fatal("P7: the emitter did not wait")
	default:
	}
	close(g.pass)
	await(t, emitted, "the emitter's end")
	g.wait(t, 10)
	require.Zero(t, sub.Stats().Lost)
}

func TestBlockEnds(t *testing.T) {
	for _, how := range []string{"context", "unsubscribe", "close"} {
		t.Run(how, func(t *testing.T) {
			r, _ := newRegistry(t)
			g := newGate()
			s := connect(t, r, "s", "e")
			ctx, cancel := context.WithCancel(t.Context())
			sub := subscribe(t, r, "s", "e", g.handle, &sig.SubscribeOptions{Queue: 1, Policy: sig.Block, Context: ctx})
			emitted := make(chan struct{})
			go func() {
				defer close(emitted)
				for i := range 3 {
					_ = s.Emit("e", i)
				}
			}()
			await(t, g.begun, "the first event")
			closed := make(chan struct{})
			switch how {
			case "context":
				cancel()
			case "unsubscribe":
				sub.Unsubscribe()
			case "close":
				go func() { r.Close(); close(closed) }()
			}
			await(t, emitted, "the emitter's end")
			err := sub.Err()
			close(g.pass)
			await(t, sub.Done(), "the subscription's end")
			require.LessOrEqual(t, len(g.all()), 1, "none begins after the end")
			switch how {
			case "context":
				require.ErrorIs(t, err, sig.ErrCancelled, "P7: whoever gave up an event has ended the subscription")
				require.ErrorIs(t, sub.Err(), sig.ErrCancelled)
				require.ErrorIs(t, sub.Err(), context.Canceled)
			case "close":
				await(t, closed, "close")
			}
			cancel()
		})
	}
}

func TestQueueOfTypedHandlers(t *testing.T) {
	r, warned := newRegistry(t)
	s := connect(t, r, "s", "e")
	begun, pass := make(chan struct{}, 10), make(chan struct{})
	j, lost := newJournal(), newJournal()
	h := func(ev sig.EventOf[int]) {
		begun <- struct{}{}
		<-pass
		j.add("%d", ev.Data)
	}
	subscribe(t, r, "s", "e", h, &sig.SubscribeOptions{Queue: 1, OnLost: func(l sig.Lost) { lost.add("%s", l) }})
	subscribe(t, r, "s", "e", h, &sig.SubscribeOptions{Queue: 1})
	e := must(sig.NewEmitter[int](s, "e"))
	require.NoError(t, e.Emit(1))
	await(t, begun, "the first")
	await(t, begun, "the second")
	require.NoError(t, e.Emit(2))
	require.NoError(t, e.Emit(3))
	close(pass)
	j.wait(t, 4)
	require.Equal(t, []string{"lost 1 event of s e: queue full"}, lost.all())
	require.Len(t, warned.wait(t, 1), 1, "who has no OnLost is warned")
	require.Contains(t, warned.all()[0], "lost 1 event of s e: queue full")
}

func TestLossesOfManySenders(t *testing.T) {
	r, _ := newRegistry(t)
	g := newGate()
	subscribe(t, r, sig.Any, "e", g.handle, &sig.SubscribeOptions{Queue: 1})
	for i := range 12 {
		s := connect(t, r, sig.Name(fmt.Sprintf("s%02d", i)), "e")
		require.NoError(t, s.Emit("e", i))
		if i == 0 {
			await(t, g.begun, "the first event")
		}
	}
	close(g.pass)
	got := g.wait(t, 10)
	require.Equal(t, "s01 e lost 1: 2-2 (queue full)", got[1])
	require.Equal(t, "** ** lost 3: 9-11 (queue full)", got[8], "one gap tells a bounded number of senders apart")
	require.Equal(t, "s11 e 11", got[9])
}

func TestLostIsAChannelToo(t *testing.T) {
	r, _ := newRegistry(t)
	g, observer := newGate(), newJournal()
	subscribe(t, r, sig.Any, sig.EventLost, observer.event)
	s := connect(t, r, "s", "e")
	subscribe(t, r, "s", "e", g.handle, &sig.SubscribeOptions{Queue: 1})
	require.NoError(t, s.Emit("e", 1))
	await(t, g.begun, "the first event")
	require.NoError(t, s.Emit("e", 2))
	require.NoError(t, s.Emit("e", 3))
	close(g.pass)
	require.Equal(t, []string{"s e lost 1: 2-2 (queue full)"}, observer.wait(t, 1), "P1: a channel works for # events")
}

func TestTryEmit(t *testing.T) {
	r, _ := newRegistry(t)
	g, other := newGate(), newJournal()
	s := connect(t, r, "s", "e")
	subscribe(t, r, "s", "e", g.handle, &sig.SubscribeOptions{Queue: 1})
	subscribe(t, r, "s", "e", other.event)
	require.NoError(t, s.TryEmit("e", 1))
	await(t, g.begun, "the first event")
	require.NoError(t, s.TryEmit("e", 2))
	require.ErrorIs(t, s.TryEmit("e", 3), sig.ErrBusy, "P7: it fails at once where it would have to wait")
	require.Equal(t, []string{"s e 1", "s e 2"}, other.all(), "and nobody gets it")
	close(g.pass)
	require.Equal(t, []string{"s e 1", "s e 2"}, g.wait(t, 2))
	e := must(sig.NewEmitter[int](s, "e"))
	require.NoError(t, e.TryEmit(4))
	require.NoError(t, e.EmitWait(t.Context(), 5))
	require.Equal(t, "s e 5", g.wait(t, 4)[3])
}

func TestEmitWait(t *testing.T) {
	r, _ := newRegistry(t)
	g := newGate()
	s := connect(t, r, "s", "e")
	sub := subscribe(t, r, "s", "e", g.handle, &sig.SubscribeOptions{Queue: 1})
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, s.EmitWait(ctx, "e", 1))
	await(t, g.begun, "the first event")
	require.NoError(t, s.EmitWait(ctx, "e", 2))
	result := make(chan error, 1)
	go func() { result <- s.EmitWait(ctx, "e", "never") }()
	cancel()
	require.ErrorIs(t, await(t, result, "the end of the wait"), sig.ErrCancelled)

	require.NoError(t, s.Emit("e", 3), "other emissions go on")
	go func() { result <- s.EmitWait(t.Context(), "e", 4) }()
	close(g.pass)
	require.NoError(t, await(t, result, "room"))
	require.Equal(t, []string{"s e 1", "s e 2", "s e lost 1: 3-3 (queue full)", "s e 4"}, g.wait(t, 4),
		"a held-back event is never dropped")

	g.pass = make(chan struct{})
	require.NoError(t, s.EmitWait(t.Context(), "e", 5))
	require.NoError(t, s.EmitWait(t.Context(), "e", 6))
	go func() { result <- s.EmitWait(t.Context(), "e", "never") }()
	sub.Unsubscribe()
	require.NoError(t, await(t, result, "who no longer listens holds nobody back"))
	close(g.pass)
}

// TestEmitWaitDoesNotDeadlock has two emitters that need the same two places.
func TestEmitWaitDoesNotDeadlock(t *testing.T) {
	const events = 2000
	r, _ := newRegistry(t)
	got := make(chan struct{}, 4*events)
	for range 2 {
		subscribe(t, r, sig.Any, "e", func(sig.Event) { got <- struct{}{} }, &sig.SubscribeOptions{Queue: 1})
	}
	for i := range 2 {
		s := connect(t, r, sig.Name(fmt.Sprintf("s%d", i)), "e")
		go func() {
			for n := range events {
				if err := s.EmitWait(t.Context(), "e", n); err != nil {
					t.Errorf("emit: %v", err)
				}
			}
		}()
	}
	for range 4 * events {
		await(t, got, "an event")
	}
}
