package wire

// Subscribe asks the server for the events of all senders and events that the
// two patterns match.
//
//	+---------+----------------+---------------+
//	|0x09/0x49| sender pattern | event pattern |
//	+---------+----------------+---------------+
type Subscribe struct {
	Sender string
	Event  string
	Lossy  bool // the events may be lost rather than be late; needs FeatureLossyInterest
}

// Append appends the envelope to dst.
func (e Subscribe) Append(dst []byte) []byte {
	return appendPattern(appendHead(dst, TypeSubscribe, FlagLossy, e.Lossy), e.Sender, e.Event)
}

// Decode reads the envelope from frame.
func (e *Subscribe) Decode(frame []byte) error {
	r := open(frame, TypeSubscribe)
	*e = Subscribe{Lossy: r.f&FlagLossy != 0}
	e.Sender, e.Event = r.pattern()
	return r.done()
}

// Unsubscribe takes back a SUBSCRIBE of the same patterns. Its layout is that
// of [Subscribe].
type Unsubscribe struct {
	Sender string
	Event  string
}

// Append appends the envelope to dst.
func (e Unsubscribe) Append(dst []byte) []byte {
	return appendPattern(append(dst, byte(TypeUnsubscribe)), e.Sender, e.Event)
}

// Decode reads the envelope from frame.
func (e *Unsubscribe) Decode(frame []byte) error {
	r := open(frame, TypeUnsubscribe)
	e.Sender, e.Event = r.pattern()
	return r.done()
}

func appendPattern(dst []byte, sender, event string) []byte {
	return appendName(appendName(dst, sender), event)
}

func (r *reader) pattern() (sender, event string) {
	sender = r.name("sender pattern")
	return sender, r.name("event pattern")
}

// Refused tells a client that a SUBSCRIBE of its is not in force, and why.
//
//	+----+-------+----------------+---------------+------+------+
//	|0x0b| about | sender pattern | event pattern | code | text |
//	+----+-------+----------------+---------------+------+------+
type Refused struct {
	About  Type // what was refused: TypeSubscribe, the only one version 1 knows
	Sender string
	Event  string
	Code   uint16
	Text   string
}

// Append appends the envelope to dst.
func (e Refused) Append(dst []byte) []byte {
	dst = append(dst, byte(TypeRefused), byte(e.About))
	dst = appendName(appendName(dst, e.Sender), e.Event)
	return appendText(appendUint(dst, uint64(e.Code)), e.Text)
}

// Decode reads the envelope from frame.
func (e *Refused) Decode(frame []byte) error {
	r := open(frame, TypeRefused)
	*e = Refused{
		About:  Type(r.u8("about")),
		Sender: r.name("sender pattern"),
		Event:  r.name("event pattern"),
		Code:   r.code(),
		Text:   r.text("text"),
	}
	if e.About != TypeSubscribe {
		r.fail(CodeProtocol, "about", "%s can not be refused", e.About)
	}
	return r.done()
}

// Want tells a client whether anybody subscribes to one of its routes. Events
// of a route that is not wanted are not to be sent.
//
//	+----+-------+    +---------+-------+------+
//	|0x0c| route |    |0x2c/0x6c| route | turn |
//	+----+-------+    +---------+-------+------+
type Want struct {
	Route uint32
	On    bool
	Lossy bool   // if On: the events may be lost rather than be late; needs FeatureLossyInterest
	Turn  uint32 // if On: the ROUTE that answers repeats it
}

// Append appends the envelope to dst.
func (e Want) Append(dst []byte) []byte {
	first := byte(TypeWant)
	if e.On {
		first |= byte(FlagOn)
	}
	if e.On && e.Lossy {
		first |= byte(FlagLossy)
	}
	dst = appendUint(append(dst, first), uint64(e.Route))
	if e.On {
		dst = appendUint(dst, uint64(e.Turn))
	}
	return dst
}

// Decode reads the envelope from frame.
func (e *Want) Decode(frame []byte) error {
	r := open(frame, TypeWant)
	*e = Want{Route: r.uint32("route"), On: r.f&FlagOn != 0, Lossy: r.f&FlagLossy != 0}
	if e.On {
		e.Turn = r.uint32("turn")
	} else if e.Lossy {
		r.fail(CodeProtocol, "lossy", "nothing is wanted")
	}
	return r.done()
}
