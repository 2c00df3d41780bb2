package cbor

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gosig/gosig/codec"
)

// encoder appends one payload.
type encoder struct {
	limits  codec.Limits
	lib     *library
	foreign bool // the library has written a part: it has to be checked
}

func (e *encoder) append(dst []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, simpleNull), nil
	case bool:
		if v {
			return append(dst, simpleTrue), nil
		}
		return append(dst, simpleFalse), nil
	case int:
		return appendInt(dst, int64(v)), nil
	case int64:
		return appendInt(dst, v), nil
	case uint64:
		return appendHead(dst, majorUint, v), nil
	case float64:
		return appendFloat(dst, v), nil
	case string:
		return appendText(dst, v)
	case []byte:
		return appendBytes(dst, v), nil
	case []any:
		return e.list(dst, v, depth+1)
	case map[string]any:
		return e.object(dst, v, depth+1)
	case time.Time:
		return appendTime(dst, v)
	case json.Number:
		n, err := codec.Number(string(v))
		if err != nil {
			return dst, fmt.Errorf("%w: %w", codec.ErrValue, err)
		}
		return e.append(dst, n, depth)
	}
	return e.delegate(dst, v)
}

// appendHead writes an item's head with its argument in the shortest form.
func appendHead(dst []byte, major byte, arg uint64) []byte {
	major <<= 5
	switch {
	case arg < 24:
		return append(dst, major|byte(arg))
	case arg <= math.MaxUint8:
		return appendWord(dst, major|24, 1, arg)
	case arg <= math.MaxUint16:
		return appendWord(dst, major|25, 2, arg)
	case arg <= math.MaxUint32:
		return appendWord(dst, major|26, 4, arg)
	}
	return appendWord(dst, major|27, 8, arg)
}

func appendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return appendHead(dst, majorNegative, uint64(-1-n))
	}
	return appendHead(dst, majorUint, uint64(n))
}

func appendText(dst []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return dst, fmt.Errorf("%w: text is not valid UTF-8; use []byte", codec.ErrValue)
	}
	return append(appendHead(dst, majorText, uint64(len(s))), s...), nil
}

// appendBytes writes nil as null, as JSON does.
func appendBytes(dst, data []byte) []byte {
	if data == nil {
		return append(dst, simpleNull)
	}
	return append(appendHead(dst, majorBytes, uint64(len(data))), data...)
}

func appendTime(dst []byte, t time.Time) ([]byte, error) {
	var room [len(time.RFC3339Nano)]byte
	text, err := t.AppendText(room[:0])
	if err != nil {
		return dst, fmt.Errorf("%w: %w", codec.ErrValue, err)
	}
	return append(appendHead(dst, majorText, uint64(len(text))), text...), nil
}

// enter checks the limits of a container.
func (e *encoder) enter(depth, n int) error {
	if err := e.limits.CheckDepth(depth); err != nil {
		return err
	}
	return e.limits.CheckElements(uint64(n))
}

func (e *encoder) list(dst []byte, list []any, depth int) ([]byte, error) {
	if list == nil {
		return append(dst, simpleNull), nil
	}
	if err := e.enter(depth, len(list)); err != nil {
		return dst, err
	}
	dst = appendHead(dst, majorArray, uint64(len(list)))
	var err error
	for _, v := range list {
		if dst, err = e.append(dst, v, depth); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// keyLists lends the slices in which keys are sorted.
var keyLists = sync.Pool{New: func() any { return new([]string) }}

func (e *encoder) object(dst []byte, m map[string]any, depth int) ([]byte, error) {
	if m == nil {
		return append(dst, simpleNull), nil
	}
	if err := e.enter(depth, len(m)); err != nil {
		return dst, err
	}
	lent := keyLists.Get().(*[]string)
	keys := (*lent)[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	dst = appendHead(dst, majorMap, uint64(len(m)))
	var err error
	for _, k := range keys {
		if dst, err = appendText(dst, k); err != nil {
			break
		}
		if dst, err = e.append(dst, m[k], depth); err != nil {
			break
		}
	}
	clear(keys)
	*lent = keys
	keyLists.Put(lent)
	return dst, err
}

// compareKeys puts text keys in the bytewise order of their encoding: its
// first byte grows with the length.
func compareKeys(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// delegate has the library append v.
func (e *encoder) delegate(dst []byte, v any) ([]byte, error) {
	if tooDeep(reflect.ValueOf(v), e.limits.Depth) {
		return dst, e.limits.CheckDepth(e.limits.Depth + 1)
	}
	e.foreign = true
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	*buf = *bytes.NewBuffer(dst) // it appends to dst, in its room if there is enough
	err := e.lib.enc.MarshalToBuffer(v, buf)
	out := buf.Bytes()
	*buf = bytes.Buffer{}
	if err != nil {
		return dst, fmt.Errorf("%w: %.200s", codec.ErrValue, err.Error())
	}
	return out, nil
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// check holds what the library has written to the rules of the decoder.
func (e *encoder) check(out []byte) error {
	p := parser{data: out, limits: e.limits}
	_, err := p.parse()
	return codec.Refused(err)
}
