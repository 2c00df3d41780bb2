package codec_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/codectest"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/codec/raw"
)

func ExampleNegotiate() {
	server := []codec.Codec{json.New(), cbor.New(), raw.New()}
	chosen, err := codec.Negotiate([]codec.ID{"zstd", "cbor", "json"}, server)
	fmt.Println(chosen.ID(), err)

	_, err = codec.Negotiate([]codec.ID{"zstd"}, server)
	fmt.Println(err)

	// Output:
	// cbor <nil>
	// no codec in common: asked for "zstd", have "json", "cbor", "raw"
}

func ExampleTranscode() {
	data, _ := cbor.New().Append(nil, map[string]any{"temp": 21.0, "raw": []byte{1, 2}})
	text, err := codec.Transcode(nil, cbor.New(), json.New(), data)
	fmt.Println(string(text), err)

	_, err = codec.Transcode(nil, json.New(), raw.New(), []byte("21.5"))
	fmt.Println(err)

	// Output:
	// {"raw":"AQI=","temp":21.0} <nil>
	// transcode json to raw: raw: value cannot be carried: float64 is not []byte; receive it by the codec json or cbor
}

func ExamplePlain() {
	fromSomeLibrary := map[any]any{"n": uint8(7), "list": []float32{0.5}}
	v, err := codec.Plain(fromSomeLibrary)
	m := v.(map[string]any)
	fmt.Printf("%T %T %v\n", m["n"], m["list"], err)

	// Output:
	// int64 []interface {} <nil>
}

// f64 carries one number in eight bytes, for a sensor that has nothing else to
// say. docs/codecs.md shows it.
type f64 struct{}

func (f64) ID() codec.ID { return "f64" }

func (f64) Append(dst []byte, v any) ([]byte, error) {
	plain, err := codec.Plain(v)
	if err != nil {
		return dst, fmt.Errorf("f64: %w", err)
	}
	f, ok := plain.(float64)
	if !ok {
		return dst, fmt.Errorf("f64: %w: %T is not a float", codec.ErrValue, v)
	}
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(f)), nil
}

func (f64) Decode(data []byte, into any) error {
	if err := codec.CheckTarget(into); err != nil {
		return fmt.Errorf("f64: %w", err)
	}
	if len(data) != 8 {
		return fmt.Errorf("f64: %w: %d bytes, want 8", codec.ErrMalformed, len(data))
	}
	f := math.Float64frombits(binary.BigEndian.Uint64(data))
	done, err := codec.Assign(into, f)
	if err == nil && !done {
		err = fmt.Errorf("%w: a float into %T", codec.ErrType, into)
	}
	return err
}

// TestF64 is what the author of a codec writes as its test.
func TestF64(t *testing.T) {
	codectest.Test(t, f64{}, &codectest.Options{
		Refuses: []codectest.Kind{
			codectest.Nil, codectest.Bool, codectest.Int, codectest.Uint, codectest.Text, codectest.Bytes,
			codectest.List, codectest.Map, codectest.Struct, codectest.Time,
		},
		Unlimited: true,
		Malformed: [][]byte{nil, make([]byte, 7), make([]byte, 9)},
	})
}

func ExampleCodec() {
	data, err := f64{}.Append(nil, 21.5)
	fmt.Printf("%x %v\n", data, err)

	text, err := codec.Transcode(nil, f64{}, json.New(), data)
	fmt.Println(string(text), err)

	// Output:
	// 4035800000000000 <nil>
	// 21.5 <nil>
}
