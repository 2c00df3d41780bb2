package sig

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Sync waits until every subscription made so far is in force at every attached
// router, so that events emitted elsewhere from now on arrive. With no router
// it returns at once.
func (r *Registry) Sync(ctx context.Context) error {
	bridges := r.attached()
	if len(bridges) == 1 {
		return bridges[0].peer.Sync(ctx)
	}
	errs := make([]error, len(bridges))
	var wg sync.WaitGroup
	for i, b := range bridges {
		wg.Go(func() { errs[i] = b.peer.Sync(ctx) }) // ends with ctx at the latest
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (r *Registry) attached() []*Bridge {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.bridges)
}

// refusal is what a router has against a pattern, nil if none has anything.
func (r *Registry) refusal(p Pattern) error {
	if p.Event.Reserved() {
		return nil // presence comes unasked, and losses are told here
	}
	var errs []error
	for _, b := range r.attached() {
		if f, ok := b.peer.(Refuser); ok {
			errs = append(errs, f.Refused(p))
		}
	}
	return errors.Join(errs...)
}

// Shutdown closes the registry in order (P13): nothing new is accepted, request
// handlers finish, senders disconnect, queues drain. If ctx ends before, the
// rest is cut short as by Close, and the error says so. It returns after the
// last goroutine of the registry has ended, so that neither it nor Close can be
// called from a handler that has a goroutine of its own. Routers are shut down
// before their registry.
func (r *Registry) Shutdown(ctx context.Context) error {
	r.refuse()
	err := waitFor(ctx, &r.calls)
	r.endSenders()
	r.endSubscriptions(true)
	if err == nil {
		err = waitFor(ctx, &r.wg)
	}
	return errors.Join(err, r.Close())
}

// Close closes the registry at once: senders disconnect, the contexts of
// request handlers end, waiting events are discarded. It returns after the last
// goroutine has ended, and can be called twice.
func (r *Registry) Close() error {
	r.refuse()
	r.endSenders()
	r.endSubscriptions(false)
	r.calls.Wait()
	r.wg.Wait()
	return nil
}

// refuse makes everything that would begin anew fail with [ErrClosed].
func (r *Registry) refuse() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
}

func (r *Registry) endSenders() {
	err := NewError(CodeClosed, "the registry")
	for _, s := range r.matchingSenders(Any) {
		r.Kick(s, err)
	}
}

func (r *Registry) endSubscriptions(drain bool) {
	r.mu.RLock()
	var subs []*Subscription
	for sub := range r.live {
		subs = append(subs, sub)
	}
	r.mu.RUnlock()
	err := NewError(CodeClosed, "the registry")
	for _, sub := range subs {
		sub.end(err, drain)
	}
}

// waitFor is wg.Wait that gives up when ctx ends. Its goroutine ends with the
// group, which the caller waits for in any case.
func waitFor(ctx context.Context, wg *sync.WaitGroup) error {
	done := make(chan struct{}) // closed when the group is done
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}
