package cbor

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/gosig/gosig/codec"
)

// The major types of RFC 8949 §3.1: the high three bits of an item's head.
const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// Heads of major type 7, simple values and floats.
const (
	simpleFalse = 0xf4
	simpleTrue  = 0xf5
	simpleNull  = 0xf6
	float16     = 0xf9
	float32bit  = 0xfa
	float64bit  = 0xfb
)

// parser reads one CBOR item. It either builds the tree of plain values or
// only checks that it could: the rules are the same for both.
type parser struct {
	data   []byte
	pos    int
	limits codec.Limits
	build  bool
}

func (p *parser) parse() (any, error) {
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.pos < len(p.data) {
		return nil, p.malformed("data after the value")
	}
	return v, nil
}

func (p *parser) malformed(what string) error {
	return fmt.Errorf("%w: %s at byte %d", codec.ErrMalformed, what, p.pos)
}

// head reads an item's first byte and its argument: a value, a length, a
// count, or the bits of a float.
func (p *parser) head() (first byte, arg uint64, err error) {
	if p.pos == len(p.data) {
		return 0, 0, p.malformed("unexpected end")
	}
	first = p.data[p.pos]
	info := first & 31
	if info < 24 {
		p.pos++
		return first, uint64(info), nil
	}
	if info == 31 {
		return 0, 0, p.malformed("indefinite length")
	}
	if info > 27 {
		return 0, 0, p.malformed("reserved additional information")
	}
	size := 1 << (info - 24)
	if len(p.data)-p.pos <= size {
		return 0, 0, p.malformed("unexpected end")
	}
	var word [8]byte
	copy(word[8-size:], p.data[p.pos+1:p.pos+1+size])
	p.pos += 1 + size
	return first, binary.BigEndian.Uint64(word[:]), nil
}

func (p *parser) value(depth int) (any, error) {
	first, arg, err := p.head()
	if err != nil {
		return nil, err
	}
	switch first >> 5 {
	case majorUint:
		if arg > math.MaxInt64 {
			return arg, nil
		}
		return int64(arg), nil
	case majorNegative:
		if arg > math.MaxInt64 {
			return nil, p.malformed("integer below those of an int64")
		}
		return -1 - int64(arg), nil
	case majorBytes, majorText:
		return p.str(first>>5, arg)
	case majorArray:
		return p.array(depth+1, arg)
	case majorMap:
		return p.object(depth+1, arg)
	case majorTag:
		return nil, p.malformed("a tag (as for a big number)")
	}
	return p.simple(first, arg)
}

// take returns the next n bytes, still part of data.
func (p *parser) take(n uint64) ([]byte, error) {
	if n > uint64(len(p.data)-p.pos) {
		return nil, p.malformed("unexpected end")
	}
	s := p.data[p.pos : p.pos+int(n)]
	p.pos += int(n)
	return s, nil
}

func (p *parser) str(major byte, n uint64) (any, error) {
	s, err := p.take(n)
	if err != nil {
		return nil, err
	}
	if major == majorText && !utf8.Valid(s) {
		return nil, p.malformed("invalid UTF-8")
	}
	switch {
	case !p.build:
		return nil, nil
	case major == majorText:
		return string(s), nil
	}
	return append([]byte{}, s...), nil
}

// enter checks a container's depth and count against the limits, and the count
// against the bytes there are, before anything is made for it.
func (p *parser) enter(depth int, n, least uint64) error {
	if err := p.limits.CheckDepth(depth); err != nil {
		return err
	}
	if err := p.limits.CheckElements(n); err != nil {
		return err
	}
	if n*least > uint64(len(p.data)-p.pos) {
		return p.malformed("unexpected end")
	}
	return nil
}

// firstRoom is for how many elements room is made in advance.
const firstRoom = 16

func (p *parser) array(depth int, n uint64) (any, error) {
	if err := p.enter(depth, n, 1); err != nil {
		return nil, err
	}
	var list []any
	if p.build {
		list = make([]any, 0, min(n, firstRoom))
	}
	for range n {
		v, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		if p.build {
			list = append(list, v)
		}
	}
	if !p.build {
		return nil, nil
	}
	return list, nil
}

func (p *parser) object(depth int, n uint64) (any, error) {
	if err := p.enter(depth, n, 2); err != nil {
		return nil, err
	}
	var m map[string]any
	if p.build {
		m = make(map[string]any, min(n, firstRoom))
	}
	var keys codec.Keys
	for range n {
		if err := p.entry(depth, m, &keys); err != nil {
			return nil, err
		}
	}
	if !p.build {
		return nil, nil
	}
	return m, nil
}

// entry reads one key and its value into m, or only checks when m is nil.
func (p *parser) entry(depth int, m map[string]any, keys *codec.Keys) error {
	first, n, err := p.head()
	if err != nil {
		return err
	}
	if first>>5 != majorText {
		return p.malformed("a map's key is not text")
	}
	raw, err := p.take(n)
	if err != nil {
		return err
	}
	if !utf8.Valid(raw) {
		return p.malformed("invalid UTF-8")
	}
	var key string
	var dup bool
	if m == nil {
		dup = !keys.Add(raw)
	} else {
		key = string(raw)
		_, dup = m[key]
	}
	if dup {
		return fmt.Errorf("%w: duplicate key %.60q", codec.ErrMalformed, raw)
	}
	v, err := p.value(depth)
	if err == nil && m != nil {
		m[key] = v
	}
	return err
}

func (p *parser) simple(first byte, arg uint64) (any, error) {
	switch first {
	case simpleFalse:
		return false, nil
	case simpleTrue:
		return true, nil
	case simpleNull:
		return nil, nil
	case float16:
		return widen16(uint16(arg)), nil
	case float32bit:
		return float64(math.Float32frombits(uint32(arg))), nil
	case float64bit:
		return math.Float64frombits(arg), nil
	}
	return nil, p.malformed("simple value other than false, true and null")
}
