package routertest

import (
	"slices"
	"sync"
)

// journal keeps what happened, in order, and lets a test wait for more. The
// zero value works.
type journal[T any] struct {
	mu    sync.Mutex
	items []T
	more  chan struct{} // closed, and replaced, with each new item; nil: nobody waits
}

func (j *journal[T]) add(v T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.items = append(j.items, v)
	if j.more != nil {
		close(j.more)
		j.more = nil
	}
}

func (j *journal[T]) all() []T {
	items, _ := j.look()
	return items
}

func (j *journal[T]) look() (items []T, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.more == nil {
		j.more = make(chan struct{})
	}
	return slices.Clip(j.items), j.more
}

// await waits until enough is there, and returns it.
func (j *journal[T]) await(k *kit, what string, enough func([]T) bool) []T {
	k.Helper()
	for {
		items, more := j.look()
		if enough(items) {
			return items
		}
		select {
		case <-more:
		case <-k.ctx.Done():
			k.Fatalf("waiting for %s: %v; until then there were %d: %+v", what, k.ctx.Err(), len(items), tail(items))
		}
	}
}

// awaitOne waits for the first item that is as wanted.
func (j *journal[T]) awaitOne(k *kit, what string, wanted func(T) bool) (found T) {
	k.Helper()
	seen := 0
	items := j.await(k, what, func(items []T) bool {
		i := slices.IndexFunc(items[seen:], wanted)
		if i < 0 {
			seen = len(items)
			return false
		}
		seen += i
		return true
	})
	return items[seen]
}

// tail keeps messages short.
func tail[T any](items []T) []T {
	const shown = 20
	return items[max(0, len(items)-shown):]
}
