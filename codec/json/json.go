// Package json is the codec named "json": payloads one can read in a capture.
//
// Floats are written so that they come back as floats (21.0, not 21), except in
// the fields of a struct, where encoding/json writes them; []byte is base64
// text and [time.Time] RFC 3339 text. Integers keep all 64 bits. The decoder
// refuses duplicate keys, trailing data, invalid UTF-8 and integers that do
// not fit 64 bits, and ignores unknown struct fields.
//
//	data, err := json.New().Append(nil, map[string]any{"temp": 21.0})
package json

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	"github.com/gosig/gosig/codec"
)

// ID is the codec's name in the negotiation.
const ID codec.ID = "json"

// Codec is the JSON codec. Make it with [New].
type Codec struct{ limits codec.Limits }

// New returns a JSON codec with the default limits of [codec.Limits].
func New() *Codec { return WithLimits(codec.Limits{}) }

// WithLimits returns a JSON codec with limits of the caller's.
func WithLimits(limits codec.Limits) *Codec { return &Codec{limits: limits.WithDefaults()} }

// ID implements [codec.Codec].
func (c *Codec) ID() codec.ID { return ID }

// Append implements [codec.Codec]. Structs and types with a MarshalJSON or
// MarshalText method are encoded as by encoding/json.
func (c *Codec) Append(dst []byte, v any) ([]byte, error) {
	e := encoder{limits: c.limits}
	out, err := e.append(dst, v, 0)
	if err == nil && e.foreign {
		err = e.check(out[len(dst):], v)
	}
	if err != nil {
		return dst, fmt.Errorf("json: %w", err)
	}
	return out, nil
}

// Decode implements [codec.Codec].
func (c *Codec) Decode(data []byte, into any) error {
	if err := c.decode(data, into); err != nil {
		return fmt.Errorf("json: %w", err)
	}
	return nil
}

func (c *Codec) decode(data []byte, into any) error {
	if err := codec.CheckTarget(into); err != nil {
		return err
	}
	p := parser{data: data, limits: c.limits, build: plainTarget(data, into)}
	v, err := p.parse()
	if err != nil {
		return err
	}
	if p.build {
		if done, err := codec.Assign(into, v); done {
			return err
		}
	}
	return decodeTyped(data, into)
}

// plainTarget reports whether a tree of plain values is what into takes: it is
// untyped, or data holds a scalar.
func plainTarget(data []byte, into any) bool {
	switch into.(type) {
	case *any, *map[string]any, *[]any:
		return true
	}
	data = bytes.TrimLeft(data, " \t\r\n")
	return len(data) > 0 && data[0] != '{' && data[0] != '['
}

// decodeTyped decodes data, which the parser has accepted.
func decodeTyped(data []byte, into any) error {
	if !codec.HoldsAny(reflect.TypeOf(into)) {
		return typeError(json.Unmarshal(data, into))
	}
	d := decoders.Get().(*numberDecoder)
	defer decoders.Put(d)
	if err := d.decode(data, into); err != nil {
		return typeError(err)
	}
	return codec.PlainIn(into)
}

// typeError bounds the text of err, which may quote the peer's data.
func typeError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %.200s", codec.ErrType, err.Error())
}

// numberDecoder is an encoding/json decoder that keeps numbers as they are
// written where the target is of type any.
type numberDecoder struct{ r bytes.Reader }

var decoders = sync.Pool{New: func() any { return new(numberDecoder) }}

func (d *numberDecoder) decode(data []byte, into any) error {
	d.r.Reset(data)
	defer d.r.Reset(nil)
	dec := json.NewDecoder(&d.r)
	dec.UseNumber()
	return dec.Decode(into)
}
