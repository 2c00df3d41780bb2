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
const muchTooMuch = 256 << 20

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
			must(k, begin(func() (any, error) {
				buf := make([]byte, 64<<10)
				for {
					batch, err := b.Receive(k.deadline(), buf)
					if err != nil || !f.running() {
						return nil, err
					}
					buf = batch
				}
			}), "Receive")
			must(k, f.done, "Send")
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
		}
		return nil, nil
	})
	return f
}

func (f *flood) running() bool { return !f.over.Load() }

// untilBlocked waits until no batch has gone out for a while. That is all one
// can see of a Send that blocks.
func (f *flood) untilBlocked(k *kit) {
	k.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for last := int64(-1); ; {
		<-tick.C
		now := f.sent.Load()
		if !f.running() {
			_, err := end(k, f.done, "Send")
			k.broken(sprintf("Send took %d batches from a sender whose peer does not receive, then %v", now, err), "it blocks")
		}
		if now == last {
			return
		}
		last = now
	}
}
