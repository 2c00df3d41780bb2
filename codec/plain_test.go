package codec_test

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec"
)

type color string

func TestPlain(t *testing.T) {
	for _, test := range []struct {
		name     string
		in, want any
	}{
		{"nil", nil, nil},
		{"small integers", []any{int8(-1), uint16(2), 3, uint(4)}, []any{int64(-1), int64(2), int64(3), int64(4)}},
		{"uint64", []any{uint64(math.MaxInt64), uint64(math.MaxUint64)}, []any{int64(math.MaxInt64), uint64(math.MaxUint64)}},
		{"float32", float32(0.5), 0.5},
		{"json.Number", []any{json.Number("1"), json.Number("1.0"), json.Number("1e2")}, []any{int64(1), 1.0, 100.0}},
		{"time", time.Unix(0, 0).UTC(), "1970-01-01T00:00:00Z"},
		{"named", []color{"red"}, []any{"red"}},
		{"map of any", map[any]any{"a": int32(1)}, map[string]any{"a": int64(1)}},
		{"map of named keys", map[color][]int{"red": {1}}, map[string]any{"red": []any{int64(1)}}},
		{"named bytes", json.RawMessage("x"), []byte("x")},
		{"bool kind", []bool{true}, []any{true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := codec.Plain(test.in)
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestPlainRefuses(t *testing.T) {
	for _, v := range []any{
		make(chan int),
		[]any{struct{}{}},
		map[string]any{"a": complex(1, 2)},
		map[any]any{1: 2},
		map[int]int{1: 2},
		map[any]any{"a": new(int)},
		json.Number("18446744073709551616"), json.Number("1e999"),
	} {
		_, err := codec.Plain(v)
		assert.ErrorIs(t, err, codec.ErrValue, "%T", v)
	}
}

type holder struct {
	Any     any
	List    []any
	Map     map[string]holder
	Next    *holder
	Array   [1]any
	private any
	Number  int
}

func TestPlainIn(t *testing.T) {
	h := holder{
		Any: int8(1), List: []any{int16(2)}, Array: [1]any{uint8(3)}, private: int8(4), Number: 5,
		Next: &holder{Any: map[string]any{"k": json.Number("6")}},
		Map:  map[string]holder{"m": {Any: uint(7)}},
	}
	require.NoError(t, codec.PlainIn(&h))
	assert.Equal(t, holder{
		Any: int64(1), List: []any{int64(2)}, Array: [1]any{int64(3)}, private: int8(4), Number: 5,
		Next: &holder{Any: map[string]any{"k": int64(6)}},
		Map:  map[string]holder{"m": {Any: int64(7)}},
	}, h)

	h.Next = &h
	assert.NoError(t, codec.PlainIn(&h), "a ring comes to an end")
	assert.ErrorIs(t, codec.PlainIn(&[]any{make(chan int)}), codec.ErrValue)
}

func TestHoldsAny(t *testing.T) {
	type ring struct {
		Next *ring
		List []map[string][2]any
	}
	type plain struct {
		Next *plain
		A    int
		Err  error
	}
	assert.True(t, codec.HoldsAny(reflect.TypeFor[ring]()))
	assert.False(t, codec.HoldsAny(reflect.TypeFor[plain]()))
	assert.False(t, codec.HoldsAny(reflect.TypeFor[time.Time]()))
}

func TestNumber(t *testing.T) {
	for in, want := range map[string]any{
		"0": int64(0), "-0": int64(0), "-9223372036854775808": int64(math.MinInt64), "9223372036854775807": int64(math.MaxInt64),
		"9223372036854775808": uint64(math.MaxInt64) + 1, "18446744073709551615": uint64(math.MaxUint64),
		"21.0": 21.0, "1e2": 100.0, "1E-2": 0.01,
	} {
		got, err := codec.Number(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, got, in)
	}
	for _, in := range []string{"18446744073709551616", "-9223372036854775809", "1e400", "", "x"} {
		_, err := codec.Number(in)
		assert.Error(t, err, in)
	}
}

func TestAppendFloat(t *testing.T) {
	for want, f := range map[string]float64{
		"21.0": 21, "-0.0": math.Copysign(0, -1), "0.1": 0.1, "1e+21": 1e21, "100000000000000000000.0": 1e20, "1e-07": 1e-7, "0.000001": 1e-6,
	} {
		assert.Equal(t, want, string(codec.AppendFloat(nil, f)))
	}
}

func TestKeys(t *testing.T) {
	var keys codec.Keys
	for i := range byte(50) {
		assert.True(t, keys.Add([]byte{i}), "%d is new", i)
		assert.False(t, keys.Add([]byte{i}), "%d is known", i)
		assert.False(t, keys.Add([]byte{0}), "the first is known after %d", i)
	}
}
