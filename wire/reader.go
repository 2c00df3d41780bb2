package wire

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// reader takes fields off the front of a frame. It is the only place where
// received bytes become numbers and strings. The first violation is kept, and
// every later call returns zero values, so that a decoder reads straight on
// and asks once, in done or rest.
type reader struct {
	b   []byte
	t   Type
	f   Flags
	err *Error
}

// open checks that frame is a t with no undefined flag and returns a reader
// of its fields.
func open(frame []byte, t Type) reader {
	got, flags := TypeOf(frame)
	r := reader{t: t, f: flags}
	switch {
	case len(frame) == 0:
		r.err = violation(CodeProtocol, "%s: empty frame", t)
	case got != t:
		r.err = violation(CodeProtocol, "%s: the frame is %s", t, got)
	case flags&^legalFlags[t] != 0 && enforced("flags"):
		r.err = violation(CodeProtocol, "%s: undefined flags %#02x", t, uint8(flags&^legalFlags[t]))
	default:
		r.b = frame[1:]
	}
	return r
}

func (r *reader) fail(code uint16, field, format string, args ...any) {
	if r.err == nil {
		r.err = violation(code, r.t.String()+": "+field+": "+format, args...)
	}
	r.b = nil
}

// take returns the next n bytes, sharing the frame's memory.
func (r *reader) take(field string, n int) []byte {
	if r.err != nil || n > len(r.b) {
		r.fail(CodeProtocol, field, "the frame ends within it")
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8(field string) uint8 {
	if b := r.take(field, 1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u64(field string) uint64 {
	if b := r.take(field, 8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// uvarint reads a number in its shortest form.
func (r *reader) uvarint(field string) uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.b)
	switch {
	case n == 0:
		r.fail(CodeProtocol, field, "the frame ends within it")
		return 0
	case n < 0:
		r.fail(CodeProtocol, field, "number over 64 bits")
		return 0
	case n > 1 && r.b[n-1] == 0:
		r.fail(CodeProtocol, field, "number not in its shortest form")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) uint32(field string) uint32 {
	v := r.uvarint(field)
	if v > math.MaxUint32 {
		r.fail(CodeProtocol, field, "number %d over 32 bits", v)
		return 0
	}
	return uint32(v)
}

// code reads an error code; unknown ones pass, for codes are append-only.
func (r *reader) code() uint16 {
	v := r.uvarint("code")
	if v > math.MaxUint16 {
		r.fail(CodeProtocol, "code", "number %d over 16 bits", v)
		return 0
	}
	return uint16(v)
}

func (r *reader) zigzag(field string) int64 {
	v := r.uvarint(field)
	return int64(v>>1) ^ -int64(v&1)
}

func (r *reader) str(field string, limit int) string {
	n := r.uvarint(field)
	if n > uint64(limit) && enforced("bytes of a text") {
		r.fail(CodeTooLarge, field, "%d bytes, limit %d", n, limit)
		return ""
	}
	b := r.take(field, int(n))
	if !utf8.Valid(b) && enforced("text") {
		r.fail(CodeProtocol, field, "not valid UTF-8")
		return ""
	}
	return string(b)
}

// name reads a name or a pattern. Which characters it may have is checked by
// the layer above, which knows what it names.
func (r *reader) name(field string) string {
	s := r.str(field, MaxName)
	if s == "" {
		r.fail(CodeProtocol, field, "empty")
	}
	return s
}

// nameAgain is name, which returns last without allocating if that is what comes.
func (r *reader) nameAgain(field, last string) string {
	if n := len(last); n > 0 && n < 0x80 && n < len(r.b) && r.b[0] == byte(n) && string(r.b[1:1+n]) == last {
		r.b = r.b[1+n:]
		return last
	}
	return r.name(field)
}

func (r *reader) text(field string) string { return r.str(field, MaxText) }

// count reads the number of elements of a list, each of which takes at least
// size bytes, so that what is allocated for it is bounded by what arrived.
func (r *reader) count(field string, size int) int {
	n := r.uvarint(field)
	switch {
	case n > MaxList:
		r.fail(CodeTooLarge, field, "%d elements, limit %d", n, MaxList)
		return 0
	case n > uint64(len(r.b)/size):
		r.fail(CodeProtocol, field, "the frame is too short for %d elements", n)
		return 0
	}
	return int(n)
}

func (r *reader) names(field string) []string {
	n := r.count(field, 2)
	if n == 0 {
		return nil
	}
	list := make([]string, 0, n)
	for range n {
		list = append(list, r.name(field))
	}
	return list
}

func (r *reader) nodeID(field string) (id NodeID) {
	copy(id[:], r.take(field, len(id)))
	if id == (NodeID{}) {
		r.fail(CodeProtocol, field, "zero")
	}
	return id
}

func (r *reader) nodes(field string) []Node {
	n := r.count(field, len(NodeID{})+1)
	if n == 0 {
		return nil
	}
	list := make([]Node, 0, n)
	for range n {
		list = append(list, Node{ID: r.nodeID(field), Name: r.str(field, MaxName)})
	}
	return list
}

func (r *reader) token() (t Token) {
	switch n := r.uvarint("token"); n {
	case 0:
		return t
	case uint64(len(t)):
		copy(t[:], r.take("token", len(t)))
	default:
		r.fail(CodeProtocol, "token", "%d bytes, must be 0 or %d", n, len(t))
	}
	if t == (Token{}) {
		r.fail(CodeProtocol, "token", "zero")
	}
	return t
}

func (r *reader) limits() Limits {
	l := Limits{
		MaxFrame:     r.uint32("max frame"),
		MaxRequests:  r.uint32("max requests"),
		KeepaliveMS:  r.uint32("keepalive"),
		WindowEvents: r.uint32("window events"),
		WindowBytes:  r.uint32("window bytes"),
	}
	if l.MaxFrame != 0 && l.MaxFrame < MinMaxFrame {
		r.fail(CodeLimit, "max frame", "%d bytes, at least %d", l.MaxFrame, MinMaxFrame)
	}
	return l
}

// rest returns what is left of the frame: the payload.
func (r *reader) rest() []byte {
	b := r.b[:len(r.b):len(r.b)]
	r.b = nil
	return b
}

// done returns the first violation, or one for bytes that nobody asked for.
func (r *reader) done() error {
	if r.err == nil && len(r.b) > 0 && enforced("end of the frame") {
		r.fail(CodeProtocol, "end", "%d bytes too many", len(r.b))
	}
	if r.err != nil {
		return r.err
	}
	return nil
}
