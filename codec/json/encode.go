package json

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gosig/gosig/codec"
)

// encoder appends one payload.
type encoder struct {
	limits  codec.Limits
	foreign bool // encoding/json has written a part: it has to be checked
}

func (e *encoder) append(dst []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case uint64:
		return strconv.AppendUint(dst, v, 10), nil
	case float64:
		return appendFloat(dst, v)
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
		return appendNumber(dst, v)
	}
	return e.value(dst, reflect.ValueOf(v), depth)
}

func appendFloat(dst []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, fmt.Errorf("%w: JSON has no %v; use cbor", codec.ErrValue, f)
	}
	return codec.AppendFloat(dst, f), nil
}

func appendNumber(dst []byte, n json.Number) ([]byte, error) {
	p := parser{data: []byte(n)}
	if _, err := p.number(); err != nil || p.pos < len(n) {
		return dst, fmt.Errorf("%w: json.Number %.40q is no number of 64 bits", codec.ErrValue, string(n))
	}
	return append(dst, n...), nil
}

func appendTime(dst []byte, t time.Time) ([]byte, error) {
	dst = append(dst, '"')
	dst, err := t.AppendText(dst)
	if err != nil {
		return dst, fmt.Errorf("%w: %w", codec.ErrValue, err)
	}
	return append(dst, '"'), nil
}

// appendBytes writes nil as null, as encoding/json does.
func appendBytes(dst, data []byte) []byte {
	if data == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, data)
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

func appendText(dst []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return dst, fmt.Errorf("%w: text is not valid UTF-8; use []byte", codec.ErrValue)
	}
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, s[start:]...), '"'), nil
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
		return append(dst, "null"...), nil
	}
	if err := e.enter(depth, len(list)); err != nil {
		return dst, err
	}
	dst = append(dst, '[')
	var err error
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = e.append(dst, v, depth); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// keyLists lends the slices in which keys are sorted.
var keyLists = sync.Pool{New: func() any { return new([]string) }}

// object writes the keys in ascending order, as encoding/json does.
func (e *encoder) object(dst []byte, m map[string]any, depth int) ([]byte, error) {
	if m == nil {
		return append(dst, "null"...), nil
	}
	if err := e.enter(depth, len(m)); err != nil {
		return dst, err
	}
	lent := keyLists.Get().(*[]string)
	keys := (*lent)[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	var err error
	for i, k := range keys {
		if dst, err = e.key(dst, k, i); err != nil {
			break
		}
		if dst, err = e.append(dst, m[k], depth); err != nil {
			break
		}
	}
	clear(keys)
	*lent = keys
	keyLists.Put(lent)
	return append(dst, '}'), err
}

func (e *encoder) key(dst []byte, k string, i int) ([]byte, error) {
	if i > 0 {
		dst = append(dst, ',')
	}
	dst, err := appendText(dst, k)
	return append(dst, ':'), err
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// encodesItself reports whether t or a pointer to it has a Marshal method of
// its own. What an interface holds is looked at by its own type.
func encodesItself(t reflect.Type) bool {
	if t.Kind() == reflect.Interface {
		return false
	}
	p := reflect.PointerTo(t) // its methods include those of t
	return p.NumMethod() > 0 && (p.Implements(jsonMarshaler) || p.Implements(textMarshaler)) ||
		t.Kind() == reflect.Pointer && encodesItself(t.Elem())
}

// value appends what append does not know by its type. It follows lists and
// maps itself, so that their floats stay floats, and leaves structs and types
// that encode themselves to encoding/json.
func (e *encoder) value(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	t := v.Type()
	if encodesItself(t) {
		return e.delegate(dst, v)
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	case reflect.Float32, reflect.Float64:
		return appendFloat(dst, v.Float())
	case reflect.String:
		return appendText(dst, v.String())
	case reflect.Pointer, reflect.Interface:
		return e.pointer(dst, v, depth)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return appendBytes(dst, v.Bytes()), nil
		}
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		return e.elements(dst, v, depth+1)
	case reflect.Array:
		return e.elements(dst, v, depth+1)
	case reflect.Map:
		if t.Key().Kind() == reflect.String && !v.IsNil() {
			return e.entries(dst, v, depth+1)
		}
	}
	return e.delegate(dst, v)
}

// pointer follows a pointer or interface. Pointers in a ring come to an end
// because each counts as a level here.
func (e *encoder) pointer(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	if v.IsNil() {
		return append(dst, "null"...), nil
	}
	if v.Kind() == reflect.Interface {
		return e.append(dst, v.Interface(), depth)
	}
	if v.Elem().Kind() == reflect.Struct {
		return e.delegate(dst, v)
	}
	if err := e.limits.CheckDepth(depth); err != nil {
		return dst, err
	}
	return e.append(dst, v.Elem().Interface(), depth+1)
}

func (e *encoder) elements(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	if err := e.enter(depth, v.Len()); err != nil {
		return dst, err
	}
	dst = append(dst, '[')
	var err error
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = e.value(dst, v.Index(i), depth); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (e *encoder) entries(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	if err := e.enter(depth, v.Len()); err != nil {
		return dst, err
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		return bytes.Compare([]byte(a.String()), []byte(b.String()))
	})
	dst = append(dst, '{')
	var err error
	for i, k := range keys {
		if dst, err = e.key(dst, k.String(), i); err != nil {
			return dst, err
		}
		if dst, err = e.value(dst, v.MapIndex(k), depth); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// sink is an encoding/json encoder that appends to a slice.
type sink struct {
	buf []byte
	enc *json.Encoder
}

// Write implements [io.Writer].
func (s *sink) Write(p []byte) (int, error) {
	s.buf = append(s.buf, p...)
	return len(p), nil
}

var sinks = sync.Pool{New: func() any {
	s := &sink{}
	s.enc = json.NewEncoder(s)
	s.enc.SetEscapeHTML(false)
	return s
}}

// delegate has encoding/json append v.
func (e *encoder) delegate(dst []byte, v reflect.Value) ([]byte, error) {
	e.foreign = true
	s := sinks.Get().(*sink)
	defer sinks.Put(s)
	s.buf = dst
	value := v
	if v.CanAddr() {
		value = v.Addr()
	}
	err := s.enc.Encode(value.Interface())
	dst, s.buf = s.buf, nil
	if err != nil {
		return dst, fmt.Errorf("%w: %.200s", codec.ErrValue, err.Error())
	}
	return bytes.TrimSuffix(dst, []byte("\n")), nil
}

// check holds what encoding/json has written to the rules of the decoder, and
// to the one rule that it breaks in silence: text is valid UTF-8.
func (e *encoder) check(out []byte, v any) error {
	p := parser{data: out, limits: e.limits}
	if _, err := p.parse(); err != nil {
		return codec.Refused(err)
	}
	// encoding/json writes an invalid byte as an escape sequence, and the
	// character U+FFFD itself as it is.
	if bytes.Contains(out, []byte(`\ufffd`)) && invalidText(reflect.ValueOf(v), 0) {
		return fmt.Errorf("%w: text is not valid UTF-8; use []byte", codec.ErrValue)
	}
	return nil
}

// invalidText looks for a string in v that is not valid UTF-8.
func invalidText(v reflect.Value, depth int) bool {
	if !v.IsValid() || depth > 100 {
		return false
	}
	switch v.Kind() {
	case reflect.String:
		return !utf8.ValidString(v.String())
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && invalidText(v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if invalidText(v.Index(i), depth+1) {
				return true
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if invalidText(it.Key(), depth+1) || invalidText(it.Value(), depth+1) {
				return true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if invalidText(v.Field(i), depth+1) {
				return true
			}
		}
	}
	return false
}
