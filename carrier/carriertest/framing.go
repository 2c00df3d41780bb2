package carriertest

import (
	"errors"
	"io"
	"time"

	"github.com/gosig/gosig/carrier"
)

var framingCases = []connCase{
	{
		"framing", "a frame arrives whole, with its length and its bytes, whatever its size", true,
		func(k *kit, a, b carrier.Conn) {
			for _, c := range [][2]carrier.Conn{{a, b}, {b, a}} {
				want := frames(k.sizes(a)...)
				sent := k.send(c[0], batchOf(want...))
				k.expect(c[1], want)
				must(k, sent, "Send")
			}
		},
	},
	{
		"one_by_one", "Receive returns as soon as one whole frame has arrived", true,
		func(k *kit, a, b carrier.Conn) {
			for i := range 100 {
				f := frame(i, 1+i%7)
				sent := k.send(a, batchOf(f))
				k.expect(b, [][]byte{f})
				must(k, sent, "Send")
			}
		},
	},
	{
		"several_batches", "Send sends all its batches, in order, also empty ones and none", true,
		func(k *kit, a, b carrier.Conn) {
			for _, n := range []int{0, 1, 2, 3, 50, 1100} {
				var want, batches [][]byte
				for i := range n {
					fs := [][]byte{frame(i, 1+i%100), frame(n, 10)}
					want = append(want, fs...)
					batches = append(batches, batchOf(fs...), nil)
				}
				sent := k.send(a, batches...)
				k.expect(b, want)
				must(k, sent, "Send")
			}
		},
	},
	{
		"order", "frames arrive once, in the order of sending, in both directions at once", true,
		func(k *kit, a, b carrier.Conn) {
			n := min(k.Bytes/400, 10_000)
			want := make([][]byte, n)
			for i := range want {
				want[i] = frame(i, 4+i%13)
			}
			k.exchange(a, b, want, 1)
		},
	},
	{
		"many_small_frames", "many frames in one batch arrive as fast as few", true,
		func(k *kit, a, b carrier.Conn) {
			n := min(k.Bytes/10, 200_000)
			want := make([][]byte, n)
			for i := range want {
				want[i] = frame(i, 1+i%8)
			}
			k.exchange(a, b, want, 1000)
		},
	},
	{
		"largest_frame", "a frame of the largest size passes, and Receive grows its buffer for it", true,
		func(k *kit, a, b carrier.Conn) {
			largest := limitOf(b)
			want := [][]byte{frame(0, largest), frame(1, 1), frame(2, largest), frame(3, largest-1)}
			sent := k.send(a, batchOf(want[:2]...), batchOf(want[2]), batchOf(want[3]))
			k.expect(b, want)
			must(k, sent, "Send")
		},
	},
	{
		"frame_over_the_limit", "a frame over the limit is ErrFrameTooLarge, after the frames before it", true,
		func(k *kit, a, b carrier.Conn) {
			good := frame(0, 10)
			over := frame(1, limitOf(b)+1)
			if _, ok := b.(carrier.FrameLimiter); ok {
				k.check(carrier.SetMaxFrame(b, 100) == 100, "a limit not accepted", "100")
				over = frame(1, 101)
			}
			sent := k.send(a, batchOf(good, over))
			got, err := end(k, begin(func() ([][]byte, error) { return k.receive(b, 2) }), "Receive")
			k.same(got, [][]byte{good})
			k.wantErr("Receive", err, carrier.ErrFrameTooLarge)
			_ = b.Close()
			_, _ = end(k, sent, "Send") // it may have failed: the peer refused
		},
	},
	{
		"limit_holds_for_what_follows", "SetMaxFrame holds for frames not yet returned, whenever they came", true,
		func(k *kit, a, b carrier.Conn) {
			if _, ok := b.(carrier.FrameLimiter); !ok {
				return
			}
			carrier.SetMaxFrame(b, 50)
			size := min(200, b.Traits().MaxFrame)
			want := [][]byte{frame(0, 50), frame(1, size)}
			sent := k.send(a, batchOf(want...))
			k.expect(b, want[:1])
			carrier.SetMaxFrame(b, size)
			k.expect(b, want[1:])
			must(k, sent, "Send")
		},
	},
	{
		"limit_set_beside_receive", "SetMaxFrame may be called beside Receive, and holds for frames not yet returned", true,
		func(k *kit, a, b carrier.Conn) {
			if _, ok := b.(carrier.FrameLimiter); !ok {
				return
			}
			waiting := begin(func() ([]byte, error) { return b.Receive(k.deadline(), make([]byte, 4096)) })
			pending(k, waiting, "Receive")
			carrier.SetMaxFrame(b, 100)
			sent := k.send(a, batchOf(frame(0, 101)))
			_, err := end(k, waiting, "Receive of a frame over the limit")
			k.wantErr("Receive", err, carrier.ErrFrameTooLarge)
			k.closeSoon(b)
			_, _ = end(k, sent, "Send") // it may have failed: the peer refused
		},
	},
	{
		"end_between_frames", "what was sent before Close arrives, then io.EOF, again and again", true,
		func(k *kit, a, b carrier.Conn) {
			want := frames(1, 2000, 3)
			ctx := k.deadline()
			ended := begin(func() (any, error) {
				return nil, errors.Join(a.Send(ctx, batchOf(want...)), a.Close())
			})
			// A medium that has room takes all of it before anybody reads.
			early, ok := within(ended, 50*time.Millisecond)
			k.expect(b, want)
			if !ok {
				must(k, ended, "Send and Close")
			}
			k.check(early.err == nil, sprintf("Send and Close: %v", early.err), "no error")
			for range 2 {
				_, err := end(k, begin(func() ([]byte, error) { return b.Receive(k.deadline(), nil) }), "Receive")
				k.check(err == io.EOF, sprintf("error %v", err), "io.EOF itself")
			}
		},
	},
}

// sizes returns frame sizes around every border a carrier may have.
func (k *kit) sizes(c carrier.Conn) []int {
	var sizes []int
	for _, border := range []int{1, 2, 4, 16, 127, 128, 255, 256, 512, 1024, 1400, 1500, 4092, 4096, 8192, 16384, 32768, 65536, 131072, 262144} {
		for _, size := range []int{border - 1, border, border + 1} {
			if size >= 1 && size <= limitOf(c) && size <= k.Bytes/8 {
				sizes = append(sizes, size)
			}
		}
	}
	return sizes
}

// limitOf returns the largest frame that a conn accepts to begin with.
func limitOf(c carrier.Conn) int {
	return min(c.Traits().MaxFrame, carrier.DefaultMaxFrame)
}

// exchange sends the frames both ways at once, per of them in a batch.
func (k *kit) exchange(a, b carrier.Conn, want [][]byte, per int) {
	k.Helper()
	ab, ba := k.sendAll(a, want, per), k.sendAll(b, want, per)
	fromB := begin(func() ([][]byte, error) { return k.receive(a, len(want)) })
	k.expect(b, want)
	got, err := end(k, fromB, "Receive")
	if err != nil {
		k.broken(sprintf("%d frames, then %v", len(got), err), sprintf("%d frames", len(want)))
	}
	k.same(got, want)
	must(k, ab, "Send")
	must(k, ba, "Send")
}

// sendAll sends the frames, per of them in a batch, in a goroutine that ends
// with the last or the first error.
func (k *kit) sendAll(c carrier.Conn, frames [][]byte, per int) <-chan result[any] {
	ctx := k.deadline()
	return begin(func() (any, error) {
		for rest := frames; len(rest) > 0; {
			n := min(per, len(rest))
			if err := c.Send(ctx, batchOf(rest[:n]...)); err != nil {
				return nil, err
			}
			k.steps.Add(1)
			rest = rest[n:]
		}
		return nil, nil
	})
}
