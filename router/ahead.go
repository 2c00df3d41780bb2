package router

import (
	"encoding/binary"

	"github.com/gosig/gosig/carrier"
)

// header is how the EVENT frames of one route begin, type, flags and number, as
// the lowest bytes of a word: what follows an event is most often another of its
// route, which one comparison tells.
type header struct {
	word, mask uint64
	size       int // in bytes; 0: it has none
}

// headerRoom is how many bytes of a frame are looked at, behind its length.
const headerRoom = 8

// headerOf returns the header of size bytes that the frame at batch[at:] has. It
// has none where the batch ends too early.
func headerOf(batch []byte, at, size int) header {
	if len(batch)-at < carrier.FrameOverhead+headerRoom || size >= headerRoom {
		return header{}
	}
	mask := uint64(1)<<(8*size) - 1
	return header{binary.LittleEndian.Uint64(batch[at+carrier.FrameOverhead:]) & mask, mask, size}
}

// mayFollow reports whether the frame behind that of an event may have the same
// header, as far as the first byte of the route tells.
func mayFollow(batch []byte, at, end int) bool {
	const route = carrier.FrameOverhead + 1
	return end+route < len(batch) && batch[end+route] == batch[at+route]
}

// end returns where the frame at batch[at:] ends if it begins like this, and 0
// otherwise, also if that has to be looked at more closely.
func (h header) end(batch []byte, at int) int {
	if h.size == 0 || len(batch)-at < carrier.FrameOverhead+headerRoom ||
		binary.LittleEndian.Uint64(batch[at+carrier.FrameOverhead:])&h.mask != h.word {
		return 0
	}
	end := carrier.FrameEnd(batch, at)
	if end-at-carrier.FrameOverhead < h.size {
		return 0
	}
	return end
}

// ahead takes in the events that follow one of a route and are of the same, where
// they need no more than to go the same way. h is the header of that one, which
// ended at the position given; it returns where the last of them ends.
func (s *session) ahead(ir *inRoute, h header, batch []byte, at int) int {
	end := h.end(batch, at)
	if end == 0 {
		return at
	}
	running := s.run.outs != nil && s.run.of == ir && s.run.end == at
	if ir.stretch != s.stretch || !running && (len(ir.passing) > 0 || !ir.local || s.localEnd != at) {
		return at
	}
	var head uint64 // for the peers
	for i := len(ir.head) - 1; i >= 0; i-- {
		head = head<<8 | uint64(ir.head[i])
	}
	n, start := 0, at
	for ; end > 0; end = h.end(batch, at) {
		if running && end-at-carrier.FrameOverhead > ir.least || ir.lapsed.Load() {
			break
		}
		if running && head != h.word {
			b := batch[at+carrier.FrameOverhead:]
			binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)&^h.mask|head)
		}
		n++
		at = end
	}
	ir.next += uint64(n)
	s.arrived += uint64(n)
	switch {
	case running:
		s.run.end = at
		s.run.events += n
	case n > 0:
		b := s.local
		it := &b.items[len(b.items)-1]
		it.frames = it.frames[:len(it.frames)+at-start]
		b.bytes += at - start
		s.localEnd = at
	}
	return at
}
