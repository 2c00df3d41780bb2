package router

import (
	"sync"
	"sync/atomic"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// inItem is one thing for the handlers of this process: events, a loss, or a
// task such as the announcement of a sender.
type inItem struct {
	kind   inKind
	begun  bool           // its first event has been delivered
	reason sig.LossReason // of a loss
	route  *inRoute       // of a loss or a held-back event
	routes *routeTable    // of plain events
	frames []byte         // EVENT frames that came one behind the other; part of the batch
	lost   uint64         // events of route that are missing here
	task   func()         // none of these
}

type inKind uint8

const (
	inEvents inKind = iota // plain events, of any routes: may be shed
	inHeld                 // held-back event: its sender waits for room, so it stays
	inLost
	inTask
)

// inBatch is a read buffer with the items that refer to it.
type inBatch struct {
	buf   *buffer
	items []inItem
	bytes int  // what it counts against the bound
	next  int  // the first item not yet delivered
	own   bool // payloads that had to be kept have memory of their own
	stuck int  // what next was behind a panic, and one; 0: there was none
}

var inBatches = sync.Pool{New: func() any { return new(inBatch) }}

func newInBatch() *inBatch { return inBatches.Get().(*inBatch) }

// keptItems is how many items a batch has room for when it is used again.
const keptItems = 64

// recycle lets go of the buffer and gives the batch back.
func (b *inBatch) recycle() {
	b.buf.free()
	clear(b.items)
	items := b.items[:0]
	if cap(items) > keptItems {
		items = nil
	}
	*b = inBatch{items: items}
	inBatches.Put(b)
}

// inItemSize is what an item costs beyond its payload.
const inItemSize = 72

// inQueue hands what one connection brings to the handlers of this process, on
// one goroutine that exists while there is something to do. The reader pushes
// and never waits; over the bound the oldest events are dropped and a loss is
// left in their place (P7), so that a slow handler costs its own connection's
// buffer and neither replies nor pings (P8).
type inQueue struct {
	run    func(*inBatch)  // delivers a batch's items from next on, then recycles it
	flood  func(tasks int) // more tasks wait than maxTasks
	onLoss func(n uint64)
	broken func(p any) // something has panicked
	bound  int
	tasks  atomic.Int64 // waiting; nothing drops them
	// maxTasks is how many may wait: a peer that connects and disconnects
	// senders while a handler is stuck must not fill memory.
	maxTasks int64
	group    *sync.WaitGroup

	mu      sync.Mutex
	batches []*inBatch
	first   int // of batches: those before it are taken
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
	for _, b := range q.waiting() {
		q.bytes -= b.bytes
		b.shed()
		q.bytes += b.bytes
	}
}

// waiting returns the batches that nobody has taken. Call it with the lock held.
func (q *inQueue) waiting() []*inBatch { return q.batches[q.first:] }

// take returns the next batch, nil if none waits. Call it with the lock held.
func (q *inQueue) take() *inBatch {
	if len(q.waiting()) == 0 {
		return nil
	}
	b := q.batches[q.first]
	q.batches[q.first] = nil
	q.bytes -= b.bytes
	q.first++
	if q.first > len(q.batches)/2 { // their memory is used again
		rest := copy(q.batches, q.waiting())
		clear(q.batches[rest:])
		q.batches, q.first = q.batches[:rest], 0
	}
	return b
}

// drain delivers until nothing is left.
func (q *inQueue) drain() { q.from(nil) }

// from delivers b, then what waits. A handler that ends its goroutine, as
// t.FailNow does, ends this one: another goes on with what is left of the batch. So
// it does behind a panic, which is none of a handler's, and has ended the connection.
func (q *inQueue) from(b *inBatch) {
	defer func() {
		if p := recover(); p != nil {
			q.broken(p)
			if b.stuck == b.next+1 { // it has happened there before
				b.next++
			}
			b.stuck = b.next + 1
		}
		if b != nil {
			q.group.Go(func() { q.from(b) })
		}
	}()
	for {
		if b != nil {
			q.run(b)
		}
		q.mu.Lock()
		b = q.take()
		q.running = b != nil
		q.mu.Unlock()
		if b == nil {
			return
		}
	}
}

// shed drops plain events, oldest batch first, down to three quarters of the
// bound.
func (q *inQueue) shed() (lost uint64) {
	for _, b := range q.waiting() {
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
	for _, b := range q.waiting() {
		if n := len(out); n > 0 && b.onlyLosses() && out[n-1].onlyLosses() {
			out[n-1].absorb(b)
			continue
		}
		out = append(out, b)
	}
	clear(q.batches[len(out):])
	q.batches, q.first = out, 0
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
	kept := make([]inItem, 0, len(b.items))
	for _, it := range b.items[b.next:] {
		switch it.kind {
		case inEvents:
			var n uint64
			kept, n = it.losses(kept)
			lost += n
		case inHeld:
			it.frames = append([]byte(nil), it.frames...)
			kept = append(kept, it)
		default:
			kept = append(kept, it)
		}
	}
	b.items, b.next, b.own = kept, 0, true
	b.bytes = 0
	for _, it := range kept {
		if it.kind != inLost { // of these there are no more than routes
			b.bytes += inItemSize + len(it.frames)
		}
	}
	b.buf.free()
	b.buf = nil
	return lost
}

// losses appends an item for each route of which it has events.
func (it *inItem) losses(to []inItem) (_ []inItem, lost uint64) {
	from := len(to)
	for from > 0 && to[from-1].kind == inLost && to[from-1].reason == sig.LossInbound {
		from-- // these go on
	}
	at := make(map[*inRoute]int)
	for i := from; i < len(to); i++ {
		at[to[i].route] = i
	}
	for frame := range carrier.Frames(it.frames) {
		_, number, _, err := wire.ParseEvent(frame)
		if err != nil {
			continue // checked when it came
		}
		route := it.routes.get(number)
		i, ok := at[route]
		if !ok {
			i = len(to)
			at[route] = i
			to = append(to, inItem{kind: inLost, route: route, reason: sig.LossInbound})
		}
		to[i].lost++
		lost++
	}
	return to, lost
}
