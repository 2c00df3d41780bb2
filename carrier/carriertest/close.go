package carriertest

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/gosig/gosig/carrier"
)

const closeRule = "Close is safe to call again, also by several goroutines at once"

var closeCases = []connCase{
	{
		"close_unblocks_receive", "Close unblocks Receive, with an error that matches net.ErrClosed", false,
		func(k *kit, a, b carrier.Conn) {
			waiting := begin(func() ([]byte, error) { return b.Receive(context.Background(), nil) })
			pending(k, waiting, "Receive")
			k.closeSoon(b)
			_, err := end(k, waiting, "Receive after Close")
			k.wantErr("Receive", err, net.ErrClosed)
		},
	},
	{
		"close_unblocks_send", "Close unblocks Send, with an error that matches net.ErrClosed", true,
		func(k *kit, a, b carrier.Conn) {
			f := k.flood(a, context.Background())
			f.untilBlocked(k)
			k.closeSoon(a)
			_, err := end(k, f.done, "Send after Close")
			k.wantErr("Send", err, net.ErrClosed)
		},
	},
	{
		"close_while_both_wait", "Close unblocks Receive and Send at the same time, also of a context with a deadline", true,
		func(k *kit, a, b carrier.Conn) {
			ctx := k.deadline() // far away: what watches a context must not keep anybody either
			waiting := begin(func() ([]byte, error) { return a.Receive(ctx, nil) })
			f := k.flood(a, ctx)
			f.untilBlocked(k)
			k.closeSoon(a)
			_, err := end(k, waiting, "Receive after Close")
			k.wantErr("Receive", err, net.ErrClosed)
			_, err = end(k, f.done, "Send after Close")
			k.wantErr("Send", err, net.ErrClosed)
		},
	},
	{
		"peer_closes", "when the peer closes, Receive ends with io.EOF and Send with an error, in time", true,
		func(k *kit, a, b carrier.Conn) {
			waiting := begin(func() ([]byte, error) { return a.Receive(k.deadline(), nil) })
			pending(k, waiting, "Receive")
			k.closeSoon(b)
			_, err := end(k, waiting, "Receive after the peer's Close")
			k.wantErr("Receive", err, io.EOF)
			f := k.flood(a, context.Background())
			_, err = end(k, f.done, "Send to a peer that has closed")
			k.check(err != nil, "no error", "an error")
		},
	},
	{
		"peer_closes_while_send_blocks", "when the peer closes, a Send that blocks ends with an error", true,
		func(k *kit, a, b carrier.Conn) {
			f := k.flood(a, context.Background())
			f.untilBlocked(k)
			k.closeSoon(b)
			_, err := end(k, f.done, "Send after the peer's Close")
			k.check(err != nil, "no error", "an error")
		},
	},
	{
		"use_after_close", "after Close every operation ends at once with an error that matches net.ErrClosed", false,
		func(k *kit, a, b carrier.Conn) {
			local, remote, traits := a.LocalAddr(), a.RemoteAddr(), a.Traits()
			k.closeSoon(a)
			k.closedForGood(a)
			k.check(a.LocalAddr() == local && a.RemoteAddr() == remote && a.Traits() == traits,
				"other addresses or traits", "the same as before Close")
			k.check(local != "" && remote != "", "an empty address", "a name for each end")
		},
	},
	{
		"close_twice", closeRule, false,
		func(k *kit, a, b carrier.Conn) {
			var all []<-chan result[any]
			for range 8 {
				all = append(all, begin(func() (any, error) { return nil, a.Close() }))
			}
			for _, ch := range all {
				_, _ = end(k, ch, "Close")
			}
			k.closeSoon(a)
			k.closeSoon(b)
		},
	},
}

// closeSoon closes c, which must not take long.
func (k *kit) closeSoon(c io.Closer) {
	k.Helper()
	_, err := end(k, begin(func() (any, error) { return nil, c.Close() }), "Close")
	if err != nil {
		k.broken(sprintf("Close: %v", err), "no error")
	}
}

// closedForGood checks that a closed conn says so.
func (k *kit) closedForGood(c carrier.Conn) {
	k.Helper()
	for range 2 {
		_, err := end(k, begin(func() ([]byte, error) { return c.Receive(context.Background(), nil) }), "Receive")
		k.wantErr("Receive", err, net.ErrClosed)
		_, err = end(k, begin(func() (any, error) { return nil, c.Send(context.Background(), batchOf(frame(0, 5))) }), "Send")
		k.wantErr("Send", err, net.ErrClosed)
	}
}

// isCleanEnd reports whether err says that one of the two ends has closed.
func isCleanEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) }

// isDamage reports whether err says that what came was no frames.
func isDamage(err error) bool {
	return errors.Is(err, carrier.ErrProtocol) || errors.Is(err, carrier.ErrFrameTooLarge) || errors.Is(err, errNoFrames)
}
