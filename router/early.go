package router

import (
	"bytes"

	"github.com/gosig/gosig/wire"
)

// Until the server has answered a sender's CONNECT, a client does not know which of
// its events are wanted, and takes all of them as wanted (protocol.md §7.3). Over a
// slow line that would let through what nobody has asked for. There they wait here,
// for as long as the answer takes:
//
//	CONNECT -->                  EVENT a, EVENT a -->
//	emit a, emit b, emit a       <-- CONNECTED: a is wanted
//	(kept)
//
// What is of the sender's own doing does not wait for the answer: when it leaves, holds
// an event back, or the connection ends in order, all of it goes before that.

// early is what one sender has emitted before the answer. The link's lock guards it.
type early struct {
	waits bool
	bytes int
	items []offlineItem
}

const (
	// slowRate is how many bytes a second a slow line carries at most.
	slowRate = 64 << 10
	// earlyBound is how many bytes wait for one answer; with more, all of it goes.
	earlyBound = 32 << 10
)

// awaitAnswerLocked begins to keep what a sender emits that has just been announced.
func (s *session) awaitAnswerLocked(a *announced) {
	rate := s.conn.Traits().Rate
	a.early = early{waits: s.link.role == wire.RoleClient && rate > 0 && rate <= slowRate}
}

// keepEarlyLocked keeps an event if its sender waits for an answer. It reports false if
// the event is to be sent.
func (s *session) keepEarlyLocked(or *outRoute, held bool, payload []byte) bool {
	a := or.of
	if !a.early.waits {
		return false
	}
	a.early.bytes += len(payload) + itemOverhead
	if held || a.early.bytes > earlyBound {
		s.sendEarlyLocked(a, nil)
		return false
	}
	a.early.items = append(a.early.items, offlineItem{or: or, payload: bytes.Clone(payload), codec: s.codec, seq: or.number})
	return true
}

// sendEarlyLocked sends what was kept of a sender, of those of its events alone that are
// wanted, by their indexes; nil: of all.
func (s *session) sendEarlyLocked(a *announced, want []bool) {
	items := a.early.items
	a.early = early{}
	for _, it := range items {
		if want == nil || want[it.or.rt.Index()] {
			s.keptLocked(it)
		}
	}
}

// sendAllEarly sends what was kept of all senders.
func (s *session) sendAllEarly() {
	l := s.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sess != s {
		return
	}
	for _, a := range l.inOrder() {
		s.sendEarlyLocked(a, nil)
	}
}
