package carriertest

import (
	"bytes"
	"errors"

	"github.com/gosig/gosig/carrier"
)

var ownershipCases = []connCase{
	{
		"send_leaves_batches", "the caller keeps what it sends: Send neither changes it nor reads it later", true,
		func(k *kit, a, b carrier.Conn) {
			n := 50
			var want [][]byte
			sent := begin(func() (any, error) {
				one, two := make([]byte, 0, 4096), make([]byte, 0, 4096)
				batches := make([][]byte, 2)
				for i := range n {
					one = carrier.AppendFrame(one[:0], frame(2*i, 100))
					two = carrier.AppendFrame(two[:0], frame(2*i+1, 1000))
					batches[0], batches[1] = one, two
					before := [][]byte{bytes.Clone(one), bytes.Clone(two)}
					if err := a.Send(k.deadline(), batches...); err != nil {
						return nil, err
					}
					if !bytes.Equal(batches[0], before[0]) || !bytes.Equal(batches[1], before[1]) {
						return nil, errors.New("what was given to Send has been changed by it")
					}
					scribble(one)
					scribble(two)
				}
				return nil, nil
			})
			for i := range n {
				want = append(want, frame(2*i, 100), frame(2*i+1, 1000))
			}
			k.expect(b, want)
			must(k, sent, "Send")
		},
	},
	{
		"received_batch_is_the_callers", "a batch that Receive returned is not touched by the next Receive", true,
		func(k *kit, a, b carrier.Conn) {
			sent := k.sendAll(a, frames(sizesUpTo(200)...), 7)
			var batches, copies [][]byte
			for n := 0; n < 200; {
				batch, err := end(k, begin(func() ([]byte, error) { return b.Receive(k.deadline(), make([]byte, 512)) }), "Receive")
				if err != nil {
					k.broken(sprintf("error %v after %d frames", err, n), "200 frames")
				}
				for range carrier.Frames(batch) {
					n++
				}
				batches, copies = append(batches, batch), append(copies, bytes.Clone(batch))
			}
			must(k, sent, "Send")
			for i := range batches {
				k.check(bytes.Equal(batches[i], copies[i]), sprintf("batch %d changed later", i), "what it was when it was returned")
			}
		},
	},
	{
		"reads_into_buf", "what fits is read into the caller's buffer", true,
		func(k *kit, a, b carrier.Conn) {
			for i := range 10 {
				sent := k.send(a, batchOf(frame(i, 100)))
				buf := make([]byte, 3, 1024) // its length says nothing, its capacity counts
				batch, err := end(k, begin(func() ([]byte, error) { return b.Receive(k.deadline(), buf) }), "Receive")
				if err != nil {
					k.broken(sprintf("error %v", err), "a frame")
				}
				k.check(&batch[0] == &buf[0], "a batch in other memory", "a batch in buf, which has room for it")
				must(k, sent, "Send")
			}
		},
	},
	{
		"rest_is_kept", "what was read beyond the last whole frame is kept for the next Receive", true,
		func(k *kit, a, b carrier.Conn) {
			want := frames(sizesUpTo(300)...)
			sent := k.send(a, batchOf(want...))
			var got [][]byte
			for i := 0; len(got) < len(want); i++ {
				batch, err := end(k, begin(func() ([]byte, error) { return b.Receive(k.deadline(), make([]byte, i%700)) }), "Receive")
				if err != nil {
					k.broken(sprintf("%d frames, then %v", len(got), err), sprintf("%d frames", len(want)))
				}
				for f := range carrier.Frames(batch) {
					got = append(got, bytes.Clone(f))
				}
				scribble(batch[:cap(batch)])
			}
			k.same(got, want)
			must(k, sent, "Send")
		},
	},
}

func sizesUpTo(n int) []int {
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = i + 1
	}
	return sizes
}

// scribble soils memory, so that whoever still reads it is found out. It copies
// what it has soiled: a store for each byte is slow under the race detector.
func scribble(p []byte) {
	if len(p) == 0 {
		return
	}
	p[0] = 0xEE
	for n := 1; n < len(p); n *= 2 {
		copy(p[n:], p[:n])
	}
}
