package carriertest

import (
	"bytes"
	"context"
	"time"

	"github.com/gosig/gosig/carrier"
)

// midwayCases break operations off when a part of a frame may be on its way.
var midwayCases = []connCase{
	{
		"receive_cancelled_inside_a_frame", "a Receive that is cancelled while a frame comes in has lost nothing of it", true,
		func(k *kit, a, b carrier.Conn) {
			if k.CancelBreaks {
				return
			}
			want := frames(limitOf(b), 10, limitOf(b)-1, 1)
			sent := k.send(a, batchOf(want[:2]...), batchOf(want[2:]...))
			got := k.impatient(b, len(want), 200)
			rest, err := k.receiveWithin(b, len(want)-len(got))
			if err != nil {
				k.broken(sprintf("%d frames, then %v", len(got)+len(rest), err), sprintf("%d frames", len(want)))
			}
			k.same(append(got, rest...), want)
			must(k, sent, "Send")
		},
	},
	{
		"cancelled_receive_returns_buf", "a Receive that was cancelled has given buf back and does not write to it later", true,
		func(k *kit, a, b carrier.Conn) {
			if k.CancelBreaks {
				return
			}
			for i := range 5 {
				buf := make([]byte, 4096)
				ctx, cancel := context.WithCancel(context.Background())
				waiting := begin(func() ([]byte, error) { return b.Receive(ctx, buf) })
				pending(k, waiting, "Receive")
				cancel()
				_, err := end(k, waiting, "Receive after the end of its context")
				k.wantErr("Receive", err, context.Canceled)
				scribble(buf)
				soiled := bytes.Clone(buf)
				sent := k.send(a, batchOf(frame(i, 500)))
				k.expect(b, [][]byte{frame(i, 500)})
				must(k, sent, "Send")
				k.check(bytes.Equal(buf, soiled), "the buffer of the cancelled Receive was written to", "it is left alone")
			}
		},
	},
	{
		"broken_off_send", "of a Send that was broken off the peer gets whole frames or nothing, and the batches are the caller's again", true,
		func(k *kit, a, b carrier.Conn) {
			size := min(100_000, limitOf(a))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			f := k.floodNumbered(a, ctx, size)
			f.untilBlocked(k)
			cancel()
			_, err := end(k, f.done, "Send after the end of its context")
			k.wantErr("Send", err, context.Canceled)
			k.closeSoon(a)
			for n := 0; ; n++ {
				got, err := k.receiveWithin(b, 1)
				if err != nil && len(got) == 0 {
					k.check(!isDamage(err), sprintf("after %d frames: %v", n, err), "whole frames, then the end of the connection")
					return
				}
				for i, g := range got {
					n += min(i, 1)
					k.check(bytes.Equal(g, frame(n, size)), sprintf("frame %d is %s", n, show(g)), show(frame(n, size)))
				}
			}
		},
	},
	{
		"both_close", "both ends may close at the same time, with operations under way: all return", true,
		func(k *kit, a, b carrier.Conn) {
			var flows []<-chan result[any]
			var waits []<-chan result[error]
			for _, c := range []carrier.Conn{a, b} {
				flows = append(flows, k.flood(c, context.Background()).done)
				waits = append(waits, begin(func() (error, error) { return k.receiveUntilError(c), nil }))
			}
			closed := begin(func() (any, error) { return nil, a.Close() })
			k.closeSoon(b)
			must(k, closed, "Close beside the peer's Close")
			for i := range 2 {
				_, _ = end(k, flows[i], "Send after Close of both ends")
				_, _ = end(k, waits[i], "Receive after Close of both ends")
			}
			k.closedForGood(a)
			k.closedForGood(b)
		},
	},
	{
		"close_after_the_peer", "after the peer has closed, Close works as ever, and then everything matches net.ErrClosed", false,
		func(k *kit, a, b carrier.Conn) {
			k.closeSoon(b)
			if tr := a.Traits(); tr.Reliable {
				_, err := end(k, begin(func() ([]byte, error) { return a.Receive(k.deadline(), nil) }), "Receive after the peer's Close")
				k.check(err != nil, "no error", "an error")
			}
			k.closeSoon(a)
			k.closedForGood(a)
		},
	},
	{
		"peer_vanishes", "a peer that vanishes without closing is no clean end: io.EOF is for a peer that closed", true,
		func(k *kit, a, b carrier.Conn) {
			if k.Vanish == nil {
				return
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			waiting := begin(func() ([]byte, error) { return a.Receive(ctx, nil) })
			pending(k, waiting, "Receive")
			k.Vanish(k.T, b)
			// A medium that cannot notice goes on waiting: that is for the
			// keepalive of those above.
			time.AfterFunc(100*time.Millisecond, cancel)
			_, err := end(k, waiting, "Receive from a peer that vanished, after the end of its context")
			k.check(err != nil && !isCleanEnd(err), sprintf("error %v", err), "an error that is neither io.EOF nor net.ErrClosed")
			k.closeSoon(a)
		},
	},
}

// impatient receives with contexts that end after a moment, until n frames have
// come or so many attempts are used up.
func (k *kit) impatient(c carrier.Conn, n, attempts int) (got [][]byte) {
	k.Helper()
	for i := 0; i < attempts && len(got) < n; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%20)*50*time.Microsecond)
		batch, err := end(k, begin(func() ([]byte, error) { return c.Receive(ctx, make([]byte, 1024)) }), "Receive after its deadline")
		cancel()
		if err != nil {
			k.wantErr("Receive", err, context.DeadlineExceeded)
		}
		for f := range carrier.Frames(batch) {
			got = append(got, bytes.Clone(f))
		}
	}
	return got
}

// receiveWithin is receive that must not get stuck.
func (k *kit) receiveWithin(c carrier.Conn, n int) ([][]byte, error) {
	k.Helper()
	r, _ := end(k, begin(func() (result[[][]byte], error) {
		got, err := k.receive(c, n)
		return result[[][]byte]{got, err}, nil
	}), "Receive")
	return r.value, r.err
}

func (k *kit) receiveUntilError(c carrier.Conn) error {
	buf := make([]byte, 64<<10)
	for {
		batch, err := c.Receive(context.Background(), buf)
		if err != nil {
			return err
		}
		k.steps.Add(1)
		buf = batch
	}
}

// floodNumbered is flood with frames that tell their number, in a batch that is
// soiled after each Send.
func (k *kit) floodNumbered(c carrier.Conn, ctx context.Context, size int) *flood {
	f := &flood{}
	f.done = begin(func() (any, error) {
		defer f.over.Store(true)
		var batch []byte
		for i := 0; i*size < muchTooMuch; i++ {
			batch = carrier.AppendFrame(batch[:0], frame(i, size))
			err := c.Send(ctx, batch)
			scribble(batch)
			if err != nil {
				return nil, err
			}
			f.sent.Add(1)
			k.steps.Add(1)
		}
		return nil, nil
	})
	return f
}
