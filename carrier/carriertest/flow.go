package carriertest

import (
	"bytes"
	"context"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/carrier"
)

// muchTooMuch is what no medium may take from a sender whose peer does not
// receive.
const muchTooMuch = 64 << 20

var flowCases = []connCase{
	{
		"send_beside_receive", "Send and Receive of one Conn run at the same time: neither waits for the other", true,
		func(k *kit, a, b carrier.Conn) {
			size := min(64<<10, limitOf(a))
			want := make([][]byte, max(k.Bytes/size, 4))
			for i := range want {
				want[i] = frame(i, size)
			}
			k.exchange(a, b, want, 1)
		},
	},
	{
		"send_while_receive_waits", "a Receive that waits does not keep Send from sending", true,
		func(k *kit, a, b carrier.Conn) {
			ctx := k.deadline()
			waiting := begin(func() ([]byte, error) { return a.Receive(ctx, nil) })
			want := frames(5, 500)
			sent := k.send(a, batchOf(want...))
			k.expect(b, want)
			must(k, sent, "Send")
			pending(k, waiting, "Receive")
			answer := frame(9, 30)
			must(k, k.send(b, batchOf(answer)), "Send")
			k.check(bytes.Equal(must(k, waiting, "Receive"), batchOf(answer)), "other bytes", "what the peer sent")
		},
	},
	{
		"back_pressure", "Send blocks while the medium takes no more, and goes on when the peer receives", true,
		func(k *kit, a, b carrier.Conn) {
			f := k.flood(a, k.deadline())
			f.untilBlocked(k)
			f.stop.Store(true)
			last := frame(1, 10)
			drained := begin(func() (any, error) { return nil, k.drain(b, last) })
			must(k, f.done, "Send")
			must(k, k.send(a, batchOf(last)), "Send")
			must(k, drained, "Receive")
		},
	},
}

// flood sends until it is stopped.
type flood struct {
	sent atomic.Int64 // batches
	stop atomic.Bool
	done <-chan result[any]
	over atomic.Bool
}

// flood sends frames on c until stop is set, an error, or muchTooMuch. Its
// goroutine ends then.
func (k *kit) flood(c carrier.Conn, ctx context.Context) *flood {
	f := &flood{}
	batch := batchOf(frame(0, min(32<<10, limitOf(c))))
	f.done = begin(func() (any, error) {
		defer f.over.Store(true)
		for n := 0; n < muchTooMuch && !f.stop.Load(); n += len(batch) {
			if err := c.Send(ctx, batch); err != nil {
				return nil, err
			}
			f.sent.Add(1)
			k.steps.Add(1)
		}
		return nil, nil
	})
	return f
}

func (f *flood) running() bool { return !f.over.Load() }

// drain receives until last has come.
func (k *kit) drain(c carrier.Conn, last []byte) error {
	ctx, buf := k.deadline(), make([]byte, 64<<10)
	for {
		batch, err := c.Receive(ctx, buf)
		if err != nil {
			return err
		}
		k.steps.Add(1)
		for f := range carrier.Frames(batch) {
			if bytes.Equal(f, last) {
				return nil
			}
		}
		buf = batch
	}
}

// untilBlocked waits until no batch has gone out for a while, at several looks
// in a row, since a sender on a busy machine has pauses. That is all one can
// see of a Send that blocks.
func (f *flood) untilBlocked(k *kit) {
	k.Helper()
	const looks = 5
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last := int64(-1)
	for still := 0; still < looks; still++ {
		<-tick.C
		now := f.sent.Load()
		if !f.running() {
			_, err := end(k, f.done, "Send")
			k.broken(sprintf("Send took %d batches from a sender whose peer does not receive, then %v", now, err), "it blocks")
		}
		if now != last {
			last, still = now, 0
		}
	}
}
