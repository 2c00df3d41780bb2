package load

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/interop/bench/peer"
)

type counted struct{ begun, ended int }

func (c *counted) Begin() { c.begun++ }
func (c *counted) End()   { c.ended++ }
func (*counted) Sample()  {}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name  string
		spec  Spec
		wants []string
		marks int
	}{
		{
			"one to one",
			Spec{Kind: PubSub, Size: 16, Publishers: 1, Subscribers: 1, Senders: 1, Events: 1},
			[]string{Rate, LoadCPU},
			1,
		},
		{
			"many, mixed",
			Spec{Kind: PubSub, Size: 1024, Publishers: 2, Subscribers: 3, Senders: 10, Events: 4},
			[]string{Rate, LoadCPU},
			1,
		},
		{
			"large",
			Spec{Kind: PubSub, Size: 64 << 10, Publishers: 1, Subscribers: 2, Senders: 1, Events: 1},
			[]string{Rate, LoadCPU},
			1,
		},
		{
			"requests",
			Spec{Kind: Request, Size: 128, Callers: 4},
			[]string{Rate, LoadCPU, P50, P99, P999},
			1,
		},
		{
			"connections",
			Spec{Kind: Idle, Connections: 20, Size: 16},
			[]string{Rate},
			1,
		},
		{
			"latency",
			Spec{Kind: Latency, Size: 16, Publishers: 1, Subscribers: 1, Senders: 1, Events: 1},
			[]string{Rate, LoadName(P50, 1), LoadName(P99, 90)},
			0,
		},
		{
			"a slow subscriber",
			Spec{Kind: Slow, Size: 16, Publishers: 1, Subscribers: 3, Senders: 1, Events: 1},
			[]string{P50, P99, SlowRatio},
			0,
		},
	} {
		for _, system := range []string{"gosig", "nats"} {
			t.Run(c.name+" "+system, func(t *testing.T) {
				sys, err := peer.Find(system)
				require.NoError(t, err)
				address, server, err := sys.Serve(peer.Env{Queue: Queue})
				require.NoError(t, err)
				defer server.Close()
				spec := c.spec
				spec.System, spec.Env.Address = system, address
				spec.Warm, spec.Measure = 20*time.Millisecond, 150*time.Millisecond
				var marks counted
				m, err := Run(spec, &marks)
				require.NoError(t, err)
				for _, name := range c.wants {
					assert.Positive(t, m[name], name)
				}
				assert.Equal(t, counted{c.marks, c.marks}, marks)
			})
		}
	}
}

func TestBlocksFitTheWindow(t *testing.T) {
	for _, size := range []int{1, 16, 128, 1 << 10, 8 << 10, 64 << 10} {
		spec := Spec{Size: size, Window: max(min(Queue, maxBytes/size), minWindow)}
		assert.LessOrEqual(t, 4*spec.block(), spec.Window, "size %d", size)
	}
}

func TestUnknown(t *testing.T) {
	_, err := Run(Spec{Kind: PubSub, System: "pigeon", Size: 16}, noMarks{})
	assert.ErrorContains(t, err, "pigeon")
	_, err = Run(Spec{Kind: "gossip", System: "gosig", Size: 16}, noMarks{})
	assert.ErrorContains(t, err, "gossip")
}

func TestOccupied(t *testing.T) {
	f := Occupied()
	assert.Positive(t, f.Heap)
	assert.Positive(t, f.Goroutines)
}

func TestShare(t *testing.T) {
	from := Used()
	assert.Positive(t, from.CPU)
	to := from
	to.At, to.CPU, to.Allocs, to.Calls = from.At.Add(2*time.Second), from.CPU+time.Millisecond, from.Allocs+400, from.Calls+100
	assert.Equal(t, Measured{LoadCPU: 5000, LoadAllocs: 2, LoadCalls: 0.5}, Share(from, to, 100, OfLoad))
	assert.Nil(t, Share(from, to, 0, OfLoad))
}
