package codec_test

import (
	"encoding/base64"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/codectest"
)

// trees generates plain values up to a depth. Finite leaves out NaN and the
// infinities, which JSON has not.
func trees(depth int, finite bool) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.Int64().AsAny(),
		rapid.Uint64Min(math.MaxInt64 + 1).AsAny(),
		rapid.Float64().Filter(func(f float64) bool {
			return !finite || !math.IsNaN(f) && !math.IsInf(f, 0)
		}).AsAny(),
		rapid.Map(rapid.Int32(), func(n int32) any { return float64(n) }), // whole floats
		rapid.String().AsAny(),
		rapid.SliceOf(rapid.Byte()).AsAny(),
	}
	if depth > 0 {
		inner := rapid.Deferred(func() *rapid.Generator[any] { return trees(depth-1, finite) })
		kinds = append(kinds,
			rapid.SliceOfN(inner, 0, 5).AsAny(),
			rapid.MapOfN(rapid.String(), inner, 0, 12).AsAny(),
		)
	}
	return rapid.OneOf(kinds...)
}

// bytesToText is what JSON makes of a tree: bytes become base64 text.
func bytesToText(v any) any {
	switch v := v.(type) {
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = bytesToText(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = bytesToText(e)
		}
		return out
	}
	return v
}

func decodeAny(t *rapid.T, c codec.Codec, data []byte) any {
	var v any
	if err := c.Decode(data, &v); err != nil {
		t.Fatalf("%s: Decode(%q): %v", c.ID(), data, err)
	}
	return v
}

func appendAny(t *rapid.T, c codec.Codec, v any) []byte {
	data, err := c.Append(nil, v)
	if err != nil {
		t.Fatalf("%s: Append(%#v): %v", c.ID(), v, err)
	}
	return data
}

func transcode(t *rapid.T, from, to codec.Codec, data []byte) []byte {
	out, err := codec.Transcode(nil, from, to, data)
	if err != nil {
		t.Fatalf("%s to %s: %q: %v", from.ID(), to.ID(), data, err)
	}
	return out
}

func TestTreesSurviveCBOR(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := trees(4, false).Draw(t, "tree")
		data := appendAny(t, cborCodec, want)
		got := decodeAny(t, cborCodec, data)
		if !codectest.Equal(got, want) {
			t.Fatalf("got %#v, want %#v", got, want)
		}
		if again := appendAny(t, cborCodec, got); string(again) != string(data) {
			t.Fatalf("not deterministic: %x, then %x", data, again)
		}
	})
}

func TestTreesSurviveJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := trees(4, true).Draw(t, "tree")
		got := decodeAny(t, jsonCodec, appendAny(t, jsonCodec, tree))
		if want := bytesToText(tree); !codectest.Equal(got, want) {
			t.Fatalf("got %#v, want %#v", got, want)
		}
	})
}

// TestTreesSurviveTranscoding: after the first step through JSON nothing
// changes any more, however often a payload is carried over.
func TestTreesSurviveTranscoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := trees(4, true).Draw(t, "tree")
		want := bytesToText(tree)
		text := appendAny(t, jsonCodec, tree)
		binary := transcode(t, jsonCodec, cborCodec, text)
		if got := decodeAny(t, cborCodec, binary); !codectest.Equal(got, want) {
			t.Fatalf("json to cbor: got %#v, want %#v", got, want)
		}
		if back := transcode(t, cborCodec, jsonCodec, binary); string(back) != string(text) {
			t.Fatalf("json to cbor to json: got %s, want %s", back, text)
		}
		// The other way round, starting with true byte strings.
		text = transcode(t, cborCodec, jsonCodec, appendAny(t, cborCodec, tree))
		if got := decodeAny(t, jsonCodec, text); !codectest.Equal(got, want) {
			t.Fatalf("cbor to json: got %#v, want %#v", got, want)
		}
	})
}

func TestBytesSurviveRaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Byte(), 1, -1).Draw(t, "bytes")
		for _, via := range []codec.Codec{jsonCodec, cborCodec} {
			var got []byte
			data := transcode(t, rawCodec, via, appendAny(t, rawCodec, want))
			if err := via.Decode(data, &got); err != nil || string(got) != string(want) {
				t.Fatalf("raw to %s: got %x, %v, want %x", via.ID(), got, err, want)
			}
		}
		data := transcode(t, cborCodec, rawCodec, appendAny(t, cborCodec, want))
		if string(data) != string(want) {
			t.Fatalf("cbor to raw: got %x, want %x", data, want)
		}
	})
}
