package sig

import (
	stdenc "encoding"
	"encoding/json"
	"reflect"
)

var (
	typeAny       = reflect.TypeFor[any]()
	typeNumber    = reflect.TypeFor[json.Number]()
	typeEncoded   = reflect.TypeFor[Encoded]()
	typeMarshal   = reflect.TypeFor[json.Marshaler]()
	typeUnmarshal = reflect.TypeFor[json.Unmarshaler]()
	typeText      = reflect.TypeFor[stdenc.TextMarshaler]()
	typeUntext    = reflect.TypeFor[stdenc.TextUnmarshaler]()
)

// shape says what a type's values look like to a codec, as a set: one kind for
// most types, all of them for an interface.
type shape uint8

const (
	shapeBool shape = 1 << iota
	shapeNumber
	shapeString
	shapeBytes
	shapeArray
	shapeObject

	shapeNone shape = 0 // functions, channels, complex numbers
	shapeAll        = shapeBool | shapeNumber | shapeString | shapeBytes | shapeArray | shapeObject
)

// compatible reports whether [Data] can possibly turn some payload of the type
// from into the type to. A subscription asks when it is made, so that a
// mismatch is known before the first event; nil is a payload without a type.
func compatible(from, to reflect.Type) bool {
	return from == nil || to == nil || from.AssignableTo(to) || fits(from, to, maxShapeDepth)
}

// maxShapeDepth ends the look into types that contain themselves.
const maxShapeDepth = 8

func fits(from, to reflect.Type, depth int) bool {
	from, to = indirect(from), indirect(to)
	have, want := shapeOf(from, typeMarshal, typeText), shapeOf(to, typeUnmarshal, typeUntext)
	if have&want == 0 {
		return false
	}
	if have == shapeAll || want == shapeAll || depth == 0 {
		return true
	}
	fromElem, toElem := elemOf(from), elemOf(to)
	return fromElem == nil || toElem == nil || fits(fromElem, toElem, depth-1)
}

// indirect follows pointers as encoding/json does, but stops at a pointer type
// that points to itself.
func indirect(t reflect.Type) reflect.Type {
	for range maxShapeDepth {
		if t.Kind() != reflect.Pointer {
			break
		}
		t = t.Elem()
	}
	return t
}

// elemOf is the type of the elements of a list or map whose elements alone
// decide: an empty one fits all, and nobody subscribes for that.
func elemOf(t reflect.Type) reflect.Type {
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		return t.Elem()
	}
	return nil
}

// shapeOf gives a type with its own encoding (one of the two interfaces) every
// shape: only its methods know.
func shapeOf(t reflect.Type, own, text reflect.Type) shape {
	switch {
	case t.Kind() == reflect.Interface, implements(t, own), implements(t, typeEncoded):
		return shapeAll
	case t == typeNumber:
		return shapeNumber | shapeString
	case implements(t, text):
		return shapeString
	}
	switch k := t.Kind(); k {
	case reflect.Bool:
		return shapeBool
	case reflect.String:
		return shapeString
	case reflect.Struct, reflect.Map:
		return shapeObject
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 && !hasOwnForm(t.Elem()) {
			return shapeBytes
		}
		return shapeArray
	case reflect.Array:
		return shapeArray
	default:
		if isNumber(k) {
			return shapeNumber
		}
	}
	return shapeNone
}

// hasOwnForm reports whether a type brings its own JSON encoding.
func hasOwnForm(t reflect.Type) bool {
	return t.Kind() != reflect.Interface &&
		(implements(t, typeMarshal) || implements(t, typeText) || implements(t, typeUnmarshal) || implements(t, typeUntext))
}

func implements(t, iface reflect.Type) bool {
	return t.Implements(iface) || t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(iface)
}
