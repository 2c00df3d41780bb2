package router

import (
	"bytes"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// offlineBuffer keeps what is emitted while a client has no connection, up to a
// bound; the oldest goes first, and is announced when the rest is delivered.
// The link's lock guards it.
type offlineBuffer struct {
	bound int // payload bytes
	bytes int
	items []offlineItem
	lost  map[*outRoute]offlineLoss
}

// offlineItem is one event, encoded in the client's preferred codec.
type offlineItem struct {
	or      *outRoute
	payload []byte
	codec   codec.Codec
	seq     uint64
	held    bool // held back by its emitter, somewhere behind: never dropped
}

// itemOverhead is what an event costs beyond its payload.
const itemOverhead = 96

// offlineLoss is what was dropped of a route: count events, from number first.
type offlineLoss struct{ first, count uint64 }

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
	kept := b.items[:0]
	for _, old := range b.items {
		if old.held || b.bytes <= b.bound*3/4 {
			kept = append(kept, old)
			continue
		}
		b.bytes -= len(old.payload) + itemOverhead
		b.drop(old)
		dropped++
	}
	clear(b.items[len(kept):])
	b.items = kept
	return dropped
}

func (b *offlineBuffer) drop(it offlineItem) {
	if b.lost == nil {
		b.lost = make(map[*outRoute]offlineLoss)
	}
	l := b.lost[it.or]
	if l.count == 0 {
		l.first = it.seq
	}
	l.count++
	b.lost[it.or] = l
}

// has reports whether anything of the sender waits.
func (b *offlineBuffer) has(a *announced) bool {
	for or := range b.lost {
		if or.of == a {
			return true
		}
	}
	for i := range b.items {
		if b.items[i].or.of == a {
			return true
		}
	}
	return false
}

// empty lets go of everything and returns the events by sender, in order.
func (b *offlineBuffer) empty() (items map[*announced][]offlineItem, lost map[*outRoute]offlineLoss) {
	items = make(map[*announced][]offlineItem)
	for _, it := range b.items {
		items[it.or.of] = append(items[it.or.of], it)
	}
	lost = b.lost
	b.items, b.lost, b.bytes = nil, nil, 0
	return items, lost
}

// pushOffline keeps or refuses an event, as the client was told to.
func (or *outRoute) pushOffline(em *sig.Emission) error {
	l := or.link
	if em.Held() {
		or.Release()
	}
	if l.role == wire.RoleServer {
		return nil // the peer is gone for good: its #disconnect says so
	}
	if l.refuse {
		l.mu.Lock()
		or.countLocked(em.Seq()) // subscribers over there miss it
		l.mu.Unlock()
		return sig.NewError(sig.CodeNotConnected, "the router cannot be reached, and what is emitted meanwhile is refused")
	}
	c := l.codecs[0]
	payload, err := em.Encode(c.ID(), c.Append)
	if err != nil {
		return err
	}
	or.keep(offlineItem{or: or, payload: bytes.Clone(payload), codec: c, seq: em.Seq()}, true)
	return nil
}

// keep puts an event into the offline buffer.
func (or *outRoute) keep(it offlineItem, ours bool) {
	l := or.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if or.gone || l.closed {
		return
	}
	if ours {
		it.seq = or.countLocked(it.seq)
	}
	if l.sess != nil { // back this moment
		l.sess.keptLocked(it)
		return
	}
	if n := l.offline.add(it); n > 0 {
		l.stats.lost(sig.LossOffline, n)
	}
}

// encoded returns a payload in the session's codec.
func (s *session) encoded(payload []byte, from codec.Codec) ([]byte, error) {
	if from.ID() == s.codec.ID() {
		return payload, nil
	}
	return codec.Transcode(nil, from, s.codec, payload)
}

// flushOfflineLocked sends what was kept of one sender: what was dropped of
// each route, then the events in the order of emission.
func (s *session) flushOfflineLocked(a *announced, items []offlineItem, lost map[*outRoute]offlineLoss) {
	for _, or := range a.routes {
		if gap := lost[or]; gap.count > 0 {
			s.startRouteLocked(or, gap.first)
			s.controlLocked(wire.Lost{Route: or.id, Count: gap.count, Reason: uint8(sig.LossOffline)}.Append(nil))
		}
	}
	next := make(map[*outRoute]uint64)
	for _, it := range items {
		if it.seq != next[it.or] {
			it.or.started.Store(nil) // a hole: the peer is told the number
		}
		s.keptLocked(it)
		next[it.or] = it.seq + 1
	}
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
	s.eventLocked(it.or, it.held && s.features&wire.FeatureHeld != 0, data)
}
