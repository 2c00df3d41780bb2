package wire

// Numbered is an event that says which of its route it is: in a datagram, which
// may be lost, late or doubled, or on the connection where a datagram has no room
// for it or Held forbids it.
//
//	+---------+-------+-----+----------------+    +---------+-------+-----+--------+----------------+
//	|0x1b/0x3b| route | seq | payload to end |    |0x5b/0x7b| route | seq | period | payload to end |
//	+---------+-------+-----+----------------+    +---------+-------+-----+--------+----------------+
type Numbered struct {
	Route   uint32
	Seq     uint64 // from 1, as in [Route]
	Held    bool   // held back by its emitter; takes and returns credit; never in a datagram
	Period  uint32 // that a [Route] has begun; 0: the sender has declared the event lossy
	Payload []byte
}

// Append appends the envelope to dst.
func (e Numbered) Append(dst []byte) []byte {
	dst = appendHead(dst, TypeNumbered, FlagHeld, e.Held)
	if e.Period != 0 {
		dst[len(dst)-1] |= byte(FlagPeriod)
	}
	dst = appendUint(appendUint(dst, uint64(e.Route)), e.Seq)
	if e.Period != 0 {
		dst = appendUint(dst, uint64(e.Period))
	}
	return append(dst, e.Payload...)
}

// Decode reads the envelope from frame. The payload shares the frame's memory.
func (e *Numbered) Decode(frame []byte) error {
	r := open(frame, TypeNumbered)
	*e = Numbered{Route: r.uint32("route"), Seq: r.uvarint("seq"), Held: r.f&FlagHeld != 0, Period: r.period(), Payload: r.rest()}
	if e.Seq == 0 {
		r.fail(CodeProtocol, "seq", "zero, numbering begins at 1")
	}
	return r.done()
}

// period reads what FlagPeriod announces.
func (r *reader) period() uint32 {
	if r.f&FlagPeriod == 0 {
		return 0
	}
	n := r.uint32("period")
	if n == 0 {
		r.fail(CodeProtocol, "period", "zero, periods begin at 1")
	}
	return n
}

// Lossy says which events of the sender whose CONNECT comes next may be lost
// rather than be late: they are NUMBERED.
//
//	+----+----------------+
//	|0x1c| events         |
//	|    | list of uint   |
//	+----+----------------+
type Lossy struct {
	Events []uint32 // indexes into CONNECT's list, rising
}

// Append appends the envelope to dst.
func (e Lossy) Append(dst []byte) []byte {
	dst = appendUint(append(dst, byte(TypeLossy)), uint64(len(e.Events)))
	for _, i := range e.Events {
		dst = appendUint(dst, uint64(i))
	}
	return dst
}

// Decode reads the envelope from frame.
func (e *Lossy) Decode(frame []byte) error {
	r := open(frame, TypeLossy)
	n := r.count("events", 1)
	*e = Lossy{Events: make([]uint32, 0, n)}
	for i := range n {
		v := r.uint32("events")
		if i > 0 && v <= e.Events[i-1] {
			r.fail(CodeProtocol, "events", "%d after %d", v, e.Events[i-1])
		}
		e.Events = append(e.Events, v)
	}
	if n == 0 {
		r.fail(CodeProtocol, "events", "none")
	}
	return r.done()
}
