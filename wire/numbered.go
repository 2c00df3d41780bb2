package wire

// Numbered is an event that says which of its route it is: in a datagram, which
// may be lost, late or doubled, or on the connection where a datagram has no room
// for it or Held forbids it.
//
//	+---------+-------+-----+----------------+
//	|0x1b/0x3b| route | seq | payload to end |
//	+---------+-------+-----+----------------+
type Numbered struct {
	Route   uint32
	Seq     uint64 // from 1, as in [Route]
	Held    bool   // held back by its emitter; takes and returns credit; never in a datagram
	Payload []byte
}

// Append appends the envelope to dst.
func (e Numbered) Append(dst []byte) []byte {
	dst = appendUint(appendUint(appendHead(dst, TypeNumbered, FlagHeld, e.Held), uint64(e.Route)), e.Seq)
	return append(dst, e.Payload...)
}

// Decode reads the envelope from frame. The payload shares the frame's memory.
func (e *Numbered) Decode(frame []byte) error {
	r := open(frame, TypeNumbered)
	*e = Numbered{Route: r.uint32("route"), Seq: r.uvarint("seq"), Held: r.f&FlagHeld != 0, Payload: r.rest()}
	if e.Seq == 0 {
		r.fail(CodeProtocol, "seq", "zero, numbering begins at 1")
	}
	return r.done()
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
