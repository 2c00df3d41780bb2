package json_test

import (
	"encoding/json"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/codectest"
	gosigjson "github.com/gosig/gosig/codec/json"
)

func TestCodec(t *testing.T) {
	var bad [][]byte
	for data := range malformed {
		bad = append(bad, []byte(data))
	}
	codectest.Test(t, gosigjson.New(), &codectest.Options{
		Refuses:   []codectest.Kind{codectest.NonFinite},
		Typed:     []codectest.Kind{codectest.Bytes},
		Malformed: bad,
	})
}

// malformed holds inputs and what the error says of them.
var malformed = map[string]string{
	"":                             "unexpected end at byte 0",
	"  ":                           "unexpected end at byte 2",
	"nul":                          "no value at byte 0",
	"nulll":                        "data after the value at byte 4",
	"1 2":                          "data after the value at byte 2",
	"\xef\xbb\xbf1":                "no value at byte 0",
	"\x001":                        "no value at byte 0",
	"[1":                           "expected ']' at byte 2",
	"[1,]":                         "no value at byte 3",
	"[,1]":                         "no value at byte 1",
	`{"a":1,}`:                     "expected a key at byte 7",
	`{a:1}`:                        "expected a key at byte 1",
	`{"a" 1}`:                      "expected ':' at byte 5",
	`{"a":1 "b":2}`:                "expected '}' at byte 7",
	`{"a":1,"a":2}`:                `duplicate key "\"a\""`,
	`{"a":1,"\u0061":2}`:           `duplicate key "\"\\u0061\""`,
	`{"x":[{"k":1,"b":2,"k":3}]}`:  `duplicate key "\"k\""`,
	`"a`:                           "unexpected end at byte 2",
	`"\`:                           "unexpected end at byte 2",
	`"\u12`:                        "unexpected end at byte 2",
	`"\u12x4"`:                     "bad escape sequence at byte 2",
	`"\x"`:                         "unknown escape sequence at byte 2",
	"\"\n\"":                       "control character in a string at byte 1",
	"\"\xff\"":                     "invalid UTF-8",
	`"\ud800"`:                     "unpaired surrogate at byte 6",
	`"\udc00\ud800"`:               "unpaired surrogate at byte 6",
	`"\ud800\u0041"`:               "unpaired surrogate at byte 12",
	"01":                           "bad number at byte 2",
	"-":                            "bad number at byte 1",
	"+1":                           "no value at byte 0",
	"1.":                           "bad number at byte 2",
	".5":                           "no value at byte 0",
	"1e":                           "bad number at byte 2",
	"1e+":                          "bad number at byte 3",
	"NaN":                          "no value at byte 0",
	"18446744073709551616":         `integer "18446744073709551616" does not fit 64 bits; send it as text`,
	"-9223372036854775809":         `integer "-9223372036854775809" does not fit 64 bits; send it as text`,
	"[100000000000000000000]":      `integer "100000000000000000000" does not fit 64 bits; send it as text`,
	"1e999":                        `number "1e999" is no float64`,
	strings.Repeat("[", 17):        "lists and maps nested deeper than 16",
	strings.Repeat(`{"a":`, 17):    "lists and maps nested deeper than 16",
	strings.Repeat("[", 1_000_000): "lists and maps nested deeper than 16",
}

func TestMalformed(t *testing.T) {
	for data, want := range malformed {
		var v any
		err := gosigjson.New().Decode([]byte(data), &v)
		assert.ErrorContains(t, err, want, "%.40q", data)
	}
}

func TestDecodeUntyped(t *testing.T) {
	for data, want := range map[string]any{
		" null ":                       nil,
		"21":                           int64(21),
		"21.0":                         21.0,
		"-0":                           int64(0),
		"-0.0":                         math.Copysign(0, -1),
		"2e1":                          20.0,
		"999999999999999999":           int64(999999999999999999),
		"-9223372036854775808":         int64(math.MinInt64),
		"18446744073709551615":         uint64(math.MaxUint64),
		"1e-999":                       0.0,
		`"\ud83d\ude00\/\u00e9\uFFFD"`: "😀/é\ufffd",
		` { "a" : [ 1 , { } ] } `:      map[string]any{"a": []any{int64(1), map[string]any{}}},
		`{"":0}`:                       map[string]any{"": int64(0)},
	} {
		var got any
		require.NoError(t, gosigjson.New().Decode([]byte(data), &got), data)
		assert.True(t, codectest.Equal(got, want), "%s: got %#v, want %#v", data, got, want)
	}
}

type withAny struct {
	V    any            `json:"v"`
	M    map[string]any `json:"m"`
	List []withAny      `json:"list"`
}

// TestDecodeAnyInStruct: the value model holds inside a struct as well.
func TestDecodeAnyInStruct(t *testing.T) {
	var got withAny
	data := `{"v":9007199254740993,"m":{"f":1.0,"u":18446744073709551615},"list":[{"v":[1]}]}`
	require.NoError(t, gosigjson.New().Decode([]byte(data), &got))
	assert.Equal(t, withAny{
		V: int64(9007199254740993), M: map[string]any{"f": 1.0, "u": uint64(math.MaxUint64)},
		List: []withAny{{V: []any{int64(1)}}},
	}, got)
}

func TestDecodeMisfit(t *testing.T) {
	c := gosigjson.New()
	for data, into := range map[string]any{
		`{"v":1}`: new([]int),
		`[1]`:     new(withAny),
		`[1.5]`:   new([]int),
		`"x"`:     new(int),
		`"no"`:    new(netip.Addr),
	} {
		assert.ErrorIs(t, c.Decode([]byte(data), into), codec.ErrType, data)
	}
	err := c.Decode([]byte(`"`+strings.Repeat("x", 5000)+`"`), new(netip.Addr))
	assert.Less(t, len(err.Error()), 400, "a peer's text is bounded")
}

type text string

func (t text) MarshalText() ([]byte, error) { return []byte("<" + t + ">"), nil }

func TestAppend(t *testing.T) {
	twelve := 12.0
	for _, test := range []struct {
		name string
		v    any
		want string
	}{
		{"keys in order", map[string]any{"b": 1, "a": 2}, `{"a":2,"b":1}`},
		{"nothing for HTML", "<&>", `"<&>"`},
		{"nor in a struct", struct{ S string }{"<&>"}, `{"S":"<&>"}`},
		{"floats of a typed list", []float64{1, 2}, `[1.0,2.0]`},
		{"floats of a typed map", map[string]float64{"b": 2, "a": 1}, `{"a":1.0,"b":2.0}`},
		{"floats behind pointers", []*float64{&twelve, nil}, `[12.0,null]`},
		{"floats of a struct", struct{ F float64 }{1}, `{"F":1}`},
		{"nils", []any{[]byte(nil), []any(nil), map[string]any(nil), []int(nil), map[string]int(nil), (*int)(nil)}, `[null,null,null,null,null,null]`},
		{"json.Number", []any{json.Number("1.50"), json.Number("7")}, `[1.50,7]`},
		{"MarshalJSON", map[string]any{"raw": json.RawMessage(`{"a": 1}`)}, `{"raw":{"a":1}}`},
		{"MarshalText", []any{text("a"), []text{"b"}, map[text]int{"c": 1}}, `["<a>",["<b>"],{"c":1}]`},
		{"numbers as keys", map[int]string{2: "b", 1: "a"}, `{"1":"a","2":"b"}`},
		{"named kinds", []any{[]uint8("a"), [2]bool{true}, int16(-1), uint8(9), text0("x")}, `["YQ==",[true,false],-1,9,"x"]`},
		{"a valid U+FFFD", struct{ S string }{"\ufffd"}, `{"S":"` + "\ufffd" + `"}`},
		{"an escaped U+FFFD", json.RawMessage(`"\ufffd"`), `"\ufffd"`},
		{"big.Int within 64 bits", big.NewInt(math.MaxInt64), `9223372036854775807`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := gosigjson.New().Append(nil, test.v)
			require.NoError(t, err)
			assert.Equal(t, test.want, string(got))
		})
	}
}

type text0 string

func TestAppendRefuses(t *testing.T) {
	bad := "\xff"
	for _, test := range []struct {
		name string
		v    any
		want string
	}{
		{"text", []any{bad}, "text is not valid UTF-8; use []byte"},
		{"key", map[string]any{bad: 1}, "text is not valid UTF-8; use []byte"},
		{"text in a struct", struct{ P []*string }{[]*string{&bad}}, "text is not valid UTF-8; use []byte"},
		{"key in a struct", struct{ M map[string]any }{map[string]any{bad: 1}}, "text is not valid UTF-8; use []byte"},
		{"NaN in a struct", struct{ F float64 }{math.NaN()}, "json: unsupported value: NaN"},
		{"json.Number", json.Number("1x"), `json.Number "1x" is no number of 64 bits`},
		{"MarshalJSON with a duplicate", json.RawMessage(`{"a":1,"a":2}`), `duplicate key "\"a\""`},
		{"big.Int", new(big.Int).Lsh(big.NewInt(1), 70), "does not fit 64 bits"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := gosigjson.New().Append([]byte("x"), test.v)
			require.ErrorIs(t, err, codec.ErrValue)
			assert.ErrorContains(t, err, test.want)
			assert.Equal(t, "x", string(got))
		})
	}
}

func TestWithLimits(t *testing.T) {
	c := gosigjson.WithLimits(codec.Limits{Depth: 2, Elements: 3})
	for data, ok := range map[string]bool{
		"[[1,2,3]]": true, "[[[]]]": false, "[1,2,3,4]": false, `{"a":1,"b":2,"c":3}`: true, `{"a":1,"b":2,"c":3,"d":4}`: false,
	} {
		for _, into := range []any{new(any), new(json.RawMessage)} {
			err := c.Decode([]byte(data), into)
			if ok {
				assert.NoError(t, err, data)
			} else {
				assert.ErrorIs(t, err, codec.ErrLimit, data)
			}
		}
		if _, err := c.Append(nil, json.RawMessage(data)); !ok {
			assert.ErrorIs(t, err, codec.ErrLimit, data)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for data := range malformed {
		if len(data) < 1000 {
			f.Add([]byte(data))
		}
	}
	c := gosigjson.New()
	for _, s := range codectest.Samples() {
		if data, err := c.Append(nil, s.Value); err == nil && !s.Large {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v any
		err := c.Decode(data, &v)
		if err == nil && !json.Valid(data) {
			t.Fatalf("accepted %q, which encoding/json finds invalid", data)
		}
		checkTyped(t, c, data, err == nil)
		if err != nil {
			return
		}
		again, err := c.Append(nil, v)
		if err != nil {
			t.Fatalf("decoded %q to %#v, which does not encode: %v", data, v, err)
		}
		var back any
		if err := c.Decode(again, &back); err != nil || !codectest.Equal(v, back) {
			t.Fatalf("%q decodes to %#v, encodes to %q, decodes to %#v, %v", data, v, again, back, err)
		}
	})
}

// checkTyped: a typed target is held to the same rules, and never panics.
func checkTyped(t *testing.T, c codec.Codec, data []byte, valid bool) {
	var raw json.RawMessage
	if err := c.Decode(data, &raw); (err == nil) != valid {
		t.Fatalf("%q: untyped valid %v, typed %v", data, valid, err)
	}
	for _, into := range []any{new(withAny), new([]withAny), new(map[string][]byte), new([]byte), new(float32)} {
		_ = c.Decode(data, into) // it must not panic
	}
}
