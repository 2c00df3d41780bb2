package sig

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type (
	celsius float64
	label   string
	level   int
	reading struct {
		Room  string  `json:"room"`
		Value float64 `json:"value"`
		Count int64   `json:"count"`
		Any   any     `json:"any,omitempty"`
	}
	otherReading struct {
		Room  label   `json:"room"`
		Value celsius `json:"value"`
		Extra int     `json:"extra"`
	}
	bad struct{ F func() }
)

func (l level) MarshalText() ([]byte, error) { return []byte([]string{"low", "high"}[l]), nil }

// jsonEncoded stands in for a router's payload.
type jsonEncoded string

func (e jsonEncoded) Decode(into any) error { return json.Unmarshal([]byte(e), into) }

// conversion is one row: the value, what Data makes of it, and the error.
type conversion struct {
	name string
	in   any
	do   func(any) (any, error)
	want any
	err  error
}

func to[T any](v any) (any, error) { return Data[T](v) }

func TestData(t *testing.T) {
	when := time.Date(2024, 2, 29, 12, 0, 0, 5, time.UTC)
	r := reading{Room: "kitchen", Value: 21.5, Count: 1<<60 + 1}
	for _, tt := range []conversion{
		{"same type", r, to[reading], r, nil},
		{"to any", r, to[any], r, nil},
		{"nil to any", nil, to[any], nil, nil},
		{"nil to number", nil, to[int], 0, nil},
		{"nil to pointer", nil, to[*reading], (*reading)(nil), nil},
		{"to interface", errors.New("x"), to[error], errors.New("x"), nil},
		{"pointer to value", &r, to[reading], r, nil},
		{"value to pointer", r, to[*reading], &r, nil},
		{"named string", "x", to[label], label("x"), nil},
		{"from named string", label("x"), to[string], "x", nil},
		{"named float", 21.5, to[celsius], celsius(21.5), nil},
		{"struct to map", r, to[map[string]any], map[string]any{"room": "kitchen", "value": 21.5, "count": int64(1<<60 + 1)}, nil},
		{"map to struct", map[string]any{"room": "kitchen", "value": 21.5, "count": int64(1<<60 + 1)}, to[reading], r, nil},
		{"struct to struct", r, to[otherReading], otherReading{Room: "kitchen", Value: 21.5}, nil},
		{"pointer to struct to map", &r, to[map[string]any], map[string]any{"room": "kitchen", "value": 21.5, "count": int64(1<<60 + 1)}, nil},
		{"numbers in an any field", map[string]any{"any": []any{1, uint64(math.MaxUint64), 0.5}}, to[reading], reading{Any: []any{int64(1), uint64(math.MaxUint64), 0.5}}, nil},
		{"numbers in nested maps", map[string]map[string]any{"a": {"b": 1}}, to[map[string]any], map[string]any{"a": map[string]any{"b": int64(1)}}, nil},
		{"list to typed list", []any{1, 2.0}, to[[]int], []int{1, 2}, nil},
		{"typed list to list", []int{1, 2}, to[[]any], []any{int64(1), int64(2)}, nil},
		{"time to text", when, to[string], "2024-02-29T12:00:00.000000005Z", nil},
		{"text to time", "2024-02-29T12:00:00.000000005Z", to[time.Time], when, nil},
		{"own form", level(1), to[string], "high", nil},
		{"bytes in a struct survive", struct{ B []byte }{[]byte{0, 255}}, to[struct {
			B []byte
			X int
		}], struct {
			B []byte
			X int
		}{B: []byte{0, 255}}, nil},
		{"encoded", jsonEncoded(`{"room":"kitchen","value":21.5}`), to[reading], reading{Room: "kitchen", Value: 21.5}, nil},
		{"encoded to any", jsonEncoded(`"x"`), to[any], "x", nil},
		{"encoded as it is", jsonEncoded(`"x"`), to[Encoded], jsonEncoded(`"x"`), nil},
		{"encoded garbage", jsonEncoded(`{`), to[reading], reading{}, ErrBadPayload},
		{"encoded of another type", jsonEncoded(`{"room":7}`), to[reading], reading{}, ErrBadPayload},
		{"text to number", "7", to[int], 0, ErrTypeMismatch},
		{"number to text", 7, to[string], "", ErrTypeMismatch},
		{"number to struct", 7, to[reading], reading{}, ErrTypeMismatch},
		{"bytes to text", []byte("x"), to[string], "", ErrTypeMismatch},
		{"text to bytes", "AAAA", to[[]byte], []byte(nil), ErrTypeMismatch},
		{"list to struct", []int{1}, to[reading], reading{}, ErrTypeMismatch},
		{"function", func() {}, to[string], "", ErrTypeMismatch},
		{"value that no codec takes", bad{F: func() {}}, to[map[string]any], map[string]any(nil), ErrBadPayload},
		{"field of another type", map[string]any{"room": 7}, to[reading], reading{}, ErrBadPayload},
		{"not a number", map[string]float64{"value": math.NaN()}, to[reading], reading{}, ErrBadPayload},
		{"marshaller panics", level(9), to[string], "", ErrBadPayload},
	} {
		t.Run(tt.name, tt.check)
	}
}

// check also runs the form of Data that knows its type only at run time.
func (tt conversion) check(t *testing.T) {
	got, err := tt.do(tt.in)
	if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
		t.Fatalf("P7: got error %v, want %v", err, tt.err)
	}
	if !reflect.DeepEqual(got, tt.want) {
		t.Errorf("got %#v, want %#v", got, tt.want)
	}
	if tt.want == nil || err != nil {
		return
	}
	v, err := convertTo(tt.in, reflect.TypeOf(tt.want))
	if _, encoded := tt.want.(Encoded); !encoded && (err != nil || !reflect.DeepEqual(v.Interface(), tt.want)) {
		t.Errorf("convertTo: got %#v, %v, want %#v", v, err, tt.want)
	}
}

func TestDataOfNumbers(t *testing.T) {
	const big = 1<<53 + 1 // the smallest integer that a float64 rounds
	for _, tt := range []conversion{
		{"int to int64", 7, to[int64], int64(7), nil},
		{"int64 to int8", int64(-128), to[int8], int8(-128), nil},
		{"int64 over int8", int64(128), to[int8], int8(0), ErrBadPayload},
		{"int64 to uint8", int64(255), to[uint8], uint8(255), nil},
		{"negative to uint", -1, to[uint], uint(0), ErrBadPayload},
		{"uint64 to int64", uint64(math.MaxInt64), to[int64], int64(math.MaxInt64), nil},
		{"uint64 over int64", uint64(math.MaxInt64 + 1), to[int64], int64(0), ErrBadPayload},
		{"uint64 over uint32", uint64(1 << 32), to[uint32], uint32(0), ErrBadPayload},
		{"int to float64", 7, to[float64], 7.0, nil},
		{"int that a float64 rounds", big, to[float64], 0.0, ErrBadPayload},
		{"largest int64 to float64", int64(math.MaxInt64), to[float64], 0.0, ErrBadPayload},
		{"smallest int64 to float64", int64(math.MinInt64), to[float64], -float64(1 << 63), nil},
		{"largest uint64 to float64", uint64(math.MaxUint64), to[float64], 0.0, ErrBadPayload},
		{"uint64 to float32", uint64(1<<63 + 1<<62), to[float32], float32(1<<63 + 1<<62), nil},
		{"int that a float32 rounds", 1<<24 + 1, to[float32], float32(0), ErrBadPayload},
		{"float to int", 7.0, to[int], 7, nil},
		{"negative zero to uint", math.Copysign(0, -1), to[uint], uint(0), nil},
		{"fraction to int", 7.5, to[int], 0, ErrBadPayload},
		{"float over int64", float64(1 << 63), to[int64], int64(0), ErrBadPayload},
		{"smallest float to int64", -float64(1 << 63), to[int64], int64(math.MinInt64), nil},
		{"float over uint64", math.Ldexp(1, 64), to[uint64], uint64(0), ErrBadPayload},
		{"float to uint64", math.Ldexp(1, 63), to[uint64], uint64(1 << 63), nil},
		{"NaN to int", math.NaN(), to[int], 0, ErrBadPayload},
		{"infinity to int", math.Inf(1), to[int], 0, ErrBadPayload},
		{"float64 to float32 may round", 0.1, to[float32], float32(0.1), nil},
		{"float64 over float32", 1e300, to[float32], float32(0), ErrBadPayload},
		{"float32 to float64", float32(0.5), to[float64], 0.5, nil},
		{"duration", time.Second, to[int64], int64(time.Second), nil},
		{"json number to int", json.Number("9007199254740993"), to[int64], int64(big), nil},
		{"json number to uint64", json.Number("18446744073709551615"), to[uint64], uint64(math.MaxUint64), nil},
		{"json number with a fraction", json.Number("1.5"), to[int], 0, ErrBadPayload},
		{"json number to float", json.Number("1.5"), to[float64], 1.5, nil},
		{"json number to text", json.Number("1.5"), to[string], "1.5", nil},
		{"bad json number", json.Number("x"), to[int], 0, ErrBadPayload},
		{"to json number", 7, to[json.Number], json.Number("7"), nil},
	} {
		t.Run(tt.name, tt.check)
	}
}

func TestDataErrorsNameWhatFailed(t *testing.T) {
	_, err := Data[int8](int64(300))
	if want := "bad payload: the number 300 does not fit into int8"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = Data[reading]("x")
	if err == nil || !strings.Contains(err.Error(), "string") || !strings.Contains(err.Error(), "sig.reading") {
		t.Errorf("got %v, want both types named", err)
	}
}

// TestNumbersKeepTheirValue converts there and back: what is accepted is exact.
func TestNumbersKeepTheirValue(t *testing.T) {
	types := []reflect.Type{
		reflect.TypeFor[int8](), reflect.TypeFor[int64](), reflect.TypeFor[uint16](),
		reflect.TypeFor[uint64](), reflect.TypeFor[float64](), reflect.TypeFor[celsius](),
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(
			rapid.Int64().AsAny(), rapid.Uint64().AsAny(), rapid.Float64().AsAny(), rapid.Int8().AsAny(),
		).Draw(t, "n")
		there, err := convertTo(n, rapid.SampledFrom(types).Draw(t, "type"))
		if err != nil {
			return
		}
		back, err := convertTo(there.Interface(), reflect.TypeOf(n))
		if err != nil || back.Interface() != n {
			t.Fatalf("%v (%T) became %v, and that %v, %v", n, n, there, back, err)
		}
	})
}

func TestDataLeavesNoHalfOfAValue(t *testing.T) {
	got, err := Data[reading](map[string]any{"room": "kitchen", "value": "warm"})
	if err == nil || got != (reading{}) {
		t.Errorf("got %+v, %v, want the zero value and an error", got, err)
	}
	got, err = Data[reading](jsonEncoded(`{"room":"kitchen","value":"warm"}`))
	if err == nil || got != (reading{}) {
		t.Errorf("encoded: got %+v, %v, want the zero value and an error", got, err)
	}
}

type recursive struct{ Next []recursive }

type recursiveList []recursiveList

func TestCompatible(t *testing.T) {
	for _, tt := range []struct {
		name     string
		from, to any
		want     bool
	}{
		{"same", 1, 1, true},
		{"numbers", int8(1), 1.5, true},
		{"named", celsius(1), 1, true},
		{"structs", reading{}, otherReading{}, true},
		{"struct and map", reading{}, map[string]int{}, true},
		{"pointers", &reading{}, reading{}, true},
		{"own form to text", level(0), "", true},
		{"own form to number", level(0), 1, false},
		{"text to time", "", time.Time{}, true},
		{"json number to number", json.Number(""), 1, true},
		{"json number to text", json.Number(""), "", true},
		{"number to text", 1, "", false},
		{"text to number", "", 1, false},
		{"struct to number", reading{}, 1, false},
		{"list to struct", []int{}, reading{}, false},
		{"lists", []int{}, []float64{}, true},
		{"lists that differ", []int{}, []string{}, false},
		{"list of any", []any{}, []string{}, true},
		{"maps that differ", map[string][]int{}, map[string]bool{}, false},
		{"bytes and text", []byte{}, "", false},
		{"bytes and list", []byte{}, []any{}, false},
		{"function", func() {}, 1, false},
		{"same function type", func() {}, func() {}, true},
		{"recursive", recursive{}, recursive{}, true},
		{"recursive lists", recursiveList{}, []recursiveList{}, true},
		{"no type known", nil, 1, true},
	} {
		if got := compatible(reflect.TypeOf(tt.from), reflect.TypeOf(tt.to)); got != tt.want {
			t.Errorf("%s: compatible(%T, %T): got %v, want %v", tt.name, tt.from, tt.to, got, tt.want)
		}
	}
	if !compatible(typeAny, reflect.TypeFor[int]()) || !compatible(reflect.TypeFor[int](), typeAny) {
		t.Error("any: got incompatible with int")
	}
}

// TestCompatibleNeverRefusesWhatWorks: what is refused when a subscription is
// made must have had no chance.
func TestCompatibleNeverRefusesWhatWorks(t *testing.T) {
	values := []any{
		1, int8(1), 1.0, "1", label("x"), true,
		[]int{1},
		[]any{1.0},
		[]byte{1},
		reading{},
		&reading{},
		map[string]any{},
		map[string]int{"a": 1},
		level(0), time.Unix(0, 0), json.Number("1"), celsius(1),
		[2]int{},
	}
	for _, from := range values {
		for _, to := range values {
			_, err := convertTo(from, reflect.TypeOf(to))
			if ok := compatible(reflect.TypeOf(from), reflect.TypeOf(to)); !ok && err == nil {
				t.Errorf("%T to %T works, and is said not to", from, to)
			}
		}
	}
}

func BenchmarkData(b *testing.B) {
	var v any = reading{Room: "kitchen"}
	for b.Loop() {
		if _, err := Data[reading](v); err != nil {
			b.Fatal(err)
		}
	}
}
