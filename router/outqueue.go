package router

import (
	"slices"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/wire"
)

// handOver is the size from which a batch becomes a segment of its own instead
// of being copied behind the last one.
const handOver = 16 << 10

// pinned is how much memory, in multiples of its own size, a segment may keep
// from being used again: what waits for a slow peer is bounded by its size (P8).
const pinned = 4

// segment is a batch waiting to be written.
type segment struct {
	buf   []byte
	plain int     // bytes of frames in buf that may be dropped
	mem   *buffer // where buf lies; nil: in memory that is not used again
	large bool    // there may be a frame in it that is to be cut
}

// outQueue is what waits to be written to one peer: segments in order, the
// oldest first. Its owner's lock guards it.
//
//	oldest                                  newest
//	[CONNECT EVENT EVENT] [EVENT PONG] [EVENT ....    ]
//	 written next                       grows at its end
//
// Over its bound it sheds EVENT frames, oldest first, and leaves a LOST frame in
// their place; control frames and held-back events always stay.
type outQueue struct {
	segs  []segment
	bytes int    // the lane's included
	taken uint64 // bytes that were taken to be written so far; what is shed is not among them
	plain int    // the same

	pieces  bool // the peer takes large frames in pieces
	cuts    bool // there may be some: takeCut
	piece   int  // bytes of one, about
	lane    *lane
	retired map[uint32]struct{} // routes whose sender has left since there may be something to cut
}

// control appends one frame that must not be dropped.
func (q *outQueue) control(frame []byte) {
	s := q.tail(len(frame) + carrier.FrameOverhead)
	s.buf = carrier.AppendFrame(s.buf, frame)
	q.bytes += len(frame) + carrier.FrameOverhead
}

// empty reports whether everything has been taken.
func (q *outQueue) empty() bool { return len(q.segs) == 0 && q.lane == nil }

// first puts one frame before all others: it is about the connection, not about
// anything that is queued.
func (q *outQueue) first(frame []byte) {
	q.segs = slices.Insert(q.segs, 0, segment{buf: carrier.AppendFrame(nil, frame)})
	q.bytes += len(frame) + carrier.FrameOverhead
}

// events copies a batch of frames behind the last one. plain says how many of
// its bytes may be dropped.
func (q *outQueue) events(batch []byte, plain int) *segment {
	s := q.tail(len(batch))
	s.buf = append(s.buf, batch...)
	s.plain += plain
	q.bytes += len(batch)
	q.plain += plain
	return s
}

// adopt queues a segment without copying; its memory is freed once it is
// written.
func (q *outQueue) adopt(seg segment) {
	q.segs = append(q.segs, seg)
	q.bytes += len(seg.buf)
	q.plain += seg.plain
	if seg.large {
		q.mark(&q.segs[len(q.segs)-1], len(seg.buf))
	}
}

// tail returns a segment with room for n more bytes.
func (q *outQueue) tail(n int) *segment {
	if len(q.segs) > 0 {
		s := &q.segs[len(q.segs)-1]
		if cap(s.buf)-len(s.buf) >= n {
			return s
		}
	}
	if len(q.segs) > 0 {
		n = max(n, mediumBuffer) // the connection is busy
	}
	mem := newBuffer(n)
	q.segs = append(q.segs, segment{buf: mem.bytes[:0], mem: mem})
	return &q.segs[len(q.segs)-1]
}

// take moves about limit bytes, at least one frame, to dst.
func (q *outQueue) take(dst []segment, limit int) []segment {
	n, size := 0, 0
	for n < len(q.segs) && (n == 0 || size+len(q.segs[n].buf) <= limit) {
		if n == 0 {
			q.split(limit)
		}
		size += len(q.segs[n].buf)
		q.plain -= q.segs[n].plain
		n++
	}
	q.bytes -= size
	dst = append(dst, q.segs[:n]...)
	rest := copy(q.segs, q.segs[n:])
	clear(q.segs[rest:])
	q.segs = q.segs[:rest]
	return dst
}

// split makes two of the first segment if it is longer than limit.
func (q *outQueue) split(limit int) {
	s := &q.segs[0]
	if len(s.buf) <= limit {
		return
	}
	at, plain := 0, 0
	for end := carrier.FrameEnd(s.buf, 0); end > 0 && (at == 0 || end <= limit); end = carrier.FrameEnd(s.buf, end) {
		if t, flags := wire.TypeOf(s.buf[at+carrier.FrameOverhead : end]); s.plain > 0 && droppable(t, flags) {
			plain += end - at
		}
		at = end
	}
	if at == len(s.buf) {
		return
	}
	rest := segment{buf: s.buf[at:], plain: s.plain - plain, mem: s.mem, large: s.large}
	if rest.mem != nil {
		rest.mem.hold()
	}
	s.buf, s.plain = s.buf[:at:at], plain
	q.segs = slices.Insert(q.segs, 1, rest)
}

// shed drops EVENT frames, oldest first, until at most bound bytes remain or
// nothing more may be dropped. It returns how many events went.
func (q *outQueue) shed(bound int) (lost uint64) {
	if q.plain == 0 {
		return 0
	}
	lost = q.shedLane(bound)
	for i := 0; i < len(q.segs) && q.bytes > bound && q.plain > 0; i++ {
		s := &q.segs[i]
		if s.plain == 0 {
			continue
		}
		kept, n := withoutEvents(s.buf)
		lost += n
		q.bytes += len(kept) - len(s.buf)
		q.plain -= s.plain
		s.mem.free()
		*s = segment{buf: kept, large: s.large && len(kept) > cutFrom}
		if i > 0 && q.join(i-1) {
			i--
		}
	}
	return lost
}

// joinSmall is the size up to which neighbours that were shed become one.
const joinSmall = 8 << 10

// join puts what shed left of a segment behind the one before, so that a peer
// that never reads costs bytes for each route and not for each segment. Large
// ones stay as they are: joining must not cost more than shedding.
func (q *outQueue) join(i int) bool {
	a, b := &q.segs[i], &q.segs[i+1]
	if a.plain > 0 || b.plain > 0 || a.large || b.large || len(a.buf)+len(b.buf) > joinSmall {
		return false
	}
	joined := sumLost(append(a.buf[:len(a.buf):len(a.buf)], b.buf...))
	q.bytes += len(joined) - len(a.buf) - len(b.buf)
	a.buf = joined
	copy(q.segs[i+1:], q.segs[i+2:])
	q.segs[len(q.segs)-1] = segment{}
	q.segs = q.segs[:len(q.segs)-1]
	return true
}

// withoutEvents copies a batch without its droppable events. Before each kept
// frame stand the LOST frames of what was dropped since the one before.
func withoutEvents(batch []byte) (kept []byte, lost uint64) {
	var tally lossTally
	for len(batch) > 0 {
		frame, rest, err := carrier.Next(batch)
		if err != nil {
			break // we wrote it ourselves: whole frames only
		}
		batch = rest
		t, flags := wire.TypeOf(frame)
		if t == wire.TypeNumbered && droppable(t, flags) {
			lost++ // the number of the next one tells
			continue
		}
		if droppable(t, flags) {
			if _, route, _, err := wire.ParseEvent(frame); err == nil {
				tally.add(route, 1, lossSlowPeer)
				lost++
			}
			continue
		}
		kept = tally.flush(kept)
		kept = carrier.AppendFrame(kept, frame)
	}
	return tally.flush(kept), lost
}

// droppable reports whether a frame is an event that nobody holds back.
func droppable(t wire.Type, flags wire.Flags) bool {
	return (t == wire.TypeEvent || t == wire.TypeNumbered) && flags&wire.FlagHeld == 0
}

// sumLost rewrites a batch so that LOST frames of one route and reason that
// have no other frame between them become one.
func sumLost(batch []byte) []byte {
	out := make([]byte, 0, len(batch))
	var tally lossTally
	for len(batch) > 0 {
		frame, rest, err := carrier.Next(batch)
		if err != nil {
			break
		}
		batch = rest
		var l wire.Lost
		if t, _ := wire.TypeOf(frame); t == wire.TypeLost && l.Decode(frame) == nil && l.Count > 0 {
			tally.add(l.Route, l.Count, l.Reason)
			continue
		}
		out = tally.flush(out)
		out = carrier.AppendFrame(out, frame)
	}
	return tally.flush(out)
}

// lossTally counts lost events by route, in the order in which the routes
// first lost one.
type lossTally struct {
	lost  []wire.Lost
	last  int             // of lost: the one that was added to last
	index map[lossKey]int // of lost, once they are many
}

type lossKey struct {
	route  uint32
	reason uint8
}

// fewLost is up to how many are looked through one by one.
const fewLost = 8

func (t *lossTally) add(route uint32, n uint64, reason uint8) {
	if t.last >= len(t.lost) || t.lost[t.last].Route != route || t.lost[t.last].Reason != reason { // as a rule it is the same again
		t.last = t.find(lossKey{route, reason})
	}
	t.lost[t.last].Count += n
}

// find returns where a route is in lost, and puts it there if it is not.
func (t *lossTally) find(key lossKey) int {
	if len(t.lost) > fewLost {
		if i, ok := t.index[key]; ok {
			return i
		}
	} else if i := slices.IndexFunc(t.lost, func(l wire.Lost) bool { return lossKey{l.Route, l.Reason} == key }); i >= 0 {
		return i
	}
	t.lost = append(t.lost, wire.Lost{Route: key.route, Reason: key.reason})
	switch n := len(t.lost); {
	case n > fewLost+1:
		t.index[key] = n - 1
	case n == fewLost+1:
		t.index = make(map[lossKey]int)
		for i, l := range t.lost {
			t.index[lossKey{l.Route, l.Reason}] = i
		}
	}
	return len(t.lost) - 1
}

// flush appends the LOST frames to a batch and starts anew.
func (t *lossTally) flush(batch []byte) []byte {
	var scratch [32]byte
	for i := range t.lost {
		batch = carrier.AppendFrame(batch, t.lost[i].Append(scratch[:0]))
	}
	t.lost = t.lost[:0]
	return batch
}
