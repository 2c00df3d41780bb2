package router

import "sync"

// tasks are goroutines that are started by anybody at any time, also while
// somebody waits for those there are: what a sync.WaitGroup does not allow.
type tasks struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when none runs; nil: nobody waits
}

// Go runs f, which ends by itself.
func (t *tasks) Go(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	go func() { // ends with f
		defer t.done()
		f()
	}()
}

func (t *tasks) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// Wait returns when none runs.
func (t *tasks) Wait() {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return
	}
	if t.idle == nil {
		t.idle = make(chan struct{})
	}
	idle := t.idle
	t.mu.Unlock()
	<-idle
}
