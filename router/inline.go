package router

import (
	"sync"
	"time"
)

// inline has a connection's reader run the handlers of requests itself, while
// they come in quick succession and are quickly answered: waking a worker for
// each costs more than such a handler. A slow one delays nobody for long: a
// patrol passes by in every inlineTick, and when it meets the same handler twice,
// another goroutine reads on, workers get the requests that wait, and the one that
// was the reader ends with its handler. Many that are not quite quick do not add up
// either: when the patrol has met the same batch mostLooks times, workers get the
// rest of it.
//
//	reader: receive [r1 r2 r3], run r1, run r2, run r3, write, receive ...
//	slow:   receive [r1 r2 r3], run r1 ........................... end
//	                    patrol:   .   | read on: receive ...
//	                                  | worker:  run r2, run r3
//
// After that workers get the requests for a while.
type inline struct {
	of   *session
	came time.Time // the latest request; of the reader alone

	mu     sync.Mutex
	on     bool // the patrol is on its way: only then is there anything in jobs
	jobs   []*served
	next   int    // of jobs: those before it have begun
	reader uint64 // counts the goroutines that have been the reader
	inside bool   // it runs a handler
	runs   uint64 // handlers begun
	seen   uint64 // of them, when the patrol last passed
	looks  int    // of the patrol at this batch, while a handler ran
	patrol *time.Timer
	took   time.Duration // by a handler, on average
	rest   int           // requests that workers get before the reader tries again
	pause  int           // what rest was at first: each time twice as many,
	ran    int           // unless the reader has run more than that meanwhile
	ended  bool
}

const (
	// inlineTick is the time between two looks of the patrol, and how soon requests
	// must follow each other to be worth it.
	inlineTick = time.Millisecond
	// inlineQuick is what handlers may take on average: longer ones can as well run
	// on several CPUs. One alone counts for at most four times that: the machine may
	// have been busy with something else.
	inlineQuick = 50 * time.Microsecond
	// mostLooks is how often the patrol may meet one batch.
	mostLooks = 4
	// leastPause and mostPause bound inline.pause.
	leastPause = 64
	mostPause  = 16 << 10
)

// keepInline keeps a request for the reader itself, which calls runInline when it
// has taken in the batch. It reports false if a worker is to have it.
func (s *session) keepInline(r *served) bool {
	if s.inline == nil {
		s.inline = &inline{of: s, pause: leastPause / 2}
	}
	in := s.inline
	frequent := s.now().Sub(in.came) < inlineTick
	in.came = s.now()
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.on:
	case in.rest > 0:
		in.rest--
		return false
	case !frequent || s.lent:
		return false
	default:
		in.startLocked()
	}
	r.inline = true
	in.jobs = append(in.jobs, r)
	return true
}

// startLocked sends the patrol on its way.
func (in *inline) startLocked() {
	in.on, in.seen = true, in.runs
	if in.patrol == nil {
		in.patrol = time.AfterFunc(inlineTick, in.look)
		return
	}
	in.patrol.Reset(inlineTick)
}

// runInline answers what was kept. It reports false if the caller is the reader
// no more, and is to return. It does not return if a handler ends its goroutine.
func (s *session) runInline() (reads bool) {
	in := s.inline
	if in == nil || len(in.jobs) == 0 { // nobody else adds any
		return true
	}
	began, me, n := time.Now(), in.reader, 0
	left := true
	defer func() {
		if left {
			in.leave(me)
		}
	}()
	for {
		r, reads := in.step(me)
		if !reads {
			return false
		}
		if r == nil {
			break
		}
		r.run()
		n++
	}
	left = false
	in.rate(n, time.Since(began))
	s.writeNow()
	return true
}

// step returns the next request, nil if there is none; false if the caller is not
// the reader any more.
func (in *inline) step(me uint64) (r *served, reads bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.reader != me {
		return nil, false
	}
	if in.looks >= mostLooks { // rate judges that
		in.of.giveWorkers(in.jobs[in.next:])
		clear(in.jobs[in.next:])
		in.next = len(in.jobs)
	}
	if in.inside = in.next < len(in.jobs); !in.inside {
		in.jobs, in.next = in.jobs[:0], 0
		return nil, true
	}
	r = in.jobs[in.next]
	in.jobs[in.next] = nil
	in.next++
	in.runs++
	return r, true
}

// rate judges the n handlers of a batch.
func (in *inline) rate(n int, took time.Duration) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ran += n
	in.took += (min(took/time.Duration(n), 4*inlineQuick) - in.took) / 16
	if in.took > inlineQuick || in.looks >= mostLooks {
		in.stopLocked()
	}
	in.looks = 0
}

// stopLocked leaves requests to the workers for a while. None is kept.
func (in *inline) stopLocked() {
	in.pause = min(2*in.pause, mostPause)
	if in.ran > in.pause {
		in.pause = leastPause
	}
	in.on, in.rest, in.ran, in.took = false, in.pause, 0, 0
}

// look is the patrol.
func (in *inline) look() {
	defer in.of.contain()
	in.mu.Lock()
	defer in.mu.Unlock()
	switch met := in.runs == in.seen; {
	case in.ended || !in.on:
	case met && in.inside:
		in.replaceLocked()
	case met && len(in.jobs) == 0:
		in.on = false
	default:
		if in.seen = in.runs; in.inside {
			in.looks++
		}
		in.patrol.Reset(inlineTick)
	}
}

// replaceLocked puts another goroutine in the place of the reader, which calls
// leave when its handler has returned.
func (in *inline) replaceLocked() {
	s := in.of
	in.reader++
	in.inside, in.looks = false, 0
	waiting := in.jobs[in.next:]
	in.jobs, in.next = nil, 0
	in.stopLocked()
	s.link.group.Add(1)   // until leave
	s.readers.Go(func() { // ends with the connection, or as the one before
		s.giveWorkers(waiting)
		s.writeNow()
		s.read()
	})
}

// leave is the end of a goroutine that was the reader, or a handler's that has
// ended it.
func (in *inline) leave(me uint64) {
	in.mu.Lock()
	if in.reader == me {
		in.replaceLocked()
	}
	in.mu.Unlock()
	in.of.writeNow()
	in.of.link.group.Done()
}

// leaveInline has workers answer what was kept: the reader is about to end.
func (s *session) leaveInline() {
	in := s.inline
	if in == nil {
		return
	}
	in.mu.Lock()
	waiting := in.jobs
	in.jobs = nil
	in.mu.Unlock()
	s.giveWorkers(waiting)
}

func (s *session) giveWorkers(waiting []*served) {
	for _, r := range waiting {
		r.inline = false
		s.workers.serve(r)
	}
}

// end stops the patrol: nobody reads any more. It may be nil.
func (in *inline) end() {
	if in == nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ended = true
	if in.patrol != nil {
		in.patrol.Stop()
	}
}
