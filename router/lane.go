package router

import (
	"encoding/binary"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/wire"
)

// lane is what waits to be written in pieces, so that it does not hold up the
// others, and what must not overtake it (protocol.md §10.5):
//
//	queue:  [temp] [camera's next] [SYNC] [PING]      newest last
//	lane:   [camera 1 MiB ......]                     cut: written as far as at
//	                  written: [piece] [temp] [PING] [piece] ...
//
// There is one only while a line is too slow for what is large: what the queue
// hands to the writer is looked at then, frame by frame. The link's lock guards
// it.
type lane struct {
	outQueue
	cut     segment // the frame of which pieces are written; no buf: none
	at      int     // how much of it is
	senders map[uint32]struct{}
	left    bool // a DISCONNECT waits here: the next CONNECT may need its name or its numbers
	asks    bool // a REQUEST does
}

const (
	// cutFrom is the size from which on a frame may be cut.
	cutFrom = 4 << 10
	// firstPiece is how much of a lane goes into the first write; then pieces
	// grow while a write takes less than quickWrite, and shrink when it takes more
	// than slowWrite, between minPiece and maxPiece.
	firstPiece = 16 << 10
	minPiece   = 1 << 10
	maxPiece   = 256 << 10
	quickWrite = 2 * time.Millisecond
	slowWrite  = 8 * time.Millisecond
)

// mark notes that a segment of the queue has got a frame of n bytes.
func (q *outQueue) mark(s *segment, n int) {
	if n > cutFrom && q.pieces {
		s.large, q.cuts = true, true
		if q.piece == 0 {
			q.piece = firstPiece
		}
	}
}

// pace chooses the size of pieces by how long a write of so many bytes took.
func (q *outQueue) pace(size int, took time.Duration) {
	switch {
	case took > slowWrite:
		q.piece = max(q.piece/2, minPiece)
	case took < quickWrite && size >= q.piece/2:
		q.piece = min(q.piece*2, maxPiece)
	}
}

// gone notes that a sender has left of which frames may wait here: its numbers may
// soon be another's.
func (q *outQueue) gone(a *announced) {
	if !q.cuts {
		return
	}
	for _, or := range a.routes {
		put(&q.retired, or.id, struct{}{})
	}
}

// takeCut is take where something may have to be cut: about limit bytes of the
// queue, and behind them as much of the lane as pieces are large.
func (q *outQueue) takeCut(dst []segment, limit int, l *link) []segment {
	limit = min(limit, q.piece)
	for room, seen := limit, 0; len(q.segs) > 0 && room > 0 && seen < maxSeen; {
		seen += len(q.segs[0].buf)
		if s := &q.segs[0]; q.lane != nil || s.large && len(s.buf) > q.piece {
			var n int
			dst, n = q.sift(dst, room, l)
			room -= n
			continue
		}
		q.split(room)
		s := q.pop()
		q.bytes -= len(s.buf)
		q.plain -= s.plain
		dst = append(dst, s)
		room -= len(s.buf)
	}
	if q.lane != nil {
		dst = q.lane.pour(dst, q)
	}
	if len(q.segs) == 0 && q.lane == nil {
		q.cuts, q.retired = false, nil
	}
	return dst
}

// maxSeen is how many bytes of a queue are looked at for one write: the lock is
// held meanwhile.
const maxSeen = 256 << 10

// pop takes the first segment from the list.
func (q *outQueue) pop() segment {
	s := q.segs[0]
	rest := copy(q.segs, q.segs[1:])
	q.segs[rest] = segment{}
	q.segs = q.segs[:rest]
	return s
}

// sift goes through the first segment, to its end or until it has taken room
// bytes. What has to wait goes into the lane.
func (q *outQueue) sift(dst []segment, room int, l *link) (_ []segment, taken int) {
	s := q.segs[0]
	from, at, plain := 0, 0, 0
	take := func() {
		if at > from {
			part := segment{buf: s.buf[from:at:at], mem: s.mem}
			if part.mem != nil {
				part.mem.hold()
			}
			dst = append(dst, part)
			taken += at - from
			q.bytes -= at - from
			q.plain -= plain
			s.plain -= plain
		}
		from, plain = at, 0
	}
	for at < len(s.buf) && taken+at-from < room {
		end := carrier.FrameEnd(s.buf, at)
		frame := s.buf[at+carrier.FrameOverhead : end]
		t, flags := wire.TypeOf(frame)
		size := 0
		if droppable(t, flags) {
			size = end - at
		}
		if !q.waits(t, flags, frame, l) {
			at, plain = end, plain+size
			continue
		}
		take()
		q.lane.enter(s.buf[at:end:end], size, s.mem)
		s.plain -= size
		from, at = end, end
	}
	take()
	if at < len(s.buf) {
		s.buf = s.buf[at:]
		q.segs[0] = s
		return dst, taken
	}
	q.pop()
	s.mem.free()
	return dst, taken
}

// waits reports whether a frame has to go into the lane, because it is large or
// must not overtake what is there.
func (q *outQueue) waits(t wire.Type, flags wire.Flags, frame []byte, l *link) bool {
	number, known := q.ownerOf(t, frame, l)
	payload := t == wire.TypeEvent || t == wire.TypeNumbered || t == wire.TypeRequest || t == wire.TypeReply
	if waits := payload && len(frame) > q.piece || q.lane.behind(t, flags, number, known); !waits {
		return false
	}
	if q.lane == nil {
		q.lane = &lane{senders: make(map[uint32]struct{})}
	}
	switch t {
	case wire.TypeDisconnect:
		q.lane.left = true
	case wire.TypeRequest:
		q.lane.asks = true
	}
	if known {
		q.lane.senders[number] = struct{}{}
	}
	return true
}

// ownerOf returns the number of the sender of which a frame says something.
func (q *outQueue) ownerOf(t wire.Type, frame []byte, l *link) (number uint32, known bool) {
	if t == wire.TypeConnect {
		var e wire.Connect
		return e.Sender, e.Decode(frame) == nil
	}
	route, ok := routeOf(t, frame)
	or := l.byRoute[route]
	if _, left := q.retired[route]; left || or == nil || !ok {
		return 0, false
	}
	return or.of.info.number, true
}

// behind reports whether a frame must not overtake what is in the lane. known
// tells that it is about the sender with the number.
func (b *lane) behind(t wire.Type, flags wire.Flags, number uint32, known bool) bool {
	if b == nil {
		return false
	}
	switch t {
	case wire.TypeEvent, wire.TypeNumbered, wire.TypeLost, wire.TypeRoute:
		_, waits := b.senders[number]
		return waits || !known
	case wire.TypeConnect, wire.TypeLossy: // the latter belongs to the next CONNECT
		return b.left
	case wire.TypeDisconnect:
		return flags&wire.FlagYours == 0
	case wire.TypeSync, wire.TypeSynced, wire.TypeNodes, wire.TypeGoodbye:
		return true
	case wire.TypeCancel:
		return b.asks
	}
	return false
}

// enter queues one frame, with its length. A large one stays where it lies.
func (b *lane) enter(frame []byte, plain int, mem *buffer) {
	if len(frame)-carrier.FrameOverhead <= cutFrom {
		b.events(frame, plain)
		return
	}
	if mem != nil {
		mem.hold()
	}
	b.adopt(segment{buf: frame, plain: plain, mem: mem, large: true})
}

// pour moves about as much to dst as a piece may have, in pieces if need be, and
// ends the lane if nothing is left.
func (b *lane) pour(dst []segment, q *outQueue) []segment {
	for room := q.piece; room > 0; {
		switch {
		case len(b.cut.buf) > 0:
			n := min(room, len(b.cut.buf)-b.at)
			dst = append(dst, b.next(n))
			q.bytes -= n
			room -= n
		case len(b.segs) == 0:
			q.lane = nil
			return dst
		case b.segs[0].large && len(b.segs[0].buf) > room:
			b.cut, b.at = b.front(len(b.segs[0].buf), q), carrier.FrameOverhead
			q.bytes -= carrier.FrameOverhead
		default:
			s := b.front(room, q)
			dst = append(dst, s)
			q.bytes -= len(s.buf)
			room -= len(s.buf)
		}
	}
	return dst
}

// front takes the first frames, about room bytes of them, out of the lane. In the
// queue's account they stay until they are handed out.
func (b *lane) front(room int, q *outQueue) segment {
	s := &b.segs[0]
	if len(s.buf) > room && !s.large {
		return b.part(room, q)
	}
	b.bytes -= len(s.buf)
	b.plain -= s.plain
	q.plain -= s.plain
	return b.pop()
}

// part is front for a segment of which not all is taken.
func (b *lane) part(room int, q *outQueue) segment {
	s := &b.segs[0]
	at, plain := 0, 0
	for at == 0 || at < room && at < len(s.buf) {
		end := carrier.FrameEnd(s.buf, at)
		if t, flags := wire.TypeOf(s.buf[at+carrier.FrameOverhead:]); droppable(t, flags) {
			plain += end - at
		}
		at = end
	}
	part := segment{buf: s.buf[:at:at], mem: s.mem}
	if part.mem != nil {
		part.mem.hold()
	}
	s.buf = s.buf[at:]
	s.plain -= plain
	b.bytes -= at
	b.plain -= plain
	q.plain -= plain
	if len(s.buf) == 0 {
		b.pop().mem.free()
	}
	return part
}

// next is a FRAGMENT with the next n bytes of what is being cut.
func (b *lane) next(n int) segment {
	more := b.at+n < len(b.cut.buf)
	mem := newBuffer(n + carrier.FrameOverhead + 1)
	buf := binary.BigEndian.AppendUint32(mem.bytes[:0], uint32(n+1))
	buf = append(wire.AppendFragmentHeader(buf, more), b.cut.buf[b.at:b.at+n]...)
	b.at += n
	if !more {
		b.cut.mem.free()
		b.cut = segment{}
	}
	return segment{buf: buf, mem: mem}
}

// shedLane drops what may be dropped of the lane, until the queue has at most
// bound bytes. Of what is in pieces already, none is.
func (q *outQueue) shedLane(bound int) (lost uint64) {
	b := q.lane
	if b == nil {
		return 0
	}
	bytes, plain := b.bytes, b.plain
	lost = b.shed(max(bound-(q.bytes-bytes), 0))
	q.bytes += b.bytes - bytes
	q.plain += b.plain - plain
	return lost
}
