package sig_test

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// TestLossesUnderLoad emits as fast as it can to a handler that is slower: what
// arrives and what is announced as lost are together all events, in order (P7).
func TestLossesUnderLoad(t *testing.T) {
	const events = 30000
	for _, row := range []struct {
		name   string
		policy sig.Policy
		bound  int
	}{
		{"drop oldest of few", sig.DropOldest, 2},
		{"drop oldest of many", sig.DropOldest, 300},
		{"drop newest", sig.DropNewest, 30},
		{"keep latest", sig.KeepLatest, 30},
		{"block", sig.Block, 300},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, _ := newRegistry(t)
			s := connect(t, r, "s", "e")
			seen, lost := 0, uint64(0)
			opts := &sig.SubscribeOptions{Queue: row.bound, Policy: row.policy, OnLost: func(l sig.Lost) {
				if l.First != uint64(seen+1) || l.Last-l.First+1 != l.Count {
					t.Errorf("P7: lost %d to %d, %d events, after %d", l.First, l.Last, l.Count, seen)
				}
				seen, lost = int(l.Last), lost+l.Count
			}}
			sub := subscribe(t, r, "s", "e", func(ev sig.EventOf[int]) {
				if ev.Data != seen+1 {
					t.Errorf("P3, P7: %d after %d", ev.Data, seen)
				}
				seen = ev.Data
				if seen%7 == 0 {
					runtime.Gosched()
				}
			}, opts)
			e := must(sig.NewEmitter[int](s, "e"))
			for i := range events {
				require.NoError(t, e.Emit(i+1))
			}
			require.NoError(t, r.Shutdown(t.Context()))
			require.Equal(t, events, seen, "P7: none is missing at the end")
			st := sub.Stats()
			require.Equal(t, lost, st.Lost)
			require.EqualValues(t, events, st.Delivered+st.Lost)
			require.Zero(t, st.Queued)
		})
	}
}

// TestLossesOfOthersUnderLoad is TestLossesUnderLoad for events of another
// process, which make no emitter wait. Under Block as many of this process come
// first: the consumer counts in steps until it knows of the others.
func TestLossesOfOthersUnderLoad(t *testing.T) {
	const events = 20000
	for _, policy := range []sig.Policy{sig.DropOldest, sig.Block} {
		t.Run(policyName[policy], func(t *testing.T) {
			r, _ := newRegistry(t)
			p := attach(t, r)
			near, far := connect(t, r, "near", "e"), p.connect(t, "far", "e")
			before := 0
			if policy == sig.Block {
				before = events
			}
			seen := 0
			subscribe(t, r, sig.Any, "e", func(ev sig.EventOf[int]) {
				if ev.Data != seen+1 {
					t.Errorf("P3, P7: %d after %d", ev.Data, seen)
				}
				seen = ev.Data
				if seen%7 == 0 {
					runtime.Gosched()
				}
			}, &sig.SubscribeOptions{Queue: 256, Policy: policy, OnLost: func(l sig.Lost) {
				if l.First != uint64(seen+1) || l.Last-l.First+1 != l.Count {
					t.Errorf("P7: lost %d to %d, %d events, after %d", l.First, l.Last, l.Count, seen)
				}
				seen = int(l.Last)
			}})
			for i := range before {
				require.NoError(t, near.Emit("e", i+1))
			}
			for i := range events {
				far.Routes()[0].Deliver(digits(strconv.Itoa(before+i+1)), nil)
			}
			require.NoError(t, r.Shutdown(t.Context()))
			require.Equal(t, before+events, seen, "P7: none is missing at the end")
		})
	}
}

var policyName = map[sig.Policy]string{sig.DropOldest: "drop oldest", sig.Block: "block"}
