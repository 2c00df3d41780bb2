package sig

import "runtime"

// claim gives the consumer the next of the events it has, or nil: there is none,
// or the lock is needed first.
func (q *queue[T]) claim() *entry[T] {
	if q.stride > 1 {
		return q.stroll()
	}
	i := q.at.Load()
	if i >= uint64(len(q.out)) || !q.at.CompareAndSwap(i, i+1) {
		return nil
	}
	return &q.out[i]
}

// stroll is claim under Block, where nobody else takes events out: at follows
// now and then, and in leave when somebody waits for a place.
func (q *queue[T]) stroll() *entry[T] {
	i := q.next
	if i >= uint64(len(q.out)) {
		return nil
	}
	q.next++
	if q.next%q.stride == 0 || q.next == uint64(len(q.out)) {
		q.at.Store(q.next)
	}
	return &q.out[i]
}

// taken empties a claimed entry, and tells who waits for its place.
func (q *queue[T]) taken(e *entry[T]) item[T] {
	it := item[T]{ev: e.ev, has: true}
	if e.before != nil {
		it.lost, e.before = *e.before, nil
	}
	q.leave(e)
	return it
}

// leave is taken for an entry with nothing lost before it.
func (q *queue[T]) leave(e *entry[T]) {
	var none T
	e.ev.Data, e.held = none, false // let go of the payload
	if q.watched.Load() {
		if q.stride > 1 {
			q.at.Store(q.next)
		}
		q.tell()
	}
}

// tell tells who waits for a place that there may be one.
func (q *queue[T]) tell() {
	q.mu.Lock()
	within := q.vacated()
	q.mu.Unlock()
	callAll(within)
}

// item makes an item of a claimed entry; without one it is take.
func (q *queue[T]) item(e *entry[T]) (it item[T], ok bool) {
	if e == nil {
		return q.take(nil)
	}
	return q.taken(e), true
}

// maxYields is how often the consumer lets other goroutines run before it goes to
// sleep. An emitter that is about to go on then need not wake it, which costs as
// much as twenty events.
const maxYields = 2

// take waits for the next item. It returns false when the queue has ended, or
// stop is ready.
func (q *queue[T]) take(stop <-chan struct{}) (it item[T], ok bool) {
	yields := 0
	for {
		if !q.sub.ended.Load() {
			if e := q.claim(); e != nil {
				return q.taken(e), true
			}
		}
		q.mu.Lock()
		switch {
		case q.closed && (!q.drains || q.waiting() == 0 && len(q.lost) == 0):
			q.mu.Unlock()
			return it, false
		case q.waiting() > 0:
			q.refill()
			e := q.claim()
			q.mu.Unlock()
			return q.taken(e), true
		case len(q.lost) > 0:
			it.lost, q.lost = q.lost, nil
			q.mu.Unlock()
			return it, true
		}
		if yields < maxYields && stop == nil {
			yields++
			q.mu.Unlock()
			runtime.Gosched()
			continue
		}
		yields = 0
		q.idle, q.easy = true, 0
		q.mu.Unlock()
		if stop == nil {
			<-q.wake
			continue
		}
		select {
		case <-q.wake:
		case <-stop:
			return it, false
		}
	}
}

// refill gives the consumer, which holds mu, more to claim: the rest of out if
// that was frozen, else what has gathered. Under KeepLatest it gets one event at
// a time, and what a later one may supersede stays where emitters find it.
func (q *queue[T]) refill() {
	if q.remaining() > 0 {
		q.at.Store(q.at.Load() &^ frozen)
		return
	}
	q.delivered += uint64(len(q.out) - q.start)
	if q.names != nil {
		e := &q.in[q.head]
		q.forget(keyOf(e.ev))
		q.out = append(q.out[:0], *e)
		*e = entry[T]{}
		q.head++
		q.start = 0
	} else {
		q.out, q.in = q.in, q.out[:0]
		q.start, q.head = q.head, 0
	}
	if q.mixed && q.stride > 1 {
		q.stride = 1
	}
	q.given = len(q.out) - q.start
	q.next = uint64(q.start)
	q.at.Store(q.next)
	q.ease()
}
