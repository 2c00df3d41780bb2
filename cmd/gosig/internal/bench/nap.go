package bench

import (
	"context"
	"time"
)

// napper waits for the next event to come due. On an idle machine the Go
// runtime's own timers are up to a millisecond late, more than the latency of a
// router: where the kernel has better ones, they are used.
type napper interface {
	// nap waits for d; false: ctx is done.
	nap(ctx context.Context, d time.Duration) bool
	close()
}

// timerNapper uses the Go runtime's timers.
type timerNapper struct{}

func (timerNapper) nap(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (timerNapper) close() {}
