package router

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// greeters are the goroutines that open a server's connections. What a handshake
// calls is deep, and each new goroutine has to grow its stack for it: one that is
// done goes on with the next connection, if that comes soon.
type greeters struct {
	group *sync.WaitGroup
	next  chan func() // unbuffered: of those who wait one takes it; never closed
	idle  atomic.Int32
}

const (
	// idleGreeters is how many wait for another connection at most,
	idleGreeters = 8
	// greeterPatience for how long.
	greeterPatience = 100 * time.Millisecond
)

// open runs f, which opens a connection, by somebody who waits, or else by a new
// goroutine. That one ends with ctx at the latest, once its f has returned.
func (g *greeters) open(ctx context.Context, f func()) {
	select {
	case g.next <- f:
	default:
		g.group.Go(func() {
			for ; f != nil; f = g.await(ctx) {
				f()
			}
		})
	}
}

// await returns what is to be opened next, nil if enough others wait for that, or if
// it has not come soon.
func (g *greeters) await(ctx context.Context) func() {
	defer g.idle.Add(-1)
	if g.idle.Add(1) > idleGreeters {
		return nil
	}
	t := time.NewTimer(greeterPatience)
	defer t.Stop()
	select {
	case f := <-g.next:
		return f
	case <-t.C:
	case <-ctx.Done():
	}
	return nil
}
