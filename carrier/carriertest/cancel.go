package carriertest

import (
	"context"
	"time"

	"github.com/gosig/gosig/carrier"
)

var cancelCases = []connCase{
	{
		"receive_cancelled", "the end of ctx ends Receive with ctx's error", false,
		func(k *kit, a, b carrier.Conn) {
			k.cancelReceive(b)
		},
	},
	{
		"receive_deadline", "the deadline of ctx ends Receive with context.DeadlineExceeded", false,
		func(k *kit, a, b carrier.Conn) {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			_, err := end(k, begin(func() ([]byte, error) { return b.Receive(ctx, nil) }), "Receive after its deadline")
			k.wantErr("Receive", err, context.DeadlineExceeded)
		},
	},
	{
		"receive_again", "a cancelled Receive has lost nothing: the next one returns what came meanwhile", true,
		func(k *kit, a, b carrier.Conn) {
			if k.CancelBreaks {
				k.check(!carrier.CanResume(b), "CanResume says that a cancelled Receive may be called again", "that it may not")
				return
			}
			for i := range 20 {
				k.cancelReceive(b)
				late := frame(i, 100)
				sentLate := k.send(a, batchOf(late))
				k.expect(b, [][]byte{late})
				must(k, sentLate, "Send")
				ctx, cancel := context.WithCancel(context.Background())
				waiting := begin(func() ([]byte, error) { return b.Receive(ctx, nil) })
				if i%2 == 0 {
					pending(k, waiting, "Receive")
				}
				want := frames(1+i, 3000)
				sent := k.send(a, batchOf(want...))
				cancel()
				first, err := end(k, waiting, "Receive")
				if err != nil {
					k.wantErr("Receive", err, context.Canceled)
				}
				for f := range carrier.Frames(first) {
					k.same([][]byte{f}, want[:1])
					want = want[1:]
				}
				k.expect(b, want)
				must(k, sent, "Send")
			}
		},
	},
	{
		"ended_context", "an operation with a context that has ended returns its error at once", false,
		func(k *kit, a, b carrier.Conn) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_, err := end(k, begin(func() ([]byte, error) { return a.Receive(ctx, nil) }), "Receive")
			k.wantErr("Receive", err, context.Canceled)
			err = a.Send(ctx, batchOf(frame(0, 10)))
			k.wantErr("Send", err, context.Canceled)
		},
	},
	{
		"send_cancelled", "the end of ctx ends Send with ctx's error, and the Conn takes nothing more", true,
		func(k *kit, a, b carrier.Conn) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			f := k.flood(a, ctx)
			f.untilBlocked(k)
			cancel()
			_, err := end(k, f.done, "Send after the end of its context")
			k.wantErr("Send", err, context.Canceled)
			drained := begin(func() (error, error) { return k.receiveUntilError(b), nil }) // there is room again
			_, err = end(k, k.send(a, batchOf(frame(0, 10))), "Send after a broken-off Send")
			k.check(err != nil, "Send after a broken-off Send succeeded", "an error: a part of a frame may be out")
			k.closeSoon(b)
			_, _ = end(k, drained, "Receive after Close")
		},
	},
	{
		"send_deadline", "the deadline of ctx ends Send with context.DeadlineExceeded", true,
		func(k *kit, a, b carrier.Conn) {
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			f := k.flood(a, ctx)
			_, err := end(k, f.done, "Send after its deadline")
			k.wantErr("Send", err, context.DeadlineExceeded)
		},
	},
	{
		"contexts_change", "the end of a context that is no longer in use disturbs nothing", true,
		func(k *kit, a, b carrier.Conn) {
			for i := range 30 {
				ctx, cancel := context.WithCancel(context.Background())
				f := frame(i, 20)
				sent := begin(func() (any, error) { return nil, a.Send(ctx, batchOf(f)) })
				got, err := end(k, begin(func() ([]byte, error) { return b.Receive(ctx, nil) }), "Receive")
				if err != nil {
					k.broken(sprintf("Receive %d: %v", i, err), "a frame")
				}
				if _, err := end(k, sent, "Send"); err != nil {
					k.broken(sprintf("Send %d: %v", i, err), "no error")
				}
				cancel()
				k.same([][]byte{got}, [][]byte{batchOf(f)})
			}
			want := frames(10, 20)
			sent := k.send(a, batchOf(want...))
			k.expect(b, want)
			must(k, sent, "Send")
		},
	},
	{
		"cancel_one_direction", "the end of a Receive's context does not touch Send", true,
		func(k *kit, a, b carrier.Conn) {
			if k.CancelBreaks {
				return
			}
			k.cancelReceive(a)
			want := frames(10, 2000)
			sent := k.send(a, batchOf(want...))
			k.expect(b, want)
			must(k, sent, "Send")
		},
	},
}

// cancelReceive has a Receive wait, and cancels it.
func (k *kit) cancelReceive(c carrier.Conn) {
	k.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	waiting := begin(func() ([]byte, error) { return c.Receive(ctx, nil) })
	pending(k, waiting, "Receive")
	cancel()
	_, err := end(k, waiting, "Receive after the end of its context")
	k.wantErr("Receive", err, context.Canceled)
}
