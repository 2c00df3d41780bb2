package cbor

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// tooDeep reports whether v is nested deeper than limit, or refers to itself.
// The library would follow it until the stack ends.
func tooDeep(v reflect.Value, limit int) bool {
	if !v.IsValid() || !mayBeDeep(v.Type()) {
		return false
	}
	// Pointers and structs take a level each on the way to a container's.
	return deeper(v, 4*limit+4)
}

func deeper(v reflect.Value, left int) bool {
	if left == 0 {
		return true
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && deeper(v.Elem(), left-1)
	case reflect.Slice, reflect.Array:
		if !mayBeDeep(v.Type().Elem()) {
			return false
		}
		for i := range v.Len() {
			if deeper(v.Index(i), left-1) {
				return true
			}
		}
	case reflect.Map:
		if !mayBeDeep(v.Type().Elem()) {
			return false
		}
		for it := v.MapRange(); it.Next(); {
			if deeper(it.Value(), left-1) {
				return true
			}
		}
	case reflect.Struct:
		if encodesItself(v.Type()) {
			return false
		}
		for i := range v.NumField() {
			if encoded(v.Type().Field(i)) && deeper(v.Field(i), left-1) {
				return true
			}
		}
	}
	return false
}

var marshalers = []reflect.Type{
	reflect.TypeFor[cbor.Marshaler](), reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler](),
}

// encodesItself reports whether the library calls a method of t instead of
// looking into it.
func encodesItself(t reflect.Type) bool {
	for _, m := range marshalers {
		if reflect.PointerTo(t).Implements(m) {
			return true
		}
	}
	return false
}

// encoded reports whether the library looks at a struct's field.
func encoded(f reflect.StructField) bool {
	tag, ok := f.Tag.Lookup("cbor")
	if !ok {
		tag = f.Tag.Get("json")
	}
	name, _, _ := strings.Cut(tag, ",")
	return (f.IsExported() || f.Anonymous) && name != "-"
}

// deepTypes caches mayBeDeep: reflect.Type -> bool.
var deepTypes sync.Map

// mayBeDeep reports whether values of type t can be nested without end: the
// type holds an interface or itself.
func mayBeDeep(t reflect.Type) bool {
	if known, ok := deepTypes.Load(t); ok {
		return known.(bool)
	}
	deep := unbounded(t, map[reflect.Type]bool{})
	deepTypes.Store(t, deep)
	return deep
}

// unbounded looks for an interface, or for a type among those it is part of.
func unbounded(t reflect.Type, above map[reflect.Type]bool) bool {
	if above[t] {
		return true
	}
	above[t] = true
	defer delete(above, t)
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return unbounded(t.Elem(), above)
	case reflect.Struct:
		if encodesItself(t) {
			return false
		}
		for i := range t.NumField() {
			if f := t.Field(i); encoded(f) && unbounded(f.Type, above) {
				return true
			}
		}
	}
	return false
}
