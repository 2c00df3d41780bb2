// Package codec turns payloads into bytes and back.
//
// A codec has a name, its [ID]; the two ends of a connection agree on one with
// [Negotiate], and a router that stands between two connections with different
// codecs carries payloads over with [Transcode]. The package promises one value
// model for payloads whose type the receiver does not know: whatever codec a
// payload came through, decoding into *any yields nil, bool, int64 (uint64 only
// above [math.MaxInt64]), float64, string, []byte, []any and map[string]any,
// and nothing else. A value that a codec cannot carry is refused with an error
// that says why; it is never changed in silence. docs/codecs.md has the table.
//
//	data, err := json.New().Append(nil, map[string]any{"temp": 21.5})
//
// The codecs that come with this module are codec/json, codec/cbor and
// codec/raw. A codec of your own implements [Codec]; the package codectest
// checks it.
package codec

import (
	"errors"
	"fmt"
	"strings"
)

// ID names a codec in the negotiation: one to 32 of a-z, 0-9, ".", "_", "-", "+".
type ID string

// Validate reports whether the ID may name a codec.
func (id ID) Validate() error {
	if len(id) == 0 || len(id) > 32 {
		return fmt.Errorf("codec name %.40q: has %d bytes, want 1 to 32", string(id), len(id))
	}
	for _, c := range []byte(id) {
		lower, digit := 'a' <= c && c <= 'z', '0' <= c && c <= '9'
		if !lower && !digit && c != '.' && c != '_' && c != '-' && c != '+' {
			return fmt.Errorf("codec name %q: %q is not one of a-z, 0-9, '.', '_', '-', '+'", string(id), c)
		}
	}
	return nil
}

// Codec turns values into bytes and back. No method blocks, all of them may be
// called by any number of goroutines at once, and none panics on any input.
type Codec interface {
	// ID is the name under which the codec is negotiated. It never changes.
	ID() ID

	// Append appends the encoding of v to dst and returns the extended slice.
	// What dst held stays as it was. When Append fails it returns dst, and an
	// error that matches ErrValue or ErrLimit. It does not retain v or dst.
	Append(dst []byte, v any) ([]byte, error)

	// Decode decodes the whole of data into what into points to. Into is a
	// non-nil pointer to a zero value; a pointer to any gets the value model
	// of the package comment. Unknown struct fields are ignored. Decode
	// neither changes data nor retains any part of it: strings and byte
	// slices are copies. An error matches ErrMalformed, ErrLimit or ErrType,
	// and leaves what into points to unspecified.
	Decode(data []byte, into any) error
}

// The kinds of failure. Errors of every codec match one of them with errors.Is.
var (
	// ErrValue means that a value cannot be carried by the codec.
	ErrValue = errors.New("value cannot be carried")
	// ErrMalformed means that data is no valid encoding.
	ErrMalformed = errors.New("malformed payload")
	// ErrLimit means that a payload exceeds one of [Limits].
	ErrLimit = errors.New("payload exceeds a limit")
	// ErrType means that a payload does not fit the Go type it is decoded into.
	ErrType = errors.New("payload does not fit the Go type")
	// ErrNoCommon means that two ends share no codec.
	ErrNoCommon = errors.New("no codec in common")
)

// Verbatim is a [Codec] whose encoding of a []byte is those bytes and nothing
// else: who has bytes to send, or to deliver, need not call it.
type Verbatim interface {
	Codec
	Verbatim()
}

// Limits bound a payload, in both directions: what a codec would not decode it
// does not encode either. The size in bytes is bounded by the frame.
type Limits struct {
	// Depth is how deep lists and maps may be nested; default 16.
	Depth int
	// Elements is how many elements one list, or entries one map, may have;
	// default 65,536.
	Elements int
}

// WithDefaults returns l with its zero fields replaced by the defaults.
func (l Limits) WithDefaults() Limits {
	if l.Depth <= 0 {
		l.Depth = 16
	}
	if l.Elements <= 0 {
		l.Elements = 65_536
	}
	return l
}

// CheckDepth returns an error matching ErrLimit when lists and maps are nested
// deeper than the limit.
func (l Limits) CheckDepth(depth int) error {
	if depth > l.Depth {
		return fmt.Errorf("%w: lists and maps nested deeper than %d", ErrLimit, l.Depth)
	}
	return nil
}

// CheckElements returns an error matching ErrLimit when a list or map has more
// elements than the limit.
func (l Limits) CheckElements(n uint64) error {
	if n > uint64(l.Elements) {
		return fmt.Errorf("%w: a list or map has more than %d elements", ErrLimit, l.Elements)
	}
	return nil
}

// Refused turns the error of a decoder that was run over the codec's own
// output into the error of Append: the value is at fault, not the data. A nil
// error stays nil.
func Refused(err error) error {
	if err == nil || errors.Is(err, ErrLimit) {
		return err
	}
	return fmt.Errorf("%w: %s", ErrValue, strings.TrimPrefix(err.Error(), ErrMalformed.Error()+": "))
}
