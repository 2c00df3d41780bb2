package sig

// makeRoom drops something from the full queue as the policy says, and reports
// whether ev can be appended; otherwise ev itself is the one dropped.
func (q *queue[T]) makeRoom(ev EventOf[T]) bool {
	victim := int32(0)
	switch q.policy {
	case DropNewest, Disconnect:
	case KeepLatest:
		victim = q.superseded(ev)
	default:
		victim = q.oldest()
	}
	if victim == 0 {
		q.lost = mergeLost(q.lost, q.dropped(ev.Sender, ev.Name, q.arrived))
		return false
	}
	q.drop(victim)
	return true
}

// oldest finds the first event that may be dropped, or 0: held ones may not.
func (q *queue[T]) oldest() int32 {
	if q.unheld == 0 {
		return 0
	}
	i := q.head
	for q.entries[i].held {
		i = q.entries[i].next
	}
	return i
}

// superseded finds the first event that a later one, or ev, makes obsolete.
func (q *queue[T]) superseded(ev EventOf[T]) int32 {
	for i := q.head; i != 0; i = q.entries[i].next {
		e := &q.entries[i]
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
func (q *queue[T]) repeated(i int32) bool {
	k := keyOf(q.entries[i].ev)
	for i = q.entries[i].next; i != 0; i = q.entries[i].next {
		if keyOf(q.entries[i].ev) == k {
			return true
		}
	}
	return false
}

func keyOf[T any](ev EventOf[T]) key { return key{ev.Sender, ev.Name} }

// drop takes an event out and leaves word of it in its place.
func (q *queue[T]) drop(i int32) {
	e := &q.entries[i]
	gap := mergeLost(e.before, q.dropped(e.ev.Sender, e.ev.Name, e.number))
	after := &q.lost
	if e.next != 0 {
		after = &q.entries[e.next].before
	}
	for _, l := range *after {
		gap = mergeLost(gap, l)
	}
	*after = gap
	q.unlink(i)
}

func (q *queue[T]) dropped(sender, event Name, number uint64) Lost {
	q.sub.lost.Add(1)
	return Lost{Sender: sender, Event: event, Count: 1, First: number, Last: number, Reason: LossQueueFull}
}

// append puts an event at the end; what was lost after the last one is now
// lost before this one.
func (q *queue[T]) append(ev EventOf[T], held bool) {
	i := q.free
	if i != 0 {
		q.free = q.entries[i].next
	} else {
		q.entries = append(q.entries, entry[T]{})
		i = int32(len(q.entries) - 1)
	}
	q.entries[i] = entry[T]{ev: ev, number: q.arrived, before: q.lost, held: held, prev: q.tail}
	q.lost = nil
	if q.tail != 0 {
		q.entries[q.tail].next = i
	} else {
		q.head = i
	}
	q.tail = i
	q.n++
	if !held {
		q.unheld++
	}
	if q.names != nil {
		q.names[keyOf(ev)]++
	}
}

// unlink takes an entry out of the list.
func (q *queue[T]) unlink(i int32) {
	e := &q.entries[i]
	if e.prev != 0 {
		q.entries[e.prev].next = e.next
	} else {
		q.head = e.next
	}
	if e.next != 0 {
		q.entries[e.next].prev = e.prev
	} else {
		q.tail = e.prev
	}
	q.n--
	if !e.held {
		q.unheld--
	}
	if q.names != nil {
		q.forget(keyOf(e.ev))
	}
	*e = entry[T]{next: q.free} // let go of the payload
	q.free = i
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
