package carriertest

import (
	"context"
	"time"

	"github.com/gosig/gosig/carrier"
)

var throughputCases = []connCase{
	{
		"batches_are_worth_it", "a batch of many small frames costs no more than a Send and a Receive of each", true,
		func(k *kit, a, b carrier.Conn) {
			n := max(min(k.Bytes/100, 10_000), 10)
			fs := make([][]byte, n)
			for i := range fs {
				fs[i] = frame(i, 8)
			}
			// Both in the same run, on the same conn, at a margin of two and
			// with several attempts: batches are many times faster where
			// they are any good, so that a busy machine changes nothing.
			var one, many time.Duration
			for range 6 {
				one, many = k.timed(a, b, fs, 1), k.timed(a, b, fs, n)
				if many <= 2*one+time.Millisecond {
					return
				}
			}
			k.broken(sprintf("%d frames in one batch took %v, one by one %v", n, many, one), "no more than that")
		},
	},
	{
		"cost_per_frame_stays", "what a frame of a batch costs does not grow with the number of frames in it", true,
		func(k *kit, a, b carrier.Conn) {
			n := max(min(k.Bytes/100, 40_000), 16)
			fs := make([][]byte, n)
			for i := range fs {
				fs[i] = frame(i, 8)
			}
			// Were each frame's cost to grow with the batch, 16 times the
			// frames would take 256 times as long.
			var few, many time.Duration
			for range 6 {
				few, many = k.timed(a, b, fs[:n/16], n/16), k.timed(a, b, fs, n)
				if many <= 100*few+10*time.Millisecond {
					return
				}
			}
			k.broken(sprintf("%d frames took %v, %d took %v", n/16, few, n, many), "a time in proportion")
		},
	},
}

// timed returns how long the frames take, per of them in a batch.
func (k *kit) timed(a, b carrier.Conn, fs [][]byte, per int) time.Duration {
	k.Helper()
	begun := time.Now()
	sent := k.sendAll(a, fs, per)
	received := begin(func() (any, error) { return nil, k.count(k.deadline(), b, len(fs)) })
	must(k, received, "Receive")
	must(k, sent, "Send")
	return time.Since(begun)
}

// count receives n frames without a look at them.
func (k *kit) count(ctx context.Context, c carrier.Conn, n int) error {
	buf := make([]byte, 64<<10)
	for n > 0 {
		batch, err := c.Receive(ctx, buf)
		if err != nil {
			return err
		}
		k.steps.Add(1)
		for range carrier.Frames(batch) {
			n--
		}
		buf = batch
	}
	return nil
}
