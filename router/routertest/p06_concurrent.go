package routertest

import (
	"context"
	"fmt"
	"sync"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var concurrentRequests = []promise{
	{name: "P6/64 outstanding never mix answers", run: outstanding},
	{name: "P6/more requests than PendingRequests", where: joined, slow: true, run: manyPending},
}

// outstanding answers 64 requests at a time, in the opposite order.
func outstanding(k *kit) {
	const at = 64
	s := k.open(options{})
	var mu sync.Mutex
	var waiting []chan struct{}
	k.provide(s, "desk", "same", func(_ context.Context, r *sig.Request) (any, error) {
		mine := make(chan struct{}) // closed when it is this one's turn
		mu.Lock()
		waiting = append(waiting, mine)
		if len(waiting) == at {
			close(waiting[at-1])
		}
		mu.Unlock()
		select {
		case <-mine:
		case <-k.ctx.Done():
			return nil, k.ctx.Err()
		}
		mu.Lock()
		defer mu.Unlock()
		if waiting = waiting[:len(waiting)-1]; len(waiting) > 0 {
			close(waiting[len(waiting)-1])
		}
		return r.Data, nil
	})
	rounds := 5
	for round := range rounds {
		errs := make(chan error, at) // one from each
		for i := range at {
			go func() { // ends with its request
				n := round*at + i
				v, err := s.to.Request(k.ctx, "desk", "same", k.num(n))
				if err == nil && k.number(v) != n {
					err = fmt.Errorf("got the answer %v to %d", v, n)
				}
				errs <- err
			}()
		}
		for range at {
			k.must(receive(k, errs, "all answers"), "P6: one of 64 outstanding requests")
		}
	}
}

// manyPending: what is over the limit waits for its turn, or is told that the
// other side is busy; nothing is lost.
func manyPending(k *kit) {
	s := k.open(options{limits: router.Limits{PendingRequests: 4}})
	k.provide(s, "desk", "same", func(_ context.Context, r *sig.Request) (any, error) { return r.Data, nil })
	errs := make(chan error, 40) // one from each
	for n := range 40 {
		go func() { // ends with its request
			v, err := s.to.Request(k.ctx, "desk", "same", k.num(n))
			if err == nil && k.number(v) != n {
				err = fmt.Errorf("got the answer %v to %d", v, n)
			}
			errs <- err
		}()
	}
	for range 40 {
		k.must(receive(k, errs, "all answers"), "P6: one of 40 requests")
	}
}
