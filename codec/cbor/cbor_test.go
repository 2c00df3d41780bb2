package cbor_test

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	fxcbor "github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/codectest"
)

func TestCodec(t *testing.T) {
	var bad [][]byte
	for data := range malformed {
		bad = append(bad, unhex(t, data))
	}
	codectest.Test(t, cbor.New(), &codectest.Options{Malformed: bad})
}

func unhex(t testing.TB, s string) []byte {
	data, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return data
}

// malformed holds inputs, as hex, and what the error says of them.
var malformed = map[string]string{
	"":                         "unexpected end at byte 0",
	"18":                       "unexpected end at byte 0",
	"1b 00000000000000":        "unexpected end at byte 0",
	"62 61":                    "unexpected end at byte 1",
	"00 00":                    "data after the value at byte 1",
	"82 01":                    "unexpected end at byte 1",
	"a1 61 61":                 "unexpected end at byte 3",
	"9f ff":                    "indefinite length at byte 0",
	"bf ff":                    "indefinite length at byte 0",
	"5f 41 00 ff":              "indefinite length at byte 0",
	"7f ff":                    "indefinite length at byte 0",
	"ff":                       "indefinite length at byte 0",
	"1c":                       "reserved additional information at byte 0",
	"c0 60":                    "a tag (as for a big number) at byte 1",
	"c2 41 01":                 "a tag (as for a big number) at byte 1",
	"d9d9f7 00":                "a tag (as for a big number) at byte 3",
	"f7":                       "simple value other than false, true and null at byte 1",
	"e0":                       "simple value other than false, true and null at byte 1",
	"f8 20":                    "simple value other than false, true and null at byte 2",
	"f8 14":                    "simple value other than false, true and null at byte 2",
	"61 ff":                    "invalid UTF-8 at byte 2",
	"63 eda080":                "invalid UTF-8 at byte 4",
	"a1 61 ff 00":              "invalid UTF-8 at byte 3",
	"a1 01 02":                 "a map's key is not text at byte 2",
	"a1 41 61 02":              "a map's key is not text at byte 2",
	"a2 61 61 01 61 61 02":     `duplicate key "a"`,
	"81 a2 61 61 01 61 61 02":  `duplicate key "a"`,
	"a2 61 61 01 7801 61 02":   `duplicate key "a"`,
	"3b 8000000000000000":      "integer below those of an int64 at byte 9",
	"9a ffffffff":              "a list or map has more than 65536 elements",
	"bb 7fffffffffffffff":      "a list or map has more than 65536 elements",
	"9a 00010000 00":           "unexpected end at byte 5",
	"5b ffffffffffffffff 00":   "unexpected end at byte 9",
	"7b 7fffffffffffffff 00":   "unexpected end at byte 9",
	strings.Repeat("81", 17):   "lists and maps nested deeper than 16",
	strings.Repeat("81", 1000): "lists and maps nested deeper than 16",
}

func TestMalformed(t *testing.T) {
	for data, want := range malformed {
		var v any
		err := cbor.New().Decode(unhex(t, data), &v)
		assert.ErrorContains(t, err, want, "%.60s", data)
	}
}

// TestVectors are from RFC 8949, appendix A, as far as they are in the model.
func TestVectors(t *testing.T) {
	for data, want := range map[string]any{
		"00": int64(0), "17": int64(23), "1818": int64(24), "1903e8": int64(1000), "1a000f4240": int64(1000000),
		"1b000000e8d4a51000": int64(1000000000000), "1bffffffffffffffff": uint64(math.MaxUint64), "20": int64(-1), "3903e7": int64(-1000),
		"3b7fffffffffffffff": int64(math.MinInt64),
		"f90000":             0.0, "f98000": math.Copysign(0, -1), "f93c00": 1.0, "fb3ff199999999999a": 1.1, "f93e00": 1.5, "f97bff": 65504.0,
		"fa47c35000": 100000.0, "fa7f7fffff": 3.4028234663852886e+38, "fb7e37e43c8800759c": 1.0e+300, "f90001": 5.960464477539063e-8,
		"f90400": 0.00006103515625, "f9c400": -4.0, "fbc010666666666666": -4.1, "f97c00": math.Inf(1), "f97e00": math.NaN(), "f9fc00": math.Inf(-1),
		"f4": false, "f5": true, "f6": nil, "40": []byte{}, "4401020304": []byte{1, 2, 3, 4},
		"60": "", "6161": "a", "62225c": "\"\\", "62c3bc": "ü", "64f0908591": "\U00010151",
		"80": []any{}, "83010203": []any{int64(1), int64(2), int64(3)}, "8301820203820405": []any{int64(1), []any{int64(2), int64(3)}, []any{int64(4), int64(5)}},
		"a0": map[string]any{}, "a26161016162820203": map[string]any{"a": int64(1), "b": []any{int64(2), int64(3)}},
	} {
		var got any
		require.NoError(t, cbor.New().Decode(unhex(t, data), &got), data)
		assert.True(t, codectest.Equal(got, want), "%s: got %#v, want %#v", data, got, want)
		encoded, err := cbor.New().Append(nil, want)
		require.NoError(t, err)
		assert.Equal(t, data, hex.EncodeToString(encoded))
	}
}

// TestLongForms: what is valid CBOR without being deterministic is accepted.
func TestLongForms(t *testing.T) {
	for data, want := range map[string]any{
		"1b0000000000000001": int64(1), "7a0000000161": "a", "fb3ff0000000000000": 1.0, "a2616200616100": map[string]any{"a": int64(0), "b": int64(0)},
	} {
		var got any
		require.NoError(t, cbor.New().Decode(unhex(t, data), &got), data)
		assert.Equal(t, want, got)
	}
}

type record struct {
	Name  string            `json:"name"`
	Data  []byte            `json:"data"`
	At    time.Time         `json:"at"`
	Addr  netip.Addr        `json:"addr"`
	Raw   json.RawMessage   `json:"raw,omitempty"`
	Any   any               `json:"any"`
	Parts map[string][]byte `json:"parts,omitempty"`
	List  []record          `json:"list,omitempty"`
	Skip  *record           `json:"-"`
}

func sample() record {
	return record{
		Name: "a", Data: []byte{1, 2, 255}, At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)),
		Addr: netip.MustParseAddr("2001:db8::1"), Raw: json.RawMessage(`{"k":[1,2.5,"x"]}`),
		Any:   map[string]any{"i": int64(1), "f": 1.0, "u": uint64(math.MaxUint64)},
		Parts: map[string][]byte{"p": {9}}, List: []record{{Name: "b", Data: []byte("c"), Raw: json.RawMessage(`"1"`), At: time.Unix(0, 0).UTC(), Addr: netip.MustParseAddr("::1")}},
	}
}

// TestTextBecomesBytes: what a JSON peer wrote as text decodes into []byte,
// time.Time and types with UnmarshalText, at the top and inside a struct.
func TestTextBecomesBytes(t *testing.T) {
	want := sample()
	text, err := json.Marshal(want)
	require.NoError(t, err)
	var tree any
	require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(string(text), "18446744073709551615", "1")), &tree))
	data, err := cbor.New().Append(nil, tree) // bytes are base64 text in here
	require.NoError(t, err)

	var got record
	require.NoError(t, cbor.New().Decode(data, &got))
	assert.Equal(t, want.Data, got.Data)
	assert.Equal(t, want.Parts, got.Parts)
	assert.Equal(t, want.List, got.List)
	assert.Equal(t, want.Addr, got.Addr)
	assert.True(t, want.At.Equal(got.At))
	assert.JSONEq(t, string(want.Raw), string(got.Raw))

	var list [][]byte
	require.NoError(t, cbor.New().Decode(unhex(t, "82 64 41513d3d 41 02"), &list))
	assert.Equal(t, [][]byte{{1}, {2}}, list, "text and byte strings side by side")
	assert.ErrorIs(t, cbor.New().Decode(unhex(t, "81 61 41"), &list), codec.ErrType, "text that is not base64")

	var byNumber map[int]string
	require.NoError(t, cbor.New().Decode(unhex(t, "a1 61 37 61 78"), &byNumber))
	assert.Equal(t, map[int]string{7: "x"}, byNumber, "keys that JSON wrote as text")
}

func TestTypedRoundTrip(t *testing.T) {
	want := sample()
	data, err := cbor.New().Append(nil, want)
	require.NoError(t, err)
	assert.NotContains(t, string(data), "AQL", "bytes are a byte string, not text")
	var got record
	require.NoError(t, cbor.New().Decode(data, &got))
	assert.True(t, want.At.Equal(got.At))
	want.At, got.At = time.Time{}, time.Time{}
	assert.Equal(t, want, got)
}

func TestDecodeMisfit(t *testing.T) {
	c := cbor.New()
	for data, into := range map[string]any{
		"a1 61 61 01":            new([]int),
		"81 01":                  new(record),
		"81 f9 3e00":             new([]int),
		"61 78":                  new(int),
		"41 78":                  new(string),
		"81 41 78":               new([]string),
		"a1 64 6e616d65 41 78":   new(record),
		"a1 62 6174 61 78":       new(record),
		"a1 64 61646472 62 6e6f": new(record),
		"82 63 3d3d3d f9 7e00":   new([][]byte),
	} {
		assert.ErrorIs(t, c.Decode(unhex(t, data), into), codec.ErrType, data)
	}
}

func TestAppendRefuses(t *testing.T) {
	bad := "\xff"
	for _, test := range []struct {
		name string
		v    any
		want string
	}{
		{"text", []any{bad}, "text is not valid UTF-8; use []byte"},
		{"key", map[string]any{bad: 1}, "text is not valid UTF-8; use []byte"},
		{"text in a struct", struct{ P []*string }{[]*string{&bad}}, "invalid UTF-8"},
		{"numbers as keys", map[int]string{1: "a"}, "a map's key is not text"},
		{"numbers as keys in a struct", struct{ M map[int]string }{map[int]string{1: "a"}}, "a map's key is not text"},
		{"big.Int", []any{new(big.Int).Lsh(big.NewInt(1), 70)}, "a tag (as for a big number)"},
		{"a tag", fxcbor.Tag{Number: 1, Content: 1}, "cannot encode cbor.Tag"},
		{"json.Number", json.Number("1x"), `integer "1x" does not fit 64 bits`},
		{"MarshalJSON that fails", json.RawMessage(`{`), "unexpected EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := cbor.New().Append([]byte("x"), test.v)
			require.ErrorIs(t, err, codec.ErrValue)
			assert.ErrorContains(t, err, test.want)
			assert.Equal(t, "x", string(got))
		})
	}
}

type node struct {
	Next     *node `json:"next,omitempty"`
	Children []any `json:"children,omitempty"`
	Parent   *node `json:"-"`
}

func TestRings(t *testing.T) {
	c := cbor.New()
	ring := &node{}
	ring.Next = ring
	_, err := c.Append(nil, ring)
	assert.ErrorIs(t, err, codec.ErrLimit, "a struct that points to itself")

	ring = &node{}
	ring.Children = []any{map[string]any{"up": ring}}
	_, err = c.Append(nil, ring)
	assert.ErrorIs(t, err, codec.ErrLimit, "by way of an interface")

	child := &node{}
	child.Parent = &node{Children: []any{child}}
	_, err = c.Append(nil, child)
	assert.NoError(t, err, "a field that is left out may point anywhere")

	chain := &node{}
	for range 15 {
		chain = &node{Next: chain}
	}
	_, err = c.Append(nil, chain)
	assert.NoError(t, err, "16 maps")
	_, err = c.Append(nil, &node{Next: chain})
	assert.ErrorIs(t, err, codec.ErrLimit, "17 maps")
}

// TestDeterministic compares with the library's encoding of the same values.
func TestDeterministic(t *testing.T) {
	mode, err := fxcbor.CoreDetEncOptions().EncMode()
	require.NoError(t, err)
	for _, s := range codectest.Samples() {
		if s.Kind == codectest.Struct || s.Kind == codectest.Time {
			continue
		}
		want, err := mode.Marshal(s.Plain)
		require.NoError(t, err)
		got, err := cbor.New().Append(nil, s.Value)
		require.NoError(t, err)
		assert.Equal(t, want, got, s.Name)
	}
}

// TestNoMemoryByDeclaredLength: memory follows the bytes that there are, not
// the counts they declare, however deep the counts are nested.
func TestNoMemoryByDeclaredLength(t *testing.T) {
	data := unhex(t, strings.Repeat("99 ea60", 15)) // 60,000 elements each
	data = append(data, make([]byte, 60_000)...)
	data = data[:len(data)-100] // ... of which some are missing
	result := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			var v any
			_ = cbor.New().Decode(data, &v)
		}
	})
	assert.Less(t, result.AllocedBytesPerOp(), int64(100*len(data)))
}

func TestWithLimits(t *testing.T) {
	c := cbor.WithLimits(codec.Limits{Depth: 2, Elements: 3})
	for data, ok := range map[string]bool{
		"81 83 01 02 03": true, "81 81 80": false, "84 01 02 03 04": false,
		"a3 61 61 01 61 62 02 61 63 03": true, "a4 61 61 01 61 62 02 61 63 03 61 64 04": false,
	} {
		for _, into := range []any{new(any), new(fxcbor.RawMessage)} {
			err := c.Decode(unhex(t, data), into)
			if ok {
				assert.NoError(t, err, data)
			} else {
				assert.ErrorIs(t, err, codec.ErrLimit, data)
			}
		}
		if _, err := c.Append(nil, fxcbor.RawMessage(unhex(t, data))); !ok {
			assert.ErrorIs(t, err, codec.ErrLimit, data)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for data := range malformed {
		f.Add(unhex(f, data))
	}
	c := cbor.New()
	for _, s := range codectest.Samples() {
		if data, err := c.Append(nil, s.Value); err == nil && !s.Large {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v any
		err := c.Decode(data, &v)
		if err == nil && fxcbor.Wellformed(data) != nil {
			t.Fatalf("accepted %x, which the library finds not well-formed", data)
		}
		var raw fxcbor.RawMessage
		if typed := c.Decode(data, &raw); (typed == nil) != (err == nil) {
			t.Fatalf("%x: untyped %v, typed %v", data, err, typed)
		}
		for _, into := range []any{new(record), new([]record), new(map[string][]byte), new(map[int]any), new([]byte), new(float32)} {
			_ = c.Decode(data, into) // it must not panic
		}
		if err == nil {
			checkStable(t, c, v)
		}
	})
}

// checkStable: a decoded value encodes to bytes that decode to it and encode to
// the same bytes again.
func checkStable(t *testing.T, c codec.Codec, v any) {
	data, err := c.Append(nil, v)
	if err != nil {
		t.Fatalf("decoded %#v, which does not encode: %v", v, err)
	}
	var back any
	if err := c.Decode(data, &back); err != nil || !codectest.Equal(v, back) {
		t.Fatalf("%#v encodes to %x, decodes to %#v, %v", v, data, back, err)
	}
	again, err := c.Append(nil, back)
	if err != nil || string(again) != string(data) {
		t.Fatalf("not deterministic: %x, then %x, %v", data, again, err)
	}
}
