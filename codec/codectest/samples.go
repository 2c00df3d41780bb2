package codectest

import (
	"math"
	"reflect"
	"strings"
	"time"
)

// Kind is a kind of value that a codec carries or refuses.
type Kind string

// The kinds of value.
const (
	Nil       Kind = "nil"
	Bool      Kind = "bool"
	Int       Kind = "integer"
	Uint      Kind = "integer above the largest int64"
	Float     Kind = "float"
	NonFinite Kind = "NaN or infinity"
	Text      Kind = "text"
	Bytes     Kind = "bytes"
	List      Kind = "list"
	Map       Kind = "map"
	Struct    Kind = "struct"
	Time      Kind = "time"
)

// Sample is one value of a kind.
type Sample struct {
	Name  string
	Kind  Kind
	Value any
	Plain any  // what an untyped receiver gets; meaningless for Struct and Time
	Large bool // left out where a sample is used many times
}

// record is a struct with everything in it.
type record struct {
	Name    string            `json:"name"`
	Count   int64             `json:"count"`
	Big     uint64            `json:"big"`
	Ratio   float64           `json:"ratio"`
	On      bool              `json:"on"`
	Data    []byte            `json:"data"`
	Fixed   [3]byte           `json:"fixed"`
	At      time.Time         `json:"at"`
	Wait    time.Duration     `json:"wait"`
	Tags    []string          `json:"tags"`
	Labels  map[string]string `json:"labels"`
	Any     any               `json:"any"`
	Inner   *inner            `json:"inner,omitempty"`
	Absent  *inner            `json:"absent,omitempty"`
	Skipped string            `json:"-"`
	Untagged
}

type inner struct {
	X, Y float64
	List []any `json:"list"`
}

// Untagged is embedded in record.
type Untagged struct{ Plain int32 }

func sampleRecord() record {
	return record{
		Name: "kitchen", Count: math.MinInt64, Big: math.MaxUint64, Ratio: 0.1, On: true,
		Data: []byte{0, 0xff, '"'}, Fixed: [3]byte{1, 2, 3}, At: sampleTime(), Wait: time.Minute,
		Tags: []string{"a", ""}, Labels: map[string]string{"k": "v"},
		Any:      map[string]any{"n": int64(7), "f": 0.5, "big": uint64(math.MaxUint64), "list": []any{nil, true, "x"}},
		Inner:    &inner{X: 1, Y: -2.5, List: []any{int64(1), "two"}},
		Untagged: Untagged{Plain: -3},
	}
}

func sampleTime() time.Time { return time.Date(2026, 2, 3, 4, 5, 6, 789_000_001, time.UTC) }

func same(name string, kind Kind, v any) Sample {
	return Sample{Name: name, Kind: kind, Value: v, Plain: v}
}

func becomes(name string, kind Kind, v, plain any) Sample {
	return Sample{Name: name, Kind: kind, Value: v, Plain: plain}
}

// Samples returns values of every kind, fresh ones with each call.
func Samples() []Sample {
	samples := []Sample{
		same("nil", Nil, nil),
		same("true", Bool, true),
		same("false", Bool, false),
		same("largest uint64", Uint, uint64(math.MaxUint64)),
		same("first above int64", Uint, uint64(math.MaxInt64)+1),
		becomes("uint64 within int64", Int, uint64(7), int64(7)),
		becomes("int", Int, 42, int64(42)),
		becomes("int8", Int, int8(-8), int64(-8)),
		becomes("uint32", Int, uint32(math.MaxUint32), int64(math.MaxUint32)),
		becomes("float32", Float, float32(0.1), float64(float32(0.1))),
		same("NaN", NonFinite, math.NaN()),
		same("infinity", NonFinite, math.Inf(1)),
		same("minus infinity", NonFinite, math.Inf(-1)),
		same("bytes", Bytes, []byte{0, 1, 0xff, 0xfe}),
		same("bytes that are text", Bytes, []byte("text")),
		same("a struct", Struct, sampleRecord()),
		same("a struct of zeros", Struct, record{}),
		same("structs in a list", Struct, []record{sampleRecord(), {Name: "b"}}),
		same("structs in a map", Struct, map[string]record{"a": sampleRecord()}),
		same("time", Time, sampleTime()),
		same("time in a zone", Time, sampleTime().In(time.FixedZone("", -9000))),
		same("times in a list", Time, []time.Time{sampleTime()}),
	}
	samples = append(samples, integers()...)
	samples = append(samples, floats()...)
	samples = append(samples, texts()...)
	return append(samples, containers()...)
}

// integers are those around every boundary at which an encoding changes.
func integers() []Sample {
	var out []Sample
	for _, shift := range []uint{0, 3, 5, 8, 15, 16, 24, 31, 32, 52, 53, 62, 63} {
		for _, near := range []int64{-2, -1, 0, 1} {
			n := int64(1)<<shift + near // at 63 it wraps to the other end
			out = append(out, same("integer", Int, n), same("integer", Int, -n))
		}
	}
	return out
}

func floats() []Sample {
	var out []Sample
	for _, f := range []float64{
		0, math.Copysign(0, -1), 1, 21, -21.5, 0.1, 1e6, 1e-6, 1e-7, 1e20, 1e21, 1 << 53, 1 << 62, 1 << 63, -(1 << 63), 1 << 64,
		65504, 65505, 6.103515625e-05, 5.960464477539063e-08, 5.9e-08, 3.4028234663852886e38, 1.401298464324817e-45,
		math.MaxFloat64, math.SmallestNonzeroFloat64, math.Pi,
	} {
		out = append(out, same("float", Float, f))
	}
	return out
}

func texts() []Sample {
	long := same("long text", Text, strings.Repeat("häuser ", 1000))
	long.Large = true
	return []Sample{
		same("text", Text, "hello"),
		same("empty text", Text, ""),
		same("text to escape", Text, "\" \\ / \b \f \n \r \t \x00 \x1f \x7f <&> \u2028 \ufffd \U0001f600"),
		same("text that looks like others", Text, "null"),
		long,
	}
}

func containers() []Sample {
	nested := func() any {
		return map[string]any{
			"": nil, "b": true, "i": int64(-1), "f": 21.0, "t": "x", "long key with spaces": []any{},
			"list": []any{nil, false, int64(1) << 40, 0.5, "y", map[string]any{"z": []any{int64(1), []any{}}}},
			"map":  map[string]any{"é": map[string]any{}},
		}
	}
	large := make([]any, 300)
	for i := range large {
		large[i] = int64(i)
	}
	wide := make(map[string]any, 300)
	for i := range large {
		wide[strings.Repeat("k", i)] = int64(i)
	}
	return []Sample{
		same("empty list", List, []any{}),
		same("list", List, []any{int64(1), "two", 3.0, nil}),
		{Name: "large list", Kind: List, Value: large, Plain: large, Large: true},
		becomes("[]string", List, []string{"a", "b"}, []any{"a", "b"}),
		becomes("[]float64", List, []float64{1, 2.5}, []any{1.0, 2.5}),
		same("empty map", Map, map[string]any{}),
		same("nested map", Map, nested()),
		{Name: "wide map", Kind: Map, Value: wide, Plain: wide, Large: true},
		becomes("map[string]int", Map, map[string]int{"a": 1, "b": 2}, map[string]any{"a": int64(1), "b": int64(2)}),
	}
}

// Equal reports whether two values are the same, in type as well: a NaN equals
// a NaN, 0 is not -0, and times are equal when they name the same instant with
// the same offset.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && (math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b))
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Format(time.RFC3339Nano) == b.Format(time.RFC3339Nano)
	case []any:
		b, ok := b.([]any)
		return ok && equalLists(a, b)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && equalMaps(a, b)
	}
	return reflect.DeepEqual(a, b)
}

func equalLists(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func equalMaps(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		other, ok := b[k]
		if !ok || !Equal(v, other) {
			return false
		}
	}
	return true
}
