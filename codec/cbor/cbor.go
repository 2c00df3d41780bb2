// Package cbor is the codec named "cbor": compact payloads (RFC 8949).
//
// The encoding is deterministic (RFC 8949 §4.2.1): shortest forms, definite
// lengths, keys in order. []byte is a byte string, [time.Time] is RFC 3339
// text, and there are no tags, so that a payload survives a transcoding to
// JSON and back. Struct fields are named by their json tags. The decoder
// refuses tags, indefinite lengths, keys that are not text, duplicate keys,
// invalid UTF-8, trailing data and integers that do not fit 64 bits, and
// ignores unknown struct fields. Text that came from a JSON peer is decoded
// into a []byte as base64, also inside a struct.
//
//	data, err := cbor.New().Append(nil, map[string]any{"temp": 21.5})
package cbor

import (
	"fmt"

	"github.com/gosig/gosig/codec"
)

// ID is the codec's name in the negotiation.
const ID codec.ID = "cbor"

// Codec is the CBOR codec. Make it with [New].
type Codec struct {
	limits codec.Limits
	lib    *library
}

// New returns a CBOR codec with the default limits of [codec.Limits].
func New() *Codec { return WithLimits(codec.Limits{}) }

// WithLimits returns a CBOR codec with limits of the caller's.
func WithLimits(limits codec.Limits) *Codec {
	return &Codec{limits: limits.WithDefaults(), lib: newLibrary()}
}

// ID implements [codec.Codec].
func (c *Codec) ID() codec.ID { return ID }

// Append implements [codec.Codec].
func (c *Codec) Append(dst []byte, v any) ([]byte, error) {
	e := encoder{limits: c.limits, lib: c.lib}
	out, err := e.append(dst, v, 0)
	if err == nil && e.foreign {
		err = e.check(out[len(dst):])
	}
	if err != nil {
		return dst, fmt.Errorf("cbor: %w", err)
	}
	return out, nil
}

// Decode implements [codec.Codec].
func (c *Codec) Decode(data []byte, into any) error {
	if err := c.decode(data, into); err != nil {
		return fmt.Errorf("cbor: %w", err)
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
	return c.lib.decode(data, into)
}

// plainTarget reports whether a tree of plain values is what into takes: it is
// untyped, or data holds a scalar.
func plainTarget(data []byte, into any) bool {
	switch into.(type) {
	case *any, *map[string]any, *[]any:
		return true
	}
	return len(data) > 0 && data[0]>>5 != majorArray && data[0]>>5 != majorMap
}
