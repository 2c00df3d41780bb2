package sig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
)

// Encoded is a payload that came from another process and is decoded only when
// somebody looks at it. Handlers never see one: they get a value of their type,
// or of the plain types.
type Encoded interface {
	// Decode decodes into what the non-nil pointer points to; a *any gets plain
	// values: nil, bool, int64, uint64, float64, string, []byte, []any and
	// map[string]any. It can be called from several goroutines at once.
	Decode(into any) error
}

// Giver is an [Encoded] in memory that nobody else uses, whose codec sends bytes
// as they are: Give hands them over without a copy. Who has called it does not
// use the Encoded any more.
type Giver interface {
	Give() (data []byte, ok bool)
}

// Data turns a payload into a T, and is what a typed subscription does with
// each event and a typed call with its reply:
//
//   - a T, or what can be assigned to one, stays as it is; nil is the zero T;
//   - an [Encoded] is decoded;
//   - a number becomes any type of number that can hold it: no overflow, no
//     lost fraction and no rounded integer; only a float32 may round a float64;
//   - all else goes through encoding/json, if that can work at all, such as a
//     struct to a map and back, so that it makes no difference whether the
//     payload came from this process or another.
//
// A type that can never fit is an [ErrTypeMismatch], a value that does not fit
// an [ErrBadPayload].
func Data[T any](v any) (T, error) {
	if g, ok := v.(Giver); ok {
		if t, ok := given[T](g); ok {
			return t, nil
		}
	}
	return converted[T](v)
}

// given is the payload's bytes without a copy, where that is what is wanted.
func given[T any](g Giver) (t T, ok bool) {
	if into, bytes := any(&t).(*[]byte); bytes {
		*into, ok = g.Give()
	}
	return t, ok
}

// converted is Data without that.
func converted[T any](v any) (T, error) {
	var out T
	enc, encoded := v.(Encoded)
	_, untyped := any(&out).(*any)
	if t, ok := v.(T); ok && !(encoded && untyped) {
		return t, nil
	}
	var err error
	if encoded {
		err = decodeInto(enc, &out)
	} else {
		err = convertInto(reflect.ValueOf(&out).Elem(), v)
	}
	if err != nil {
		var zero T // not what was decoded up to the error
		return zero, err
	}
	return out, nil
}

// convertTo is [Data] for a type known only at run time.
func convertTo(v any, to reflect.Type) (reflect.Value, error) {
	out := reflect.New(to)
	if enc, ok := v.(Encoded); ok && (to == typeAny || !reflect.TypeOf(v).AssignableTo(to)) {
		return out.Elem(), decodeInto(enc, out.Interface())
	}
	return out.Elem(), convertInto(out.Elem(), v)
}

func decodeInto(enc Encoded, into any) error {
	err := enc.Decode(into)
	if _, ok := err.(*Error); err == nil || ok {
		return err
	}
	return NewError(CodeBadPayload, err.Error())
}

// convertInto sets out to v. What comes first wins; the order is such that a
// type with its own JSON form has that form here as well.
func convertInto(out reflect.Value, v any) error {
	if v == nil {
		out.SetZero()
		return nil
	}
	in, to := reflect.ValueOf(v), out.Type()
	from := in.Type()
	switch {
	case from.AssignableTo(to):
		out.Set(in)
		return nil
	case !compatible(from, to):
		return mismatch(from, to)
	case from.Kind() == reflect.Pointer && !in.IsNil() && from.Elem() == to:
		out.Set(in.Elem())
		return nil
	case to.Kind() == reflect.Pointer && to.Elem() == from:
		out.Set(reflect.New(from))
		out.Elem().Set(in)
		return nil
	case from == typeNumber && isNumber(to.Kind()):
		return setJSONNumber(out, v.(json.Number))
	case hasOwnForm(from) || hasOwnForm(to):
		return convertByJSON(out, v)
	case isNumber(from.Kind()) && isNumber(to.Kind()):
		return setNumber(out, in)
	case from.Kind() == to.Kind() && from.ConvertibleTo(to):
		out.Set(in.Convert(to))
		return nil
	}
	return convertByJSON(out, v)
}

func mismatch(from, to reflect.Type) error {
	return NewError(CodeTypeMismatch, fmt.Sprintf("%s cannot become %s", from, to))
}

func isInt(k reflect.Kind) bool    { return reflect.Int <= k && k <= reflect.Int64 }
func isUint(k reflect.Kind) bool   { return reflect.Uint <= k && k <= reflect.Uintptr }
func isFloat(k reflect.Kind) bool  { return k == reflect.Float32 || k == reflect.Float64 }
func isNumber(k reflect.Kind) bool { return isInt(k) || isUint(k) || isFloat(k) }

// setNumber sets out to the number in, or says why it would not be the same
// number afterwards.
func setNumber(out, in reflect.Value) error {
	var ok bool
	switch {
	case isInt(in.Kind()):
		ok = setInt(out, in.Int())
	case isUint(in.Kind()):
		ok = setUint(out, in.Uint())
	default:
		ok = setFloat(out, in.Float())
	}
	if !ok {
		return notHeld(fmt.Sprint(in.Interface()), out.Type())
	}
	return nil
}

func notHeld(number string, to reflect.Type) error {
	return NewError(CodeBadPayload, fmt.Sprintf("the number %s does not fit into %s", number, to))
}

func setInt(out reflect.Value, n int64) bool {
	switch k := out.Kind(); {
	case isInt(k):
		out.SetInt(n)
		return out.Int() == n
	case isUint(k):
		return n >= 0 && setUint(out, uint64(n))
	}
	out.SetFloat(float64(n))
	f := out.Float()
	return f < 1<<63 && int64(f) == n // 1<<63 would wrap around
}

func setUint(out reflect.Value, n uint64) bool {
	switch k := out.Kind(); {
	case isInt(k):
		return n <= math.MaxInt64 && setInt(out, int64(n))
	case isUint(k):
		out.SetUint(n)
		return out.Uint() == n
	}
	out.SetFloat(float64(n))
	f := out.Float()
	return f < 1<<64 && uint64(f) == n
}

func setFloat(out reflect.Value, f float64) bool {
	switch k := out.Kind(); {
	case isInt(k):
		return f == math.Trunc(f) && -(1<<63) <= f && f < 1<<63 && setInt(out, int64(f))
	case isUint(k):
		return f == math.Trunc(f) && 0 <= f && f < 1<<64 && setUint(out, uint64(f))
	}
	if out.OverflowFloat(f) {
		return false
	}
	out.SetFloat(f)
	return true
}

// setJSONNumber reads the digits as the narrowest plain number they fit.
func setJSONNumber(out reflect.Value, n json.Number) error {
	plain := plainNumber(n)
	if _, bad := plain.(json.Number); bad {
		return NewError(CodeBadPayload, fmt.Sprintf("%q is not a number", string(n)))
	}
	if setNumber(out, reflect.ValueOf(plain)) != nil {
		return notHeld(string(n), out.Type())
	}
	return nil
}

// plainNumber makes an int64, else a uint64, else a float64 of n; digits that
// are none of these stay as they are.
func plainNumber(n json.Number) any {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return i
	}
	if u, err := strconv.ParseUint(string(n), 10, 64); err == nil {
		return u
	}
	if f, err := strconv.ParseFloat(string(n), 64); err == nil {
		return f
	}
	return n
}

// convertByJSON converts as a JSON codec between two processes would. It
// recovers because the types' own marshalling methods are foreign code.
func convertByJSON(out reflect.Value, v any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = NewError(CodeBadPayload, fmt.Sprintf("converting a %T to a %s panicked: %v", v, out.Type(), p))
		}
	}()
	text, err := json.Marshal(v)
	if err != nil {
		return NewError(CodeBadPayload, err.Error())
	}
	into := reflect.New(out.Type()) // a failure must not leave half a value in out
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // int64 and uint64 keep all their digits
	if err := dec.Decode(into.Interface()); err != nil {
		return NewError(CodeBadPayload, err.Error())
	}
	plainNumbers(into.Elem())
	out.Set(into.Elem())
	return nil
}

// plainNumbers replaces each json.Number within an interface by a plain number.
// Only maps, slices, structs, arrays and pointers can hold an interface.
func plainNumbers(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		plainInterface(v)
	case reflect.Pointer:
		plainNumbers(v.Elem())
	case reflect.Slice, reflect.Array:
		if !mayHoldNumbers(v.Type().Elem().Kind()) {
			return
		}
		for i := range v.Len() {
			plainNumbers(v.Index(i))
		}
	case reflect.Struct:
		for _, f := range v.Fields() {
			if f.CanSet() {
				plainNumbers(f)
			}
		}
	case reflect.Map:
		plainMap(v)
	}
}

func plainInterface(v reflect.Value) {
	switch held := v.Interface().(type) {
	case json.Number:
		if v.NumMethod() == 0 && v.CanSet() {
			v.Set(reflect.ValueOf(plainNumber(held)))
		}
	case map[string]any, []any:
		plainNumbers(v.Elem())
	}
}

// plainMap works on copies: elements of a map cannot be set in place.
func plainMap(v reflect.Value) {
	if !mayHoldNumbers(v.Type().Elem().Kind()) {
		return
	}
	elem := reflect.New(v.Type().Elem()).Elem()
	for it := v.MapRange(); it.Next(); {
		elem.Set(it.Value())
		plainNumbers(elem)
		v.SetMapIndex(it.Key(), elem)
	}
}

func mayHoldNumbers(k reflect.Kind) bool {
	switch k {
	case reflect.Interface, reflect.Pointer, reflect.Slice, reflect.Array, reflect.Struct, reflect.Map:
		return true
	}
	return false
}
