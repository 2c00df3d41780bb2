package e2e

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// TestHeldBack: a publisher at full speed waits for a subscriber that takes a
// millisecond for each event, and loses nothing; a second pair beside them does
// not notice, not even on the same connections.
func TestHeldBack(t *testing.T) {
	long(t)
	t.Parallel()
	const (
		events = 5000
		window = 256 // held-back events under way on one route, by default
		queue  = 64
	)
	for _, c := range []struct {
		name  string
		queue int  // of the slow subscription; 0: its handler runs inline
		share bool // both pairs use the same two connections
	}{
		{"beside", 0, false},
		{"on the same connections", queue, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := serve(t, "--listen", "tcp://127.0.0.1:0")
			from, to := dial(t, "cbor", p.addrs), dial(t, "cbor", p.addrs)
			from2, to2 := from, to
			if !c.share {
				from2, to2 = dial(t, "json", p.addrs), dial(t, "json", p.addrs)
			}
			slow := &story{next: 1}
			sub, err := sig.Subscribe(to.Registry, "slow", sig.Any, func(ev sig.Event) {
				time.Sleep(time.Millisecond) // a handler that has something to do
				slow.hear(ev)
			}, &sig.SubscribeOptions{Queue: c.queue})
			require.NoError(t, err)
			require.NoError(t, sub.InForce(patient(t)))
			fast := follow(t, to2, "fast", nil)

			var lead, most atomic.Uint64 // how far the publisher is ahead
			k := count(t, from, "slow", "cbor", func(ctx context.Context, s *sig.Sender, data any) error {
				n, err := numberIn(data)
				if err != nil {
					return err
				}
				err = s.EmitWait(ctx, "n", data)
				lead.Store(n - min(n, slow.told()))
				most.Store(max(most.Load(), lead.Load()))
				return err
			}, events)
			await(t, "the slow subscriber to be behind", func() bool { return lead.Load() > window/2 })
			before := slow.told()
			k2 := count(t, from2, "fast", "cbor", heldBack, events)
			fast.whole(t, k2.finished(t))
			during := slow.told() - before
			t.Logf("while the second pair had %d events the first had %d", events, during)
			require.Less(t, during, uint64(events/2), "the second pair waited for the first")

			slow.whole(t, k.finished(t))
			// One is in the handler, and one counted before it was emitted.
			require.LessOrEqual(t, most.Load(), uint64(window+c.queue+2), "the publisher was too far ahead: it did not wait")
		})
	}
}
