package router

import (
	"context"
	"errors"
	"net"
	"slices"
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
		if pause = min(max(2*pause, 5*time.Millisecond), time.Second); pause == time.Second {
			return err
		}
		r.log.Warn("accept failed; trying again", "listener", l.Addr(), "error", err, "in", pause)
		if !sleep(ctx, pause) {
			return nil
		}
	}
	return nil
}

func (r *ServerRouter) forgetListener(l carrier.Listener) {
	l.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listeners = slices.DeleteFunc(r.listeners, func(o carrier.Listener) bool { return o == l })
}
