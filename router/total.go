package router

import "sync/atomic"

// reserve is the memory for what waits for all peers of a router together
// (Limits.OutboundTotal). Connections take part in steps, so that one with little
// waiting costs nothing, and a busy one a few nanoseconds in each step.
type reserve struct {
	bound   int64
	used    atomic.Int64
	holders atomic.Int64 // connections that use some
}

// reserveStep is how much a connection may have waiting unnoticed, and how far
// what the reserve knows of it may be off.
const reserveStep = mediumBuffer

// settleLocked has the reserve know what waits for the peer. If all peers
// together have too much, it returns the equal part of each. Call it with the
// link's lock held.
func (s *session) settleLocked() (part int, over bool) {
	now, before := int64(s.out.bytes), s.reserved
	if now < before+reserveStep && now > before-reserveStep {
		return 0, false
	}
	r := &s.link.stats.reserve
	if now < reserveStep {
		now = 0
	}
	s.reserved = now
	switch {
	case before == 0 && now > 0:
		r.holders.Add(1)
	case before > 0 && now == 0:
		r.holders.Add(-1)
	}
	r.used.Add(now - before)
	if now < before {
		return 0, false
	}
	return r.part()
}

// part is the equal part of each connection, if all together have too much.
func (r *reserve) part() (part int, over bool) {
	if r.bound == 0 || r.used.Load() <= r.bound {
		return 0, false
	}
	return int(r.bound / max(r.holders.Load(), 1)), true
}

// unreserveLocked gives everything back: the connection has ended.
func (s *session) unreserveLocked() {
	if s.reserved == 0 {
		return
	}
	r := &s.link.stats.reserve
	r.used.Add(-s.reserved)
	r.holders.Add(-1)
	s.reserved = 0
}
