package e2e

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// TestInsideHandlers: a client subscribes to its own sender, and its handlers
// emit and request from inside, over TCP: handlers of events ask others, which
// ask back (P4).
func TestInsideHandlers(t *testing.T) {
	t.Parallel()
	p := serve(t, "--listen", "tcp://127.0.0.1:0")
	a, b := dial(t, "cbor", p.addrs), dial(t, "json", p.addrs)
	// "deep" calls the other side until the number is used up.
	deep := func(c *client, other sig.Name) sig.RequestHandler {
		return sig.Handle(func(ctx context.Context, n int) (int, error) {
			if n == 0 {
				return 0, nil
			}
			m, err := sig.Call[int](ctx, c.Registry, other, "deep", n-1)
			return m + 1, err
		})
	}
	const rounds = 100
	done := make(chan int, 1)
	sa := a.connect(t, "a", sig.Spec{Events: []sig.Name{"ball"}, Requests: map[sig.Name]sig.RequestHandler{"deep": deep(a, "b")}})
	b.connect(t, "b", sig.Spec{Events: []sig.Name{"ball"}, Requests: map[sig.Name]sig.RequestHandler{"deep": deep(b, "a")}})
	a.knows(t, "b")
	b.knows(t, "a")
	sub, err := sig.Subscribe(a.Registry, "a", "ball", func(ev sig.EventOf[int]) {
		// Its own event, which the server knows nothing of; a request to the
		// other side that comes back here several times; and the next event.
		depth, err := sig.Call[int](patient(t), a.Registry, "b", "deep", 6)
		if err != nil || depth != 6 {
			t.Errorf("round %d: depth %d, %v", ev.Data, depth, err)
		}
		if ev.Data == rounds || t.Failed() {
			done <- ev.Data
			return
		}
		if err := sa.Emit("ball", ev.Data+1); err != nil {
			t.Errorf("round %d: %v", ev.Data, err)
		}
	}, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(patient(t)))
	require.NoError(t, sa.Emit("ball", 1))
	select {
	case <-done:
	case <-patient(t).Done():
		t.Fatal("a handler that requests from inside waits for ever")
	}
}

// TestInsideWhileFull: the same while the client's inbound buffer is full, and
// stays so because it is its handler that is busy: replies and its own events
// need no room there.
func TestInsideWhileFull(t *testing.T) {
	t.Parallel()
	p := serve(t, "--listen", "tcp://127.0.0.1:0")
	flooder := dial(t, "cbor", p.addrs)
	flooder.connect(t, "echo", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
		"echo": sig.Handle(func(_ context.Context, s string) (string, error) { return s, nil }),
	}})
	c := join(t, "cbor", p.addrs, func(o *router.ClientOptions) { o.Limits.InboundBytes = 64 << 10 })
	require.NoError(t, c.router.WaitConnected(patient(t)))
	c.knows(t, "echo")
	full := func() bool { return c.router.Stats().Lost[sig.LossInbound] > 0 }

	own := c.connect(t, "own", sig.Spec{Events: []sig.Name{"ball"}})
	var caught atomic.Int64
	sub, err := sig.Subscribe(c.Registry, "own", "ball", func(sig.EventOf[int]) { caught.Add(1) }, nil)
	require.NoError(t, err)
	defer sub.Unsubscribe()

	const rounds = 200
	story := &story{next: 1}
	over := make(chan struct{}) // closed when the handler has asked all its questions
	var k atomic.Pointer[counter]
	var inside uint64 // how long that took, by the flood's clock; valid then
	flood, err := sig.Subscribe(c.Registry, "flood", sig.Any, func(ev sig.Event) {
		story.hear(ev)
		if story.told() != 1 || ev.Name != "n" {
			return
		}
		defer close(over)
		await(t, "the inbound buffer to be full", full)
		before, clock := c.router.Stats().Lost[sig.LossInbound], k.Load().emitted.Load()
		for i := range rounds {
			if err := echo(t, c); err != nil {
				t.Errorf("request %d from inside a handler: %v", i, err)
				return
			}
			if err := own.Emit("ball", i); err != nil {
				t.Errorf("emission %d from inside a handler: %v", i, err)
			}
		}
		inside = k.Load().emitted.Load() - clock
		await(t, "the buffer to overflow still", func() bool { return c.router.Stats().Lost[sig.LossInbound] > before })
	}, nil)
	require.NoError(t, err)
	require.NoError(t, flood.InForce(patient(t)))
	k.Store(connectCounter(t, flooder, "flood"))
	k.Load().start(t, "cbor", paced, 0)
	select {
	case <-over:
	case <-patient(t).Done():
		t.Fatal("a handler that requests from inside waits for ever")
	}
	require.EqualValues(t, rounds, caught.Load())
	clock := k.Load().emitted.Load()
	for range rounds {
		require.NoError(t, echo(t, c))
	}
	outside := k.Load().emitted.Load() - clock
	t.Logf("%d requests took %d events inside a handler with a full buffer, %d events outside", rounds, inside, outside)
	require.LessOrEqual(t, inside, 10*outside+1000, "requests wait for more than their answers")
	n := k.Load().stop(t)
	require.NoError(t, k.Load().sender.EmitWait(patient(t), "n", number("cbor", n+1)))
	story.complete(t, n+1)
	require.Equal(t, []sig.LossReason{sig.LossInbound}, story.reasons())
}

// echo asks the sender "echo" and checks its answer.
func echo(t *testing.T, c *client) error {
	answer, err := sig.Call[string](patient(t), c.Registry, "echo", "echo", "anybody there?")
	if err == nil && answer != "anybody there?" {
		err = fmt.Errorf("the answer is %q", answer)
	}
	return err
}
