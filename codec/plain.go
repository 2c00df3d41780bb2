package codec

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Plain brings a tree of values into the value model: every integer becomes an
// int64, or a uint64 above [math.MaxInt64]; float32 becomes float64;
// [json.Number] becomes the number it is; a [time.Time] its RFC 3339 text; lists
// and maps become []any and map[string]any. It is for codecs whose library
// yields other types. The []any and map[string]any of v are changed in place.
// What has no place in the model gives an error that matches ErrValue.
func Plain(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, int64, float64, string, []byte:
		return v, nil
	case uint64:
		return plainUint(v), nil
	case json.Number:
		n, err := Number(string(v))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrValue, err)
		}
		return n, nil
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	case []any:
		return plainList(v)
	case map[string]any:
		return plainMap(v)
	case map[any]any:
		return plainAnyMap(v)
	}
	return plainValue(reflect.ValueOf(v))
}

// Number reads a number as it is written in JSON. Written as an integer it is
// an int64, or a uint64 above [math.MaxInt64], or an error: it is never
// rounded. Written with a point or an exponent it is a float64. The error says
// why; its kind is for the caller to add.
func Number(s string) (any, error) {
	if strings.ContainsAny(s, ".eE") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, fmt.Errorf("number %.40q is no float64", s)
		}
		return f, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return n, nil
	}
	return nil, fmt.Errorf("integer %.40q does not fit 64 bits; send it as text", s)
}

// AppendFloat appends f, which must be finite, in the shortest form that
// [Number] reads back as the same float64: 21 becomes 21.0.
func AppendFloat(dst []byte, f float64) []byte {
	start, format := len(dst), byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	if format == 'e' {
		return dst
	}
	for _, c := range dst[start:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, '.', '0')
}

func plainUint(n uint64) any {
	if n > math.MaxInt64 {
		return n
	}
	return int64(n)
}

func plainList(list []any) (any, error) {
	for i, e := range list {
		p, err := Plain(e)
		if err != nil {
			return nil, err
		}
		list[i] = p
	}
	return list, nil
}

func plainMap(m map[string]any) (any, error) {
	for k, e := range m {
		p, err := Plain(e)
		if err != nil {
			return nil, err
		}
		m[k] = p
	}
	return m, nil
}

func plainAnyMap(m map[any]any) (any, error) {
	out := make(map[string]any, len(m))
	for k, e := range m {
		name, ok := k.(string)
		if !ok {
			return nil, fmt.Errorf("%w: a map's key is a %T, not text", ErrValue, k)
		}
		p, err := Plain(e)
		if err != nil {
			return nil, err
		}
		out[name] = p
	}
	return out, nil
}

func plainValue(v reflect.Value) (any, error) {
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return plainUint(v.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return v.Float(), nil
	case reflect.String:
		return v.String(), nil
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Bytes(), nil
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = v.Index(i).Interface()
		}
		return plainList(list)
	case reflect.Map:
		m := make(map[any]any, v.Len())
		for it := v.MapRange(); it.Next(); {
			key := it.Key()
			if key.Kind() == reflect.String {
				m[key.String()] = it.Value().Interface()
				continue
			}
			m[key.Interface()] = it.Value().Interface()
		}
		return plainAnyMap(m)
	}
	return nil, fmt.Errorf("%w: a %s has no place in an untyped payload", ErrValue, v.Type())
}

// PlainIn walks what the pointer into points to and applies [Plain] to whatever
// its fields and elements of type any hold. It is for codecs that decode into
// a user's struct by a library of their own.
func PlainIn(into any) error {
	v := reflect.ValueOf(into)
	if !HoldsAny(v.Type()) {
		return nil
	}
	return plainIn(v, 0)
}

// maxWalk ends a walk through values that refer to themselves; no payload is
// nested as deep.
const maxWalk = 1000

func plainIn(v reflect.Value, depth int) error {
	if depth > maxWalk || !HoldsAny(v.Type()) {
		return nil
	}
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() || v.NumMethod() > 0 || !v.CanSet() {
			return nil
		}
		p, err := Plain(v.Interface())
		if err == nil && p != nil {
			v.Set(reflect.ValueOf(p))
		}
		return err
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plainIn(v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := plainIn(v.Index(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Map:
		return plainInMap(v, depth)
	case reflect.Struct:
		for i := range v.NumField() {
			if err := plainIn(v.Field(i), depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// plainInMap replaces the elements, since those of a map cannot be changed in
// place.
func plainInMap(v reflect.Value, depth int) error {
	for it := v.MapRange(); it.Next(); {
		e := reflect.New(v.Type().Elem()).Elem()
		e.Set(it.Value())
		if err := plainIn(e, depth+1); err != nil {
			return err
		}
		v.SetMapIndex(it.Key(), e)
	}
	return nil
}

// holdsAny caches HoldsAny: reflect.Type -> bool.
var holdsAny sync.Map

// HoldsAny reports whether a value of type t can hold a value of type any
// somewhere, so that [PlainIn] has to look at it.
func HoldsAny(t reflect.Type) bool {
	if known, ok := holdsAny.Load(t); ok {
		return known.(bool)
	}
	found := findAny(t, map[reflect.Type]bool{})
	holdsAny.Store(t, found)
	return found
}

func findAny(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return t.NumMethod() == 0
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return findAny(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if (f.IsExported() || f.Anonymous) && findAny(f.Type, seen) {
				return true
			}
		}
	}
	return false
}
