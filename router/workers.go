package router

import "sync"

// workers run the handlers of one connection's requests. A slow one delays no
// other: as long as a request waits, a worker that runs no handler is on its way.
// It is called by whoever takes a request and sees another behind it, so that
// requests which come together and are quickly answered cost two workers, and
// not one each. A few of those that are done wait for the next request: a new
// one would have to grow its stack.
//
//	reader --serve--> [r3 r2 r1] --> worker runs r1, then r2 ...
//	                             --> worker on its way, in case r1 takes long
type workers struct {
	group *sync.WaitGroup // of the link's goroutines

	mu     sync.Mutex
	jobs   []*served // wait, the oldest at first
	first  int
	coming bool // a worker was started or woken and has yet to look for a job
	idle   []*worker
	busy   bool // a request came since retire last looked
	ended  bool
}

// worker is one that waits.
type worker struct {
	wake chan bool // capacity 1: told once, by whoever takes it from idle; false: to end
}

// idleWorkers is how many wait at most.
const idleWorkers = 2

// serve has a request answered.
func (w *workers) serve(r *served) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = true
	w.jobs = append(w.jobs, r)
	w.callLocked()
}

// callLocked sees to it that a worker comes if there is a job for it.
func (w *workers) callLocked() {
	if w.coming || w.first == len(w.jobs) {
		return
	}
	w.coming = true
	if n := len(w.idle) - 1; n >= 0 {
		w.idle[n].wake <- true
		w.idle = w.idle[:n]
		return
	}
	w.group.Go(w.work) // ends by end or retire at the latest, once its handlers have returned
}

// work answers requests while there are any. If a handler ends its goroutine,
// another has been called for those that wait.
func (w *workers) work() {
	me := &worker{}
	w.mu.Lock()
	w.coming = false
	for w.first < len(w.jobs) || w.waitLocked(me) {
		r := w.takeLocked()
		if r == nil {
			continue // somebody was faster
		}
		w.callLocked()
		w.mu.Unlock()
		r.run()
		w.mu.Lock()
	}
	w.mu.Unlock()
}

// takeLocked returns the next job, nil if there is none.
func (w *workers) takeLocked() *served {
	if w.first == len(w.jobs) {
		return nil
	}
	r := w.jobs[w.first]
	w.jobs[w.first] = nil
	w.first++
	if w.first > len(w.jobs)/2 { // their memory is used again
		rest := copy(w.jobs, w.jobs[w.first:])
		clear(w.jobs[rest:])
		w.jobs, w.first = w.jobs[:rest], 0
	}
	return r
}

// waitLocked waits to be called, unless enough others do. It reports false if
// the worker is to end.
func (w *workers) waitLocked(me *worker) bool {
	if w.ended || len(w.idle) == idleWorkers {
		return false
	}
	if me.wake == nil {
		me.wake = make(chan bool, 1)
	}
	w.idle = append(w.idle, me)
	w.mu.Unlock()
	called := <-me.wake
	w.mu.Lock()
	if called {
		w.coming = false
	}
	return called
}

// retire ends the workers that wait if there was no request since it was last
// called.
func (w *workers) retire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.busy {
		w.dismissLocked()
	}
	w.busy = false
}

// end ends the workers: there will be no more requests.
func (w *workers) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.dismissLocked()
}

func (w *workers) dismissLocked() {
	for _, me := range w.idle {
		me.wake <- false
	}
	w.idle = nil
}
