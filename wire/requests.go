package wire

// Request calls a method of a sender that the receiver announced.
//
//	+----+----+--------+---------+--------+----------------+
//	|0x11| ID | sender | timeout | method | payload to end |
//	+----+----+--------+---------+--------+----------------+
type Request struct {
	ID        uint64 // the requester's: counts up from 1, never one twice on a connection
	Sender    uint32 // a number that the receiver assigned
	TimeoutMS uint64 // time left, in milliseconds; 0: no deadline
	Method    string
	Payload   []byte // shares the frame's memory after Decode
}

// Append appends the envelope to dst.
func (e Request) Append(dst []byte) []byte {
	dst = appendUint(append(dst, byte(TypeRequest)), e.ID)
	dst = appendUint(dst, uint64(e.Sender))
	dst = appendUint(dst, e.TimeoutMS)
	return append(appendName(dst, e.Method), e.Payload...)
}

// Decode reads the envelope from frame. A method that is the one e had before is
// not copied again.
func (e *Request) Decode(frame []byte) error {
	r := open(frame, TypeRequest)
	*e = Request{
		ID:        r.uvarint("ID"),
		Sender:    r.uint32("sender"),
		TimeoutMS: r.uvarint("timeout"),
		Method:    r.nameAgain("method", e.Method),
		Payload:   r.rest(),
	}
	return r.done()
}

// Reply answers a REQUEST.
//
//	+----+----+--------+----------------+        +----+----+----------+-----+------+
//	|0x12| ID | code 0 | payload to end |   or   |0x12| ID | code > 0 | app | text |
//	+----+----+--------+----------------+        +----+----+----------+-----+------+
type Reply struct {
	ID      uint64
	Code    uint16 // CodeOK, or why there is no answer
	App     int64  // with CodeHandler: the handler's own code
	Text    string // of the error
	Payload []byte // of CodeOK; shares the frame's memory after Decode
}

// Append appends the envelope to dst: with CodeOK the payload, with any other
// code the error's fields.
func (e Reply) Append(dst []byte) []byte {
	dst = appendUint(append(dst, byte(TypeReply)), e.ID)
	dst = appendUint(dst, uint64(e.Code))
	if e.Code == CodeOK {
		return append(dst, e.Payload...)
	}
	return appendText(appendZigzag(dst, e.App), e.Text)
}

// Decode reads the envelope from frame.
func (e *Reply) Decode(frame []byte) error {
	r := open(frame, TypeReply)
	*e = Reply{ID: r.uvarint("ID"), Code: r.code()}
	if e.Code == CodeOK {
		e.Payload = r.rest()
	} else {
		e.App = r.zigzag("app")
		e.Text = r.text("text")
	}
	return r.done()
}

// Cancel says that nobody waits for the answer to a request any more.
//
//	+----+----+
//	|0x13| ID |
//	+----+----+
type Cancel struct {
	ID uint64
}

// Append appends the envelope to dst.
func (e Cancel) Append(dst []byte) []byte {
	return appendUint(append(dst, byte(TypeCancel)), e.ID)
}

// Decode reads the envelope from frame.
func (e *Cancel) Decode(frame []byte) error {
	r := open(frame, TypeCancel)
	*e = Cancel{ID: r.uvarint("ID")}
	return r.done()
}
