package wire

import "math"

// Connect announces a sender. The side that announces it assigns the numbers:
// one to the sender, and to its events the routes Route, Route+1, ... in the
// order of Events.
//
//	+----+--------+-------+----------+------+--------+----------+
//	|0x06| sender | route | epoch 8B | name | events | requests |
//	+----+--------+-------+----------+------+--------+----------+
//
// with the flags 0x20 for Default, 0x40 for Fresh and 0x80 for Hidden.
type Connect struct {
	Sender   uint32
	Route    uint32 // number of the first event's route
	Epoch    uint64 // this life of the sender
	Name     string
	Events   []string
	Requests []string
	Default  bool // the sender has a default handler
	Fresh    bool // it has emitted nothing yet: the next event of each route is its first
	Hidden   bool // the receiver shows nobody that it is there; needs FeatureHidden
}

// Append appends the envelope to dst.
func (e Connect) Append(dst []byte) []byte {
	at := len(dst)
	dst = appendHead(dst, TypeConnect, FlagDefault, e.Default)
	if e.Fresh {
		dst[at] |= byte(FlagFresh)
	}
	if e.Hidden {
		dst[at] |= byte(FlagHidden)
	}
	dst = appendUint(dst, uint64(e.Sender))
	dst = appendUint(dst, uint64(e.Route))
	dst = appendUint64(dst, e.Epoch)
	dst = appendName(dst, e.Name)
	dst = appendNames(dst, e.Events)
	return appendNames(dst, e.Requests)
}

// Decode reads the envelope from frame.
func (e *Connect) Decode(frame []byte) error {
	r := open(frame, TypeConnect)
	*e = Connect{
		Sender:   r.uint32("sender"),
		Route:    r.uint32("route"),
		Epoch:    r.u64("epoch"),
		Name:     r.name("name"),
		Events:   r.names("events"),
		Requests: r.names("requests"),
		Default:  r.f&FlagDefault != 0,
		Fresh:    r.f&FlagFresh != 0,
		Hidden:   r.f&FlagHidden != 0,
	}
	if uint64(e.Route)+uint64(len(e.Events)) > math.MaxUint32+1 {
		r.fail(CodeProtocol, "route", "%d and %d events are over 32 bits", e.Route, len(e.Events))
	}
	return r.done()
}

// Connected answers a client's CONNECT.
//
//	+----+--------+------+------+--------+
//	|0x07| sender | code | text | wanted |
//	+----+--------+------+------+--------+
type Connected struct {
	Sender uint32
	Code   uint16   // CodeOK, or why the sender was refused
	Text   string   // of the refusal
	Wanted []uint32 // indexes into Events of those somebody subscribes to
}

// Append appends the envelope to dst.
func (e Connected) Append(dst []byte) []byte {
	dst = appendUint(append(dst, byte(TypeConnected)), uint64(e.Sender))
	dst = appendText(appendUint(dst, uint64(e.Code)), e.Text)
	dst = appendUint(dst, uint64(len(e.Wanted)))
	for _, i := range e.Wanted {
		dst = appendUint(dst, uint64(i))
	}
	return dst
}

// Decode reads the envelope from frame.
func (e *Connected) Decode(frame []byte) error {
	r := open(frame, TypeConnected)
	*e = Connected{Sender: r.uint32("sender"), Code: r.code(), Text: r.text("text")}
	if n := r.count("wanted", 1); n > 0 {
		e.Wanted = make([]uint32, 0, n)
		for range n {
			e.Wanted = append(e.Wanted, r.uint32("wanted"))
		}
	}
	return r.done()
}

// Disconnect says that a sender has left, or, with Yours, that the server
// has ended a sender of the client's.
//
//	+----+--------+------+--------+
//	|0x08| sender | code | reason |
//	+----+--------+------+--------+
type Disconnect struct {
	Sender uint32
	Code   uint16
	Reason string
	Yours  bool // Sender is a number that the receiver assigned
}

// Append appends the envelope to dst.
func (e Disconnect) Append(dst []byte) []byte {
	dst = appendHead(dst, TypeDisconnect, FlagYours, e.Yours)
	dst = appendUint(dst, uint64(e.Sender))
	return appendText(appendUint(dst, uint64(e.Code)), e.Reason)
}

// Decode reads the envelope from frame.
func (e *Disconnect) Decode(frame []byte) error {
	r := open(frame, TypeDisconnect)
	*e = Disconnect{
		Sender: r.uint32("sender"),
		Code:   r.code(),
		Reason: r.text("reason"),
		Yours:  r.f&FlagYours != 0,
	}
	return r.done()
}
