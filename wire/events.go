package wire

import (
	"encoding/binary"
	"math"
)

// Route sets the count of a route: its next event is the Seq-th that the
// sender emitted on it in this life.
//
//	+----+-------+-----+    +----+-------+-----+------+
//	|0x0d| route | seq |    |0x2d| route | seq | turn |
//	+----+-------+-----+    +----+-------+-----+------+
//
// With 0x40, a period follows at the end.
type Route struct {
	Route  uint32
	Seq    uint64 // from 1
	Begin  bool   // the receiver begins to get the route: what came before was not meant for it
	Turn   uint32 // if Begin: of the WANT that it answers; 0: of none
	Period uint32 // not 0: from here on the events are NUMBERED, of this period; needs FeatureLossyInterest
}

// Append appends the envelope to dst.
func (e Route) Append(dst []byte) []byte {
	dst = appendHead(dst, TypeRoute, FlagBegin, e.Begin)
	if e.Period != 0 {
		dst[len(dst)-1] |= byte(FlagPeriod)
	}
	dst = appendUint(appendUint(dst, uint64(e.Route)), e.Seq)
	if e.Begin {
		dst = appendUint(dst, uint64(e.Turn))
	}
	if e.Period != 0 {
		dst = appendUint(dst, uint64(e.Period))
	}
	return dst
}

// Decode reads the envelope from frame.
func (e *Route) Decode(frame []byte) error {
	r := open(frame, TypeRoute)
	*e = Route{Route: r.uint32("route"), Seq: r.uvarint("seq"), Begin: r.f&FlagBegin != 0}
	if e.Begin {
		e.Turn = r.uint32("turn")
	}
	e.Period = r.period()
	if e.Seq == 0 {
		r.fail(CodeProtocol, "seq", "zero, numbering begins at 1")
	}
	return r.done()
}

// AppendEvent appends an EVENT to dst. Flags is 0 or [FlagHeld].
//
//	+---------+-------+----------------+
//	|0x0e/0x2e| route | payload to end |
//	+---------+-------+----------------+
func AppendEvent(dst []byte, flags Flags, route uint32, payload []byte) []byte {
	return append(AppendEventHeader(dst, flags, route), payload...)
}

// AppendEventHeader appends an EVENT without its payload, which the caller
// appends or sends after it.
func AppendEventHeader(dst []byte, flags Flags, route uint32) []byte {
	if route < 0x80 {
		return append(dst, byte(TypeEvent)|byte(flags), byte(route))
	}
	return appendUint(append(dst, byte(TypeEvent)|byte(flags)), uint64(route))
}

// ParseEvent reads an EVENT. The payload shares the frame's memory.
func ParseEvent(frame []byte) (flags Flags, route uint32, payload []byte, err error) {
	if len(frame) < 2 || frame[0]&^byte(FlagHeld) != byte(TypeEvent) {
		return parseEvent(frame)
	}
	flags = Flags(frame[0] & flagMask)
	if frame[1] < 0x80 {
		return flags, uint32(frame[1]), frame[2:], nil
	}
	if len(frame) > 2 && frame[2]-1 < 0x7f { // two bytes, the second not 0
		return flags, uint32(frame[1]&0x7f) | uint32(frame[2])<<7, frame[3:], nil
	}
	nr, n := binary.Uvarint(frame[1:])
	if n <= 0 || nr > math.MaxUint32 || frame[n] == 0 { // frame[n] is the number's last byte
		return parseEvent(frame)
	}
	return flags, uint32(nr), frame[1+n:], nil
}

// parseEvent says what is wrong with a frame that ParseEvent refuses; it reads
// by the same rules as every other decoder.
func parseEvent(frame []byte) (Flags, uint32, []byte, error) {
	r := open(frame, TypeEvent)
	route := r.uint32("route")
	payload := r.rest()
	return r.f, route, payload, r.done()
}

// Lost says that Count events of a route, those that would come next, are
// lost.
//
//	+----+-------+-------+-----------+
//	|0x0f| route | count | reason 1B |
//	+----+-------+-------+-----------+
type Lost struct {
	Route  uint32
	Count  uint64 // 0: not known
	Reason uint8  // LossQueueFull ...
}

// Append appends the envelope to dst.
func (e Lost) Append(dst []byte) []byte {
	dst = appendUint(append(dst, byte(TypeLost)), uint64(e.Route))
	return append(appendUint(dst, e.Count), e.Reason)
}

// Decode reads the envelope from frame. A reason it does not know passes, for
// reasons are append-only.
func (e *Lost) Decode(frame []byte) error {
	r := open(frame, TypeLost)
	*e = Lost{Route: r.uint32("route"), Count: r.uvarint("count"), Reason: r.u8("reason")}
	if e.Reason == 0 {
		r.fail(CodeProtocol, "reason", "zero")
	}
	return r.done()
}

// Credit gives the emitter back the room of the Count oldest held-back events
// of a route that are outstanding.
//
//	+----+-------+-------+
//	|0x10| route | count |
//	+----+-------+-------+
type Credit struct {
	Route uint32
	Count uint32 // from 1
}

// Append appends the envelope to dst.
func (e Credit) Append(dst []byte) []byte {
	return appendUint(appendUint(append(dst, byte(TypeCredit)), uint64(e.Route)), uint64(e.Count))
}

// Decode reads the envelope from frame.
func (e *Credit) Decode(frame []byte) error {
	r := open(frame, TypeCredit)
	*e = Credit{Route: r.uint32("route"), Count: r.uint32("count")}
	if e.Count == 0 {
		r.fail(CodeProtocol, "count", "zero")
	}
	return r.done()
}
