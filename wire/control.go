package wire

import "encoding/binary"

// Ping asks for a PONG with the same nonce.
//
//	+----+----------+
//	|0x14| nonce 8B |
//	+----+----------+
type Ping struct {
	Nonce uint64
}

// Append appends the envelope to dst.
func (e Ping) Append(dst []byte) []byte { return appendUint64(append(dst, byte(TypePing)), e.Nonce) }

// Decode reads the envelope from frame.
func (e *Ping) Decode(frame []byte) error {
	r := open(frame, TypePing)
	e.Nonce = r.u64("nonce")
	return r.done()
}

// Pong answers a PING. Its layout is that of [Ping].
type Pong struct {
	Nonce uint64
}

// Append appends the envelope to dst.
func (e Pong) Append(dst []byte) []byte { return appendUint64(append(dst, byte(TypePong)), e.Nonce) }

// Decode reads the envelope from frame.
func (e *Pong) Decode(frame []byte) error {
	r := open(frame, TypePong)
	e.Nonce = r.u64("nonce")
	return r.done()
}

func appendUint64(dst []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(dst, v) }

// Sync asks for a SYNCED with the same ID once everything sent before it is
// in force.
//
//	+----+----+
//	|0x16| ID |
//	+----+----+
type Sync struct {
	ID uint64
}

// Append appends the envelope to dst.
func (e Sync) Append(dst []byte) []byte { return appendUint(append(dst, byte(TypeSync)), e.ID) }

// Decode reads the envelope from frame.
func (e *Sync) Decode(frame []byte) error {
	r := open(frame, TypeSync)
	e.ID = r.uvarint("ID")
	return r.done()
}

// Synced answers a SYNC. Its layout is that of [Sync].
type Synced struct {
	ID uint64
}

// Append appends the envelope to dst.
func (e Synced) Append(dst []byte) []byte { return appendUint(append(dst, byte(TypeSynced)), e.ID) }

// Decode reads the envelope from frame.
func (e *Synced) Decode(frame []byte) error {
	r := open(frame, TypeSynced)
	e.ID = r.uvarint("ID")
	return r.done()
}

// Nodes says that the routers reachable behind the side that sends it have
// changed.
//
//	+----+----------------------+--------------+
//	|0x19| added: (ID, name)... | removed: ID..|
//	+----+----------------------+--------------+
type Nodes struct {
	Added   []Node
	Removed []NodeID
}

// Append appends the envelope to dst.
func (e Nodes) Append(dst []byte) []byte {
	dst = appendNodes(append(dst, byte(TypeNodes)), e.Added)
	dst = appendUint(dst, uint64(len(e.Removed)))
	for _, id := range e.Removed {
		dst = append(dst, id[:]...)
	}
	return dst
}

// Decode reads the envelope from frame.
func (e *Nodes) Decode(frame []byte) error {
	r := open(frame, TypeNodes)
	*e = Nodes{Added: r.nodes("added")}
	if n := r.count("removed", len(NodeID{})); n > 0 {
		e.Removed = make([]NodeID, 0, n)
		for range n {
			e.Removed = append(e.Removed, r.nodeID("removed"))
		}
	}
	return r.done()
}

// Fragment is a piece of an envelope that is too large to be sent at once: the
// pieces of one, put together, are its frame. Other envelopes may stand between
// them, but no other's pieces.
//
//	+---------+-------------+
//	|0x1a/0x3a| data to end |
//	+---------+-------------+
type Fragment struct {
	More bool   // another piece follows
	Data []byte // not empty
}

// Append appends the envelope to dst.
func (e Fragment) Append(dst []byte) []byte {
	return append(AppendFragmentHeader(dst, e.More), e.Data...)
}

// AppendFragmentHeader appends a FRAGMENT without its data, which the caller
// appends or sends after it.
func AppendFragmentHeader(dst []byte, more bool) []byte {
	return appendHead(dst, TypeFragment, FlagMore, more)
}

// Decode reads the envelope from frame. The data shares the frame's memory.
func (e *Fragment) Decode(frame []byte) error {
	r := open(frame, TypeFragment)
	*e = Fragment{More: r.f&FlagMore != 0, Data: r.rest()}
	if len(e.Data) == 0 {
		r.fail(CodeProtocol, "data", "empty")
	}
	return r.done()
}
