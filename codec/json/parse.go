package json

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/gosig/gosig/codec"
)

// parser reads one JSON text. It either builds the tree of plain values or
// only checks that it could: the rules are the same for both.
type parser struct {
	data   []byte
	pos    int
	limits codec.Limits
	build  bool
}

func (p *parser) parse() (any, error) {
	if !utf8.Valid(p.data) {
		return nil, fmt.Errorf("%w: invalid UTF-8", codec.ErrMalformed)
	}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.pos < len(p.data) {
		return nil, p.malformed("data after the value")
	}
	return v, nil
}

func (p *parser) malformed(what string) error {
	return fmt.Errorf("%w: %s at byte %d", codec.ErrMalformed, what, p.pos)
}

func (p *parser) space() {
	for p.pos < len(p.data) {
		switch p.data[p.pos] {
		case ' ', '\t', '\r', '\n':
			p.pos++
		default:
			return
		}
	}
}

// peek skips white space and returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	p.space()
	if p.pos == len(p.data) {
		return 0
	}
	return p.data[p.pos]
}

func (p *parser) value(depth int) (any, error) {
	switch c := p.peek(); c {
	case '{':
		return p.object(depth + 1)
	case '[':
		return p.array(depth + 1)
	case '"':
		raw, err := p.str()
		if err != nil || !p.build {
			return nil, err
		}
		return p.text(raw)
	case 't':
		return true, p.word("true")
	case 'f':
		return false, p.word("false")
	case 'n':
		return nil, p.word("null")
	case 0:
		if p.pos == len(p.data) {
			return nil, p.malformed("unexpected end")
		}
	default:
		if c == '-' || isDigit(c) {
			return p.number()
		}
	}
	return nil, p.malformed("no value")
}

func (p *parser) word(w string) error {
	if !bytes.HasPrefix(p.data[p.pos:], []byte(w)) {
		return p.malformed("no value")
	}
	p.pos += len(w)
	return nil
}

func (p *parser) array(depth int) (any, error) {
	if err := p.limits.CheckDepth(depth); err != nil {
		return nil, err
	}
	p.pos++
	list := []any{}
	for n := uint64(1); ; n++ {
		if n == 1 && p.peek() == ']' {
			break
		}
		if err := p.limits.CheckElements(n); err != nil {
			return nil, err
		}
		v, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		if p.build {
			list = append(list, v)
		}
		if p.peek() == ',' {
			p.pos++
			continue
		}
		break
	}
	if !p.build {
		return nil, p.expect(']')
	}
	return list, p.expect(']')
}

func (p *parser) expect(c byte) error {
	if p.peek() != c {
		return p.malformed("expected " + strconv.QuoteRune(rune(c)))
	}
	p.pos++
	return nil
}

func (p *parser) object(depth int) (any, error) {
	if err := p.limits.CheckDepth(depth); err != nil {
		return nil, err
	}
	p.pos++
	var m map[string]any
	if p.build {
		m = make(map[string]any)
	}
	var keys codec.Keys
	for n := uint64(1); ; n++ {
		if n == 1 && p.peek() == '}' {
			break
		}
		if err := p.limits.CheckElements(n); err != nil {
			return nil, err
		}
		if err := p.entry(depth, m, &keys); err != nil {
			return nil, err
		}
		if p.peek() == ',' {
			p.pos++
			continue
		}
		break
	}
	if !p.build {
		return nil, p.expect('}')
	}
	return m, p.expect('}')
}

// entry reads one key and its value into m, or only checks when m is nil.
func (p *parser) entry(depth int, m map[string]any, keys *codec.Keys) error {
	if p.peek() != '"' {
		return p.malformed("expected a key")
	}
	raw, err := p.str()
	if err != nil {
		return err
	}
	key, fresh, err := p.key(raw, m, keys)
	if err != nil {
		return err
	}
	if !fresh {
		return fmt.Errorf("%w: duplicate key %.60q", codec.ErrMalformed, raw)
	}
	if err := p.expect(':'); err != nil {
		return err
	}
	v, err := p.value(depth)
	if err == nil && m != nil {
		m[key] = v
	}
	return err
}

// key unquotes a key and reports whether it is new in its object.
func (p *parser) key(raw []byte, m map[string]any, keys *codec.Keys) (string, bool, error) {
	if m != nil {
		key, err := p.text(raw)
		if err != nil {
			return "", false, err
		}
		_, dup := m[key]
		return key, !dup, nil
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return "", keys.Add(raw[1 : len(raw)-1]), nil
	}
	key, err := p.text(raw)
	return "", keys.Add([]byte(key)), err
}

// str returns a quoted string as it is written, having checked it.
func (p *parser) str() ([]byte, error) {
	start := p.pos
	for p.pos++; p.pos < len(p.data); p.pos++ {
		switch c := p.data[p.pos]; {
		case c == '"':
			p.pos++
			return p.data[start:p.pos], nil
		case c < ' ':
			return nil, p.malformed("control character in a string")
		case c == '\\':
			if err := p.escape(); err != nil {
				return nil, err
			}
		}
	}
	return nil, p.malformed("unexpected end")
}

// escape checks an escape sequence and stops at its last byte. Half of a
// surrogate pair is no character, and is refused.
func (p *parser) escape() error {
	p.pos++
	if p.pos == len(p.data) {
		return p.malformed("unexpected end")
	}
	switch p.data[p.pos] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
	default:
		return p.malformed("unknown escape sequence")
	}
	unit, err := p.hex()
	if err != nil || unit < 0xd800 || unit > 0xdfff {
		return err
	}
	if unit > 0xdbff || !bytes.HasPrefix(p.data[p.pos+1:], []byte(`\u`)) {
		return p.malformed("unpaired surrogate")
	}
	p.pos += 2
	low, err := p.hex()
	if err == nil && (low < 0xdc00 || low > 0xdfff) {
		return p.malformed("unpaired surrogate")
	}
	return err
}

// hex reads the four digits after the u at pos and stops at the last.
func (p *parser) hex() (uint64, error) {
	if len(p.data)-p.pos < 5 {
		return 0, p.malformed("unexpected end")
	}
	n := uint64(0)
	for _, c := range p.data[p.pos+1 : p.pos+5] {
		switch {
		case isDigit(c):
			n = n<<4 | uint64(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			n = n<<4 | uint64(c|0x20-'a'+10)
		default:
			return 0, p.malformed("bad escape sequence")
		}
	}
	p.pos += 4
	return n, nil
}

// text unquotes a string that str has checked.
func (p *parser) text(raw []byte) (string, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (p *parser) digits() bool {
	start := p.pos
	for p.pos < len(p.data) && isDigit(p.data[p.pos]) {
		p.pos++
	}
	return p.pos > start
}

// number checks the grammar: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func (p *parser) number() (any, error) {
	start := p.pos
	p.accept("-")
	first := p.pos
	if !p.digits() || p.data[first] == '0' && p.pos > first+1 {
		return nil, p.malformed("bad number")
	}
	integer := p.pos
	if p.accept(".") && !p.digits() {
		return nil, p.malformed("bad number")
	}
	if p.accept("eE") {
		p.accept("+-")
		if !p.digits() {
			return nil, p.malformed("bad number")
		}
	}
	if p.pos == integer && integer-first < 19 { // fits an int64 whatever its digits
		return p.small(start, first), nil
	}
	n, err := codec.Number(string(p.data[start:p.pos]))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", codec.ErrMalformed, err)
	}
	return n, nil
}

// small reads the digits from first to pos; a minus sign lies before them.
func (p *parser) small(start, first int) any {
	if !p.build {
		return nil
	}
	n := int64(0)
	for _, c := range p.data[first:p.pos] {
		n = n*10 + int64(c-'0')
	}
	if start < first {
		n = -n
	}
	return n
}

// accept skips the next byte if it is one of set.
func (p *parser) accept(set string) bool {
	if p.pos < len(p.data) && bytes.IndexByte([]byte(set), p.data[p.pos]) >= 0 {
		p.pos++
		return true
	}
	return false
}
