package codec

import (
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"time"
)

// CheckTarget returns an error that matches ErrType unless into is a non-nil
// pointer. A Decode method calls it first.
func CheckTarget(into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("%w: decode into %T, want a non-nil pointer", ErrType, into)
	}
	return nil
}

// Assign stores the plain value v in what the non-nil pointer into points to,
// if that is any, a bool, number, string, []byte, [time.Time], []any,
// map[string]any, or a type of the user's made of a bool, number or string
// without an Unmarshal method. Otherwise it reports false, and the codec has to
// decode by other means. Numbers are converted when nothing is lost; base64
// text becomes bytes, RFC 3339 text a time, and nil the zero value. What does
// not fit gives an error that matches ErrType.
func Assign(into, v any) (bool, error) {
	switch p := into.(type) {
	case *any:
		*p = v
		return true, nil
	case *string:
		return true, assignTo(p, v)
	case *bool:
		return true, assignTo(p, v)
	case *[]any:
		return true, assignTo(p, v)
	case *map[string]any:
		return true, assignTo(p, v)
	case *[]byte:
		return true, assignBytes(p, v)
	case *time.Time:
		return true, assignTime(p, v)
	}
	target := reflect.ValueOf(into)
	if decodesItself(target.Type()) {
		return false, nil
	}
	return assignValue(target.Elem(), v)
}

func assignTo[T any](p *T, v any) error {
	if v == nil {
		var zero T
		*p = zero
		return nil
	}
	value, ok := v.(T)
	if !ok {
		return misfit(v, reflect.TypeFor[T]())
	}
	*p = value
	return nil
}

func assignBytes(p *[]byte, v any) error {
	text, ok := v.(string)
	if !ok {
		return assignTo(p, v)
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("%w: text into []byte must be base64: %w", ErrType, err)
	}
	*p = data
	return nil
}

func assignTime(p *time.Time, v any) error {
	text, ok := v.(string)
	if !ok {
		return assignTo(p, v)
	}
	if err := p.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("%w: text %.40q into time.Time must be RFC 3339", ErrType, text)
	}
	return nil
}

// decodesItself reports whether the pointer type has an Unmarshal method of
// its own, which has to decide.
func decodesItself(t reflect.Type) bool {
	if t.NumMethod() == 0 {
		return false
	}
	for _, name := range []string{"UnmarshalJSON", "UnmarshalText", "UnmarshalCBOR"} {
		if _, ok := t.MethodByName(name); ok {
			return true
		}
	}
	return false
}

func assignValue(dst reflect.Value, v any) (bool, error) {
	switch dst.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64, reflect.String, reflect.Bool:
	default:
		return false, nil
	}
	if v == nil {
		dst.SetZero()
		return true, nil
	}
	if !set(dst, v) {
		return true, misfit(v, dst.Type())
	}
	return true, nil
}

// set stores v in a bool, number or string if it fits.
func set(dst reflect.Value, v any) bool {
	switch {
	case dst.Kind() == reflect.String:
		s, ok := v.(string)
		dst.SetString(s)
		return ok
	case dst.Kind() == reflect.Bool:
		b, ok := v.(bool)
		dst.SetBool(b)
		return ok
	case dst.CanInt():
		n, ok := toInt(v)
		dst.SetInt(n)
		return ok && !dst.OverflowInt(n)
	case dst.CanUint():
		n, ok := toUint(v)
		dst.SetUint(n)
		return ok && !dst.OverflowUint(n)
	}
	f, ok := toFloat(v)
	dst.SetFloat(f)
	return ok && !dst.OverflowFloat(f)
}

func toInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		// -2^63 is a float64 and an int64, 2^63 is only the former.
		if v == math.Trunc(v) && v >= -(1<<63) && v < 1<<63 {
			return int64(v), true
		}
	}
	return 0, false
}

func toUint(v any) (uint64, bool) {
	switch v := v.(type) {
	case uint64:
		return v, true
	case int64:
		return uint64(v), v >= 0
	case float64:
		if v == math.Trunc(v) && v >= 0 && v < 1<<64 {
			return uint64(v), true
		}
	}
	return 0, false
}

func toFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		f := float64(v)
		back, ok := toInt(f)
		return f, ok && back == v
	case uint64:
		f := float64(v)
		back, ok := toUint(f)
		return f, ok && back == v
	}
	return 0, false
}

// misfit describes v by its type, and numbers by their value.
func misfit(v any, t reflect.Type) error {
	switch v.(type) {
	case int64, uint64, float64:
		return fmt.Errorf("%w: number %v into %s", ErrType, v, t)
	case map[string]any:
		return fmt.Errorf("%w: a map into %s", ErrType, t)
	case []any:
		return fmt.Errorf("%w: a list into %s", ErrType, t)
	}
	return fmt.Errorf("%w: a %T into %s", ErrType, v, t)
}
