package cbor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"

	"github.com/fxamacker/cbor/v2"

	"github.com/gosig/gosig/codec"
)

// library encodes and decodes the user's own types. Its options make it do as
// encoding/json does, so that one struct serves both codecs.
type library struct {
	enc cbor.UserBufferEncMode
	dec cbor.DecMode
}

func newLibrary() *library {
	e := cbor.CoreDetEncOptions()
	e.Time = cbor.TimeRFC3339Nano
	e.TagsMd = cbor.TagsForbidden
	e.OmitEmpty = cbor.OmitEmptyGoValue
	e.ByteArray = cbor.ByteArrayToArray
	e.BinaryMarshaler = cbor.BinaryMarshalerNone
	e.TextMarshaler = cbor.TextMarshalerTextString
	e.JSONMarshalerTranscoder = transcoder(fromJSON)
	enc, err := e.UserBufferEncMode()
	if err != nil {
		panic(err) // the options are constants
	}
	// The parser has been over the data with narrower limits before.
	dec, err := cbor.DecOptions{
		DupMapKey:                 cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:           math.MaxUint16,
		MaxArrayElements:          math.MaxInt32,
		MaxMapPairs:               math.MaxInt32,
		IndefLength:               cbor.IndefLengthForbidden,
		TagsMd:                    cbor.TagsForbidden,
		DefaultMapType:            reflect.TypeFor[map[string]any](),
		BinaryUnmarshaler:         cbor.BinaryUnmarshalerNone,
		TextUnmarshaler:           cbor.TextUnmarshalerTextString,
		JSONUnmarshalerTranscoder: transcoder(jsonText),
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return &library{enc: enc, dec: dec}
}

// decode decodes data, which the parser has accepted.
func (l *library) decode(data []byte, into any) error {
	err := l.dec.Unmarshal(data, into)
	var mismatch *cbor.UnmarshalTypeError
	if errors.As(err, &mismatch) && mismatch.CBORType != byteString && decodeAsJSON(data, reflect.ValueOf(into).Elem()) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("%w: %.200s", codec.ErrType, err.Error())
	}
	return codec.PlainIn(into)
}

// byteString is how the library calls major type 2 in its errors.
const byteString = "byte string"

// decodeAsJSON decodes as a JSON peer would, for what such a peer has written:
// base64 text into []byte, and text keys into a map of numbers.
func decodeAsJSON(data []byte, dst reflect.Value) bool {
	text, err := jsonText(data)
	if err != nil {
		return false
	}
	fresh := reflect.New(dst.Type())
	if decodeJSON(text, fresh.Interface()) != nil {
		return false
	}
	dst.Set(fresh.Elem())
	return true
}

func decodeJSON(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return dec.Decode(into)
}

// transcoder is a function as the library's interface wants it. It is called
// for types that have a MarshalJSON or UnmarshalJSON method.
type transcoder func(data []byte) ([]byte, error)

// Transcode implements [cbor.Transcoder].
func (f transcoder) Transcode(dst io.Writer, src io.Reader) error {
	data, err := io.ReadAll(src)
	if err != nil {
		return err
	}
	out, err := f(data)
	if err == nil {
		_, err = dst.Write(out)
	}
	return err
}

func fromJSON(text []byte) ([]byte, error) {
	var v any
	if err := decodeJSON(text, &v); err != nil {
		return nil, err
	}
	v, err := codec.Plain(v)
	if err != nil {
		return nil, err
	}
	e := encoder{limits: unlimited}
	return e.append(nil, v, 0)
}

// unlimited is for parts of a payload: the whole is checked.
var unlimited = codec.Limits{Depth: math.MaxInt32, Elements: math.MaxInt32}

// jsonText returns the JSON of a CBOR item: floats as floats, bytes as base64.
func jsonText(data []byte) ([]byte, error) {
	p := parser{data: data, limits: unlimited, build: true}
	v, err := p.parse()
	if err != nil {
		return nil, err
	}
	return json.Marshal(keepFloats(v))
}

// keepFloats replaces each float of a tree by its JSON text, in place, since
// encoding/json would make an integer of a whole one.
func keepFloats(v any) any {
	switch v := v.(type) {
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return json.Number(codec.AppendFloat(nil, v))
		}
	case []any:
		for i, e := range v {
			v[i] = keepFloats(e)
		}
	case map[string]any:
		for k, e := range v {
			v[k] = keepFloats(e)
		}
	}
	return v
}
