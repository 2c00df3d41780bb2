package router

import (
	"sync"
	"sync/atomic"
)

// workers run the handlers of one connection's requests, each request on a
// goroutine of its own: a slow one delays no other. A goroutine that is done
// waits for the next request, up to idleWorkers of them: a new one would have to
// grow its stack each time.
//
//	reader --serve--> idle worker, or else a new one
type workers struct {
	jobs chan *served // unbuffered: only a worker that waits takes one; closed by end
	idle atomic.Int32
	busy atomic.Bool // a request came since retire last looked
}

// idleWorkers is how many wait at most.
const idleWorkers = 2

// serve has a request answered. Only the reader calls it.
func (w *workers) serve(r *served, group *sync.WaitGroup) {
	w.busy.Store(true)
	select {
	case w.jobs <- r:
	default:
		group.Go(func() { w.work(r) }) // ends by end or retire at the latest, once its handler has returned
	}
}

// work answers r, then what comes.
func (w *workers) work(r *served) {
	for r != nil {
		r.run()
		if w.idle.Add(1) > idleWorkers {
			w.idle.Add(-1)
			return
		}
		r = <-w.jobs // nil: to end
		w.idle.Add(-1)
	}
}

// retire ends the workers that wait if there was no request since it was last
// called. It must not be called once end may have been.
func (w *workers) retire() {
	if w.busy.Swap(false) {
		return
	}
	for {
		select {
		case w.jobs <- nil:
		default:
			return
		}
	}
}

// end ends the workers: there will be no more requests.
func (w *workers) end() { close(w.jobs) }
