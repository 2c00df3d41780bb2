package router

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// handled is what a handler goroutine was given, in order.
type handled struct {
	mu   sync.Mutex
	kind []inKind
	lost uint64
	n    int
}

func (h *handled) take(b *inBatch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, it := range b.items {
		h.kind = append(h.kind, it.kind)
		switch it.kind {
		case inLost:
			h.lost += it.lost
		case inEvents, inHeld:
			h.n += it.events()
		case inTask:
			it.task()
		}
	}
}

// events counts them.
func (it *inItem) events() (n int) {
	for range carrier.Frames(it.frames) {
		n++
	}
	return n
}

// tableOf has a route at each number.
func tableOf(routes ...*inRoute) *routeTable {
	t := &routeTable{}
	for i, ir := range routes {
		ir.number = uint32(i)
		t = t.add(ir)
	}
	return t
}

// eventsOf is an item of plain events of the routes of those numbers.
func eventsOf(t *routeTable, size int, numbers ...uint32) inItem {
	var frames []byte
	for _, n := range numbers {
		frames = appendEventFrame(frames, 0, n, make([]byte, size))
	}
	return inItem{kind: inEvents, routes: t, frames: frames}
}

func batchOf(items ...inItem) *inBatch {
	b := &inBatch{items: items}
	for _, it := range items {
		b.bytes += len(it.frames)
	}
	return b
}

// heldOf is n items of a held-back event each.
func heldOf(ir *inRoute, n int) (items []inItem) {
	for range n {
		items = append(items, inItem{kind: inHeld, route: ir, frames: appendEventFrame(nil, wire.FlagHeld, ir.number, make([]byte, 10))})
	}
	return items
}

// While a handler is stuck, the reader goes on pushing: memory stays bounded,
// tasks and held-back events stay, and every event is either handled or
// announced as lost, in its place.
func TestInQueueBehindAStuckHandler(t *testing.T) {
	var group sync.WaitGroup
	release := make(chan struct{})
	var h handled
	var told uint64
	q := inQueue{group: &group, bound: 64 << 10, maxTasks: 10, onLoss: func(n uint64) { told += n }, flood: func(int) { t.Error("flood") }}
	q.run = func(b *inBatch) { <-release; h.take(b) }

	a, b := &inRoute{}, &inRoute{}
	routes := tableOf(a, b)
	const rounds = 20_000
	tasks := 0
	for i := range rounds {
		n := uint32(i % 2)
		q.push(batchOf(eventsOf(routes, 100, n, n, n, n, n, n, n, n, n, n)))
		if i == rounds/2 {
			q.task(func() { tasks++ })
			q.push(batchOf(heldOf(a, 3)...))
		}
	}
	q.mu.Lock()
	require.LessOrEqual(t, q.bytes, q.bound, "P8: the buffer is bounded")
	require.Less(t, len(q.waiting()), 200, "losses of many batches are one entry per route")
	q.mu.Unlock()
	close(release)
	group.Wait()
	require.EqualValues(t, rounds*10+3, uint64(h.n)+h.lost, "P7: handled and lost add up")
	require.Equal(t, told, h.lost)
	require.Equal(t, 1, tasks)
	held, task := 0, -1
	for i, k := range h.kind {
		switch k {
		case inHeld:
			held++
			require.Greater(t, i, task)
		case inTask:
			task = i
		}
	}
	require.Equal(t, 3, held)
}

func TestInQueueDiscard(t *testing.T) {
	var group sync.WaitGroup
	var h handled
	stuck, release := make(chan struct{}), make(chan struct{})
	q := inQueue{group: &group, bound: 1 << 20, maxTasks: 10, onLoss: func(uint64) {}, flood: func(int) {}}
	q.run = func(b *inBatch) { h.take(b) }
	q.task(func() { close(stuck); <-release })
	<-stuck
	q.push(batchOf(eventsOf(tableOf(&inRoute{}), 10, 0, 0, 0, 0, 0)))
	q.task(func() {})
	q.discard()
	close(release)
	group.Wait()
	require.Equal(t, []inKind{inTask, inLost, inTask}, h.kind, "Close drops events, never an announcement")
	require.EqualValues(t, 5, h.lost)
}

func TestInBatchShedKeepsPlaces(t *testing.T) {
	a, b := &inRoute{}, &inRoute{}
	routes := tableOf(a, b)
	batch := &inBatch{items: []inItem{
		eventsOf(routes, 10, 0, 1),
		eventsOf(routes, 10, 0),
		{kind: inTask},
		eventsOf(routes, 10, 0),
		{kind: inLost, route: a, lost: 4, reason: sig.LossSlowPeer},
	}}
	require.EqualValues(t, 4, batch.shed())
	type short struct {
		kind   inKind
		route  *inRoute
		lost   uint64
		reason sig.LossReason
	}
	var got []short
	for _, it := range batch.items {
		got = append(got, short{it.kind, it.route, it.lost, it.reason})
	}
	require.Equal(t, []short{
		{inLost, a, 2, sig.LossInbound},
		{inLost, b, 1, sig.LossInbound},
		{inTask, nil, 0, 0},
		{inLost, a, 1, sig.LossInbound},
		{inLost, a, 4, sig.LossSlowPeer},
	}, got)
}

// What costs a few bytes on the way in costs no more here than its part of the
// bound, whatever kind it is and however many there are.
func TestInQueueCountsItems(t *testing.T) {
	a, b := &inRoute{}, &inRoute{}
	routes := tableOf(a, b)
	for _, row := range []struct {
		name  string
		items func(i int) []inItem
	}{
		{"events without a payload", func(int) []inItem { return []inItem{eventsOf(routes, 0, 0)} }},
		{"of two routes", func(int) []inItem {
			return []inItem{eventsOf(routes, 0, 0), eventsOf(routes, 0, 1)}
		}},
		{"losses", func(int) []inItem { return []inItem{{kind: inLost, route: a, lost: 1, reason: sig.LossSlowPeer}} }},
		{"losses of two routes for two reasons", func(i int) []inItem {
			return []inItem{
				{kind: inLost, route: a, lost: 1, reason: sig.LossSlowPeer},
				{kind: inLost, route: b, lost: 2, reason: sig.LossConnection},
				{kind: inLost, route: a, lost: 1, reason: sig.LossConnection},
			}
		}},
		{"losses of which nobody knows how many", func(i int) []inItem {
			return []inItem{{kind: inLost, route: a, reason: sig.LossSlowPeer}, {kind: inLost, route: a, lost: 1, reason: sig.LossSlowPeer}}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var group sync.WaitGroup
			stuck, release := make(chan struct{}), make(chan struct{})
			q := inQueue{group: &group, bound: 64 << 10, maxTasks: 10, onLoss: func(uint64) {}, flood: func(int) {}}
			var once sync.Once
			q.run = func(*inBatch) { once.Do(func() { close(stuck) }); <-release }
			q.push(&inBatch{items: row.items(0)})
			<-stuck
			for i := range 5000 {
				batch := &inBatch{}
				for range 20 {
					batch.items = append(batch.items, row.items(i)...)
				}
				q.push(batch)
			}
			q.mu.Lock()
			n := 0
			for _, b := range q.waiting() {
				n += len(b.items)
			}
			q.mu.Unlock()
			require.Less(t, n, 1000, "in 64 KiB")
			close(release)
			group.Wait()
		})
	}
}
