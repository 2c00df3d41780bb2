package router

import (
	"bytes"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// offlineBuffer keeps what is emitted while a client has no connection, up to a
// bound; the oldest goes first, and is announced in its place when the rest is
// delivered. The link's lock guards it.
type offlineBuffer struct {
	bound int // payload bytes
	bytes int
	items []offlineItem
}

// offlineItem is one event, encoded in the client's preferred codec, or a note
// of how many were dropped where it stands.
type offlineItem struct {
	or      *outRoute
	payload []byte
	codec   codec.Codec
	seq     uint64 // of the event, or of the first that was dropped
	dropped uint64 // 0: an event
	held    bool   // held back by its emitter, somewhere behind: never dropped
}

// itemOverhead is what an event costs beyond its payload.
const itemOverhead = 96

func (b *offlineBuffer) add(it offlineItem) (dropped uint64) {
	b.items = append(b.items, it)
	if it.held { // credit bounds these
		it.or.holdLocked(len(it.payload))
		return 0
	}
	b.bytes += len(it.payload) + itemOverhead
	if b.bytes <= b.bound {
		return 0
	}
	return b.shed()
}

// shed drops events, oldest first, down to three quarters of the bound. A route
// has one note for all that it has lost between two events that are kept.
func (b *offlineBuffer) shed() (dropped uint64) {
	notes := make(map[*outRoute]int) // where the latest item kept of a route is, if that is a note
	kept := b.items[:0]
	for _, it := range b.items {
		switch {
		case it.dropped > 0:
		case it.held || b.bytes <= b.bound*3/4:
			kept = append(kept, it)
			delete(notes, it.or)
			continue
		default:
			b.bytes -= len(it.payload) + itemOverhead
			dropped++
			it = offlineItem{or: it.or, seq: it.seq, dropped: 1}
		}
		if i, ok := notes[it.or]; ok {
			kept[i].dropped += it.dropped
			continue
		}
		notes[it.or] = len(kept)
		kept = append(kept, it)
	}
	clear(b.items[len(kept):])
	b.items = kept
	return dropped
}

// has reports whether anything of the sender waits.
func (b *offlineBuffer) has(a *announced) bool {
	for i := range b.items {
		if b.items[i].or.of == a {
			return true
		}
	}
	return false
}

// count is how many events wait, and how many were dropped.
func (b *offlineBuffer) count() (n uint64) {
	for i := range b.items {
		n += max(b.items[i].dropped, 1)
	}
	return n
}

// empty lets go of everything and returns it by sender, in order.
func (b *offlineBuffer) empty() map[*announced][]offlineItem {
	items := make(map[*announced][]offlineItem)
	for _, it := range b.items {
		items[it.or.of] = append(items[it.or.of], it)
	}
	b.items, b.bytes = nil, 0
	return items
}

// pushOffline keeps or refuses an event, as the client was told to.
func (or *outRoute) pushOffline(em *sig.Emission) error {
	l := or.link
	if em.Reserved() {
		or.Release()
	}
	if l.role == wire.RoleServer {
		return nil // the peer is gone for good: its #disconnect says so
	}
	if l.refuse {
		or.miss(em)
		return sig.NewError(sig.CodeNotConnected, "the router cannot be reached, and what is emitted meanwhile is refused")
	}
	c := l.codecs[0]
	payload, err := em.Encode(c.ID(), c.Append)
	if err != nil {
		or.miss(em)
		return err
	}
	or.keep(offlineItem{or: or, payload: bytes.Clone(payload), codec: c, seq: em.Seq(), held: em.Held()}, true)
	return nil
}

// miss counts an event of this process that is not kept: subscribers over there
// find out by the number of the next one.
func (or *outRoute) miss(em *sig.Emission) {
	or.link.mu.Lock()
	defer or.link.mu.Unlock()
	if or.gone || or.late(em.Seq()) {
		return
	}
	or.number++
	or.started.Store(nil)
	or.tellLocked(or.number + 1) // there may be a connection again this moment
}

// keep puts an event into the offline buffer.
func (or *outRoute) keep(it offlineItem, ours bool) {
	l := or.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if or.gone || l.closed {
		return
	}
	if !ours && or.awaitsOwner() {
		return
	}
	if ours {
		if or.late(it.seq) {
			return
		}
		or.number++
		it.seq = or.number
	}
	if l.sess != nil { // back this moment
		l.sess.keptLocked(it)
		return
	}
	if n := l.offline.add(it); n > 0 {
		l.stats.lost(sig.LossOffline, n)
		l.stats.hit(l.log, LimitOffline, "lost", n)
	}
}

// encoded returns a payload in the session's codec.
func (s *session) encoded(payload []byte, from codec.Codec) ([]byte, error) {
	if from.ID() == s.codec.ID() {
		return payload, nil
	}
	return codec.Transcode(nil, from, s.codec, payload)
}

// flushOfflineLocked sends what was kept of one sender, in the order of
// emission, and what was dropped in its place. It returns the number that the
// peer expects next of each route.
func (s *session) flushOfflineLocked(items []offlineItem) (next map[*outRoute]uint64) {
	next = make(map[*outRoute]uint64)
	for _, it := range items {
		if it.seq != next[it.or] {
			it.or.started.Store(nil) // a hole: the peer is told the number
		}
		if it.dropped == 0 {
			s.keptLocked(it)
			next[it.or] = it.seq + 1
			continue
		}
		s.startRouteLocked(it.or, it.seq)
		s.controlLocked(wire.Lost{Route: it.or.id, Count: it.dropped, Reason: uint8(sig.LossOffline)}.Append(nil))
		next[it.or] = it.seq + it.dropped
	}
	return next
}

// keptLocked sends one event that was kept.
func (s *session) keptLocked(it offlineItem) {
	if !it.or.of.known.Load() {
		return // too large to be announced there, which was logged
	}
	s.startRouteLocked(it.or, it.seq)
	data, err := s.encoded(it.payload, it.codec)
	if err != nil || len(data)+eventOverhead > s.maxFrame {
		s.controlLocked(wire.Lost{Route: it.or.id, Count: 1, Reason: uint8(sig.LossBadPayload)}.Append(nil))
		s.link.stats.lost(sig.LossBadPayload, 1)
		return
	}
	s.emitLocked(it.or, it.held && s.features&wire.FeatureHeld != 0, it.seq, data)
	s.kickLocked()
}
