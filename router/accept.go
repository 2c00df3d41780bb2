package router

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/gosig/gosig/carrier"
)

// accept hands out connections. It waits for room before it accepts one, so that
// those that say nothing leave the rest in the backlog instead of filling memory.
func (r *ServerRouter) accept(ctx context.Context, l carrier.Listener) error {
	defer r.forgetListener(l)
	from := r.entrance(l.Addr())
	pause := time.Duration(0)
	for r.awaitRoom(ctx, from.limits.HelloFrame) {
		conn, err := l.Accept(ctx)
		if err == nil {
			pause = 0
			if !r.begin(ctx, conn, from) {
				return nil
			}
			continue
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return nil
		}
		if pause = min(max(2*pause, 5*time.Millisecond), time.Second); pause == time.Second && !scarce(err) {
			return err
		}
		r.stats.refusals.log(r.log, slog.LevelWarn, "accept failed; trying again", "listener", l.Addr(), "error", err, "in", pause)
		if !sleep(ctx, pause) {
			return nil
		}
	}
	return nil
}

// scarce reports whether a connection could not be accepted for want of something
// that others may give back: descriptors above all. Whoever uses them up must not
// end the listener.
func scarce(err error) bool {
	for _, want := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

func (r *ServerRouter) forgetListener(l carrier.Listener) {
	l.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listeners = slices.DeleteFunc(r.listeners, func(o carrier.Listener) bool { return o == l })
}
