package bench

import (
	"context"
	"time"
)

// precise is how long the rest of a nap is that a timer of the Go runtime would
// miss by more than the latency of a router: on an idle machine they are up to a
// millisecond late.
const precise = 2 * time.Millisecond

// nap waits for d, or a little less; false: ctx is done.
func nap(ctx context.Context, d time.Duration) bool {
	if d <= precise {
		shortNap(d)
		return ctx.Err() == nil
	}
	t := time.NewTimer(d - precise)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
