package codec_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec"
)

type celsius float64

func TestAssign(t *testing.T) {
	for _, test := range []struct{ from, want any }{
		{int64(1), int64(1)},
		{int64(-128), int8(-128)},
		{int64(255), uint8(255)},
		{21.0, 21},
		{-(1.0 * (1 << 63)), int64(math.MinInt64)},
		{1.0 * (1 << 63), uint64(1) << 63},
		{uint64(math.MaxUint64), uint64(math.MaxUint64)},
		{int64(1) << 53, float64(1 << 53)},
		{int64(21), celsius(21)},
		{0.1, float32(0.1)},
		{true, true},
		{"x", "x"},
		{"AQI=", []byte{1, 2}},
		{[]byte{1}, []byte{1}},
		{"2026-01-02T03:04:05Z", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		{int64(5), time.Duration(5)},
		{nil, 0},
		{nil, ""},
		{nil, []byte(nil)},
		{nil, celsius(0)},
	} {
		t.Run(fmt.Sprintf("%T to %T", test.from, test.want), func(t *testing.T) {
			into := reflect.New(reflect.TypeOf(test.want))
			done, err := codec.Assign(into.Interface(), test.from)
			require.NoError(t, err)
			assert.True(t, done)
			assert.Equal(t, test.want, into.Elem().Interface())
		})
	}
}

func TestAssignRefuses(t *testing.T) {
	for _, test := range []struct {
		from, into any
		want       string
	}{
		{int64(128), new(int8), "number 128 into int8"},
		{int64(-1), new(uint64), "number -1 into uint64"},
		{21.5, new(int), "number 21.5 into int"},
		{1.0 * (1 << 63), new(int64), "number 9.223372036854776e+18 into int64"},
		{1.0 * (1 << 63) * 2, new(uint64), "number 1.8446744073709552e+19 into uint64"},
		{math.NaN(), new(int), "number NaN into int"},
		{int64(1)<<53 + 1, new(float64), "number 9007199254740993 into float64"},
		{uint64(math.MaxUint64), new(float64), "number 18446744073709551615 into float64"},
		{1e300, new(float32), "number 1e+300 into float32"},
		{"1", new(int), "a string into int"},
		{int64(1), new(string), "number 1 into string"},
		{[]byte{1}, new(string), "a []uint8 into string"},
		{"no base64", new([]byte), "text into []byte must be base64: illegal base64 data at input byte 2"},
		{"yesterday", new(time.Time), `text "yesterday" into time.Time must be RFC 3339`},
		{map[string]any{}, new([]any), "a map into []interface {}"},
		{[]any{}, new(bool), "a list into bool"},
	} {
		t.Run(test.want, func(t *testing.T) {
			done, err := codec.Assign(test.into, test.from)
			assert.True(t, done)
			require.ErrorIs(t, err, codec.ErrType)
			assert.EqualError(t, err, "payload does not fit the Go type: "+test.want)
		})
	}
}

func TestAssignLeavesToTheCodec(t *testing.T) {
	for _, into := range []any{new(struct{}), new([]int), new(map[string]int), new(*int), new(netip.Addr), new(json.RawMessage), new(fmt.Stringer)} {
		done, err := codec.Assign(into, "x")
		assert.False(t, done, "%T", into)
		assert.NoError(t, err)
	}
}

func TestCheckTarget(t *testing.T) {
	require.NoError(t, codec.CheckTarget(new(int)))
	for _, into := range []any{nil, 1, (*int)(nil), map[string]any{}} {
		assert.ErrorIs(t, codec.CheckTarget(into), codec.ErrType, "%T", into)
	}
	assert.EqualError(t, codec.CheckTarget(1), "payload does not fit the Go type: decode into int, want a non-nil pointer")
}
