package router

import (
	"sync"
	"sync/atomic"

	"github.com/gosig/gosig/sig"
)

// inItem is one thing for the handlers of this process: an event, a loss, or a
// task such as the announcement of a sender.
type inItem struct {
	route  *inRoute
	frames []byte // EVENT frames that came one behind the other; part of the batch
	count  uint64 // how many there are
	lost   uint64 // events of route that are missing here
	task   func() // neither event nor loss
	reason sig.LossReason
	kind   inKind
	begun  bool // its first event has been delivered
}

type inKind uint8

const (
	inEvent inKind = iota // plain events: may be shed
	inHeld                // held-back event: its sender waits for room, so it stays
	inLost
	inTask
)

// inBatch is a read buffer with the items that refer to it.
type inBatch struct {
	buf   []byte
	items []inItem
	bytes int  // what it counts against the bound
	next  int  // the first item not yet delivered
	own   bool // payloads that had to be kept have memory of their own
}

// inItemSize is what an item costs beyond its payload.
const inItemSize = 96

// inQueue hands what one connection brings to the handlers of this process, on
// one goroutine that exists while there is something to do. The reader pushes
// and never waits; over the bound the oldest events are dropped and a loss is
// left in their place (P7), so that a slow handler costs its own connection's
// buffer and neither replies nor pings (P8).
type inQueue struct {
	run    func(*inBatch)  // delivers a batch's items from next on, then recycles it
	flood  func(tasks int) // more tasks wait than maxTasks
	onLoss func(n uint64)
	bound  int
	tasks  atomic.Int64 // waiting; nothing drops them
	// maxTasks is how many may wait: a peer that connects and disconnects
	// senders while a handler is stuck must not fill memory.
	maxTasks int64
	group    *sync.WaitGroup

	mu      sync.Mutex
	batches []*inBatch
	bytes   int
	running bool
}

// push takes over b.
func (q *inQueue) push(b *inBatch) {
	b.bytes += len(b.items) * inItemSize
	if n := b.count(inTask); n > 0 && q.tasks.Add(n) > q.maxTasks {
		q.flood(int(q.tasks.Load()))
	}
	q.mu.Lock()
	q.batches = append(q.batches, b)
	q.bytes += b.bytes
	var lost uint64
	if q.bytes > q.bound {
		lost = q.shed()
	}
	start := !q.running
	q.running = true
	q.mu.Unlock()
	if lost > 0 {
		q.onLoss(lost)
	}
	if start {
		q.group.Go(q.drain) // ends when the queue is empty
	}
}

// task queues f behind everything that came before it.
func (q *inQueue) task(f func()) {
	q.push(&inBatch{items: []inItem{{kind: inTask, task: f}}})
}

// discard turns all events that wait into losses: the router is being closed.
func (q *inQueue) discard() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range q.batches {
		q.bytes -= b.bytes
		b.shed()
		q.bytes += b.bytes
	}
}

// drain delivers until nothing is left.
func (q *inQueue) drain() { q.from(nil) }

// from delivers b, then what waits. A handler that ends its goroutine, as
// t.FailNow does, ends this one: another goes on with what is left of the batch.
func (q *inQueue) from(b *inBatch) {
	defer func() {
		if b != nil {
			q.group.Go(func() { q.from(b) })
		}
	}()
	for {
		if b != nil {
			q.run(b)
		}
		q.mu.Lock()
		if b = nil; len(q.batches) == 0 {
			q.running = false
			q.mu.Unlock()
			return
		}
		b = q.batches[0]
		q.batches[0] = nil
		q.batches = q.batches[1:]
		q.bytes -= b.bytes
		q.mu.Unlock()
	}
}

// shed drops plain events, oldest batch first, down to three quarters of the
// bound.
func (q *inQueue) shed() (lost uint64) {
	for _, b := range q.batches {
		if q.bytes <= q.bound*3/4 {
			break
		}
		if b.own {
			continue // shed already
		}
		q.bytes -= b.bytes
		lost += b.shed()
		q.bytes += b.bytes
	}
	q.joinLosses()
	return lost
}

// joinLosses merges neighbouring batches of which only losses are left, so that
// a handler that never returns costs bytes per route and not per batch.
func (q *inQueue) joinLosses() {
	out := q.batches[:0]
	for _, b := range q.batches {
		if n := len(out); n > 0 && b.onlyLosses() && out[n-1].onlyLosses() {
			out[n-1].absorb(b)
			continue
		}
		out = append(out, b)
	}
	clear(q.batches[len(out):])
	q.batches = out
	q.bytes = 0
	for _, b := range out {
		q.bytes += b.bytes
	}
}

func (b *inBatch) onlyLosses() bool {
	for i := range b.items {
		if b.items[i].kind != inLost {
			return false
		}
	}
	return true
}

// absorb adds the losses of later to those of b, route by route.
func (b *inBatch) absorb(later *inBatch) {
	at := make(map[loss]int, len(b.items))
	for i := range b.items {
		at[lossOf(&b.items[i])] = i
	}
	for _, it := range later.items {
		i, ok := at[lossOf(&it)]
		if ok {
			b.items[i].lost += it.lost
			continue
		}
		at[lossOf(&it)] = len(b.items)
		b.items = append(b.items, it)
	}
}

// loss is what makes two losses one: also of how many nobody knows.
type loss struct {
	route   *inRoute
	reason  sig.LossReason
	unknown bool
}

func lossOf(it *inItem) loss { return loss{it.route, it.reason, it.lost == 0} }

func (b *inBatch) count(kind inKind) (n int64) {
	for i := range b.items {
		if b.items[i].kind == kind {
			n++
		}
	}
	return n
}

// shed turns the batch's plain events into losses and lets go of its buffer.
func (b *inBatch) shed() (lost uint64) {
	kept := b.items[:0]
	for _, it := range b.items[b.next:] {
		switch it.kind {
		case inEvent:
			lost += it.count
			if n := len(kept); n > 0 && kept[n-1].kind == inLost && kept[n-1].route == it.route && kept[n-1].reason == sig.LossInbound {
				kept[n-1].lost += it.count
				continue
			}
			kept = append(kept, inItem{kind: inLost, route: it.route, lost: it.count, reason: sig.LossInbound})
		case inHeld:
			it.frames = append([]byte(nil), it.frames...)
			kept = append(kept, it)
		default:
			kept = append(kept, it)
		}
	}
	clear(b.items[len(kept):])
	b.items, b.next, b.own = kept, 0, true
	b.bytes = 0
	for _, it := range kept {
		if it.kind != inLost { // of these there are no more than routes
			b.bytes += inItemSize + len(it.frames)
		}
	}
	freeBuffer(b.buf)
	b.buf = nil
	return lost
}
