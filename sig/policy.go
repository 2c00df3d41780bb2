package sig

// makeRoom drops something from the full queue as the policy says, and reports
// whether ev can be appended; otherwise ev itself is the one dropped.
func (q *queue[T]) makeRoom(ev EventOf[T]) bool {
	victim := -1
	switch {
	case q.policy == DropNewest, q.policy == Disconnect:
	case q.stride > 1: // nobody may take anything from the consumer before its next refill
	case q.policy == KeepLatest:
		victim = q.superseded(ev)
	default:
		q.freeze()
		if !q.full() { // the consumer has claimed one meanwhile, perhaps the last
			return true
		}
		victim = q.oldest()
	}
	if victim < 0 {
		q.lost = mergeLost(q.lost, q.dropped(ev.Sender, ev.Name, q.arrived))
		return false
	}
	q.drop(victim)
	return true
}

// oldest finds the first event that may be dropped, or -1: held ones may not.
// The waiting events are frozen.
func (q *queue[T]) oldest() int {
	for i := range q.waiting() {
		if !q.waits(i).held {
			return i
		}
	}
	return -1
}

// superseded finds the first event that a later one, or ev, makes obsolete.
func (q *queue[T]) superseded(ev EventOf[T]) int {
	q.freeze()
	for i := range q.waiting() {
		e := q.waits(i)
		if e.held {
			continue
		}
		if k := keyOf(e.ev); k == keyOf(ev) || q.names[k] > 1 && q.repeated(i) {
			return i
		}
	}
	return q.oldest()
}

// repeated reports whether the same sender and name waits again behind i.
func (q *queue[T]) repeated(i int) bool {
	k := keyOf(q.waits(i).ev)
	for i++; i < q.waiting(); i++ {
		if keyOf(q.waits(i).ev) == k {
			return true
		}
	}
	return false
}

func keyOf[T any](ev EventOf[T]) key { return key{ev.Sender, ev.Name} }

// freeze keeps the consumer from what it has not claimed, until it has had the
// lock again.
func (q *queue[T]) freeze() {
	for {
		i := q.at.Load()
		if i >= uint64(len(q.out)) || q.at.CompareAndSwap(i, i|frozen) {
			return
		}
	}
}

// waits returns the i-th of the waiting events, which are frozen.
func (q *queue[T]) waits(i int) *entry[T] {
	if n := q.remaining(); i >= n {
		return &q.in[q.head+i-n]
	}
	return &q.out[int(q.at.Load()&^frozen)+i]
}

// drop takes an event out and leaves word of it in its place.
func (q *queue[T]) drop(i int) {
	e := q.waits(i)
	var gap []Lost
	if e.before != nil {
		gap = *e.before
	}
	gap = mergeLost(gap, q.dropped(e.ev.Sender, e.ev.Name, e.number))
	if i+1 == q.waiting() {
		q.lost = joinLost(gap, q.lost)
	} else {
		next := q.waits(i + 1)
		if next.before != nil {
			gap = joinLost(gap, *next.before)
		}
		next.before = &gap
	}
	q.remove(i)
}

func joinLost(gap, more []Lost) []Lost {
	for _, l := range more {
		gap = mergeLost(gap, l)
	}
	return gap
}

func (q *queue[T]) dropped(sender, event Name, number uint64) Lost {
	q.sub.lost.Add(1)
	return Lost{Sender: sender, Event: event, Count: 1, First: number, Last: number, Reason: LossQueueFull}
}

// remove closes the gap that the i-th event leaves, from the front.
func (q *queue[T]) remove(i int) {
	if q.names != nil {
		q.forget(keyOf(q.waits(i).ev))
	}
	for ; i > 0; i-- {
		*q.waits(i) = *q.waits(i - 1)
	}
	*q.waits(0) = entry[T]{} // let go of the payload
	if q.remaining() > 0 {
		q.at.Add(1)
		q.start++
	} else {
		q.head++
	}
}

// append puts an event at the end; what was lost after the last one is now
// lost before this one.
func (q *queue[T]) append(ev EventOf[T], held bool) {
	if len(q.in) == cap(q.in) && q.head > len(q.in)/2 {
		n := copy(q.in, q.in[q.head:]) // room was made at the front
		clear(q.in[n:])
		q.in, q.head = q.in[:n], 0
	}
	e := entry[T]{ev: ev, number: q.arrived, held: held}
	if q.lost != nil {
		lost := q.lost
		e.before, q.lost = &lost, nil
	}
	q.in = append(q.in, e)
	if q.names != nil {
		q.names[keyOf(ev)]++
	}
}

func (q *queue[T]) forget(k key) {
	if q.names[k]--; q.names[k] == 0 {
		delete(q.names, k)
	}
}

// maxLostKinds bounds how many senders and events one gap tells apart.
const maxLostKinds = 8

// mergeLost adds a loss to those between the same two events.
func mergeLost(gap []Lost, l Lost) []Lost {
	for i := range gap {
		if g := &gap[i]; g.Sender == l.Sender && g.Event == l.Event && g.Reason == l.Reason {
			g.join(l)
			return gap
		}
	}
	if len(gap) < maxLostKinds {
		return append(gap, l)
	}
	g := &gap[maxLostKinds-1]
	g.Sender, g.Event = Any, Any
	g.join(l)
	return gap
}

// join extends the range; an unknown count stays unknown.
func (l *Lost) join(o Lost) {
	l.First, l.Last = min(l.First, o.First), max(l.Last, o.Last)
	if l.Count != 0 && o.Count != 0 {
		l.Count += o.Count
	} else {
		l.Count = 0
	}
}
