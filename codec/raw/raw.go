// Package raw is the codec named "raw": a payload is bytes, as they are.
//
// It carries []byte, and no payload at all: nil is empty, and empty is nil
// where the receiver is untyped. It also takes a string and gives one, for
// callers that know by themselves that the bytes are text. Everything else is
// refused. Nothing of another codec becomes raw except a byte string and nil:
// text that came through JSON may stand for bytes (base64) or for itself, and
// nothing says which.
//
//	data, err := raw.New().Append(nil, []byte{0xca, 0xfe})
package raw

import (
	"fmt"
	"reflect"

	"github.com/gosig/gosig/codec"
)

// ID is the codec's name in the negotiation.
const ID codec.ID = "raw"

// Codec is the raw codec. Make it with [New].
type Codec struct{}

// New returns a raw codec.
func New() *Codec { return &Codec{} }

// ID implements [codec.Codec].
func (c *Codec) ID() codec.ID { return ID }

// Verbatim implements [codec.Verbatim].
func (c *Codec) Verbatim() {}

// Append implements [codec.Codec]. V is nil, a []byte, a string, or a type
// made of one of the latter two.
func (c *Codec) Append(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return dst, nil
	case []byte:
		return append(dst, v...), nil
	case string:
		return append(dst, v...), nil
	}
	r := reflect.ValueOf(v)
	switch {
	case isBytes(r.Type()):
		return append(dst, r.Bytes()...), nil
	case r.Kind() == reflect.String:
		return append(dst, r.String()...), nil
	}
	return dst, fmt.Errorf("raw: %w: %T is neither []byte nor string; use the codec json or cbor", codec.ErrValue, v)
}

// Import implements [codec.Importer]: it takes a byte string or nil only.
func (c *Codec) Import(dst []byte, from codec.ID, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return dst, nil
	case []byte:
		return append(dst, v...), nil
	case string:
		return dst, fmt.Errorf("raw: %w: text from %q may be base64 of bytes or text itself; emit []byte by cbor, or receive by json or cbor", codec.ErrValue, string(from))
	}
	return dst, fmt.Errorf("raw: %w: %T is not []byte; receive it by the codec json or cbor", codec.ErrValue, v)
}

// Decode implements [codec.Codec]. Into is a pointer to a []byte, a string, a
// type made of one of them, or any, which becomes a []byte, or nil if data is
// empty.
func (c *Codec) Decode(data []byte, into any) error {
	if err := codec.CheckTarget(into); err != nil {
		return fmt.Errorf("raw: %w", err)
	}
	switch p := into.(type) {
	case *any:
		*p = nil
		if len(data) > 0 {
			*p = append([]byte(nil), data...)
		}
		return nil
	case *[]byte:
		*p = append([]byte{}, data...)
		return nil
	case *string:
		*p = string(data)
		return nil
	}
	return decodeNamed(data, reflect.ValueOf(into).Elem())
}

func decodeNamed(data []byte, v reflect.Value) error {
	switch {
	case isBytes(v.Type()):
		v.SetBytes(append([]byte{}, data...))
	case v.Kind() == reflect.String:
		v.SetString(string(data))
	default:
		return fmt.Errorf("raw: %w: bytes into %s; use the codec json or cbor", codec.ErrType, v.Type())
	}
	return nil
}

func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}
