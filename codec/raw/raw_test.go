package raw_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/codectest"
	"github.com/gosig/gosig/codec/raw"
)

func TestCodec(t *testing.T) {
	codectest.Test(t, raw.New(), &codectest.Options{
		Refuses: []codectest.Kind{
			codectest.Bool, codectest.Int, codectest.Uint, codectest.Float, codectest.NonFinite,
			codectest.List, codectest.Map, codectest.Struct, codectest.Time,
		},
		Typed:     []codectest.Kind{codectest.Text},
		Unlimited: true,
	})
}

type label string

func TestNamedTypes(t *testing.T) {
	for _, v := range []any{json.RawMessage("x"), label("x"), "x", []byte("x")} {
		data, err := raw.New().Append([]byte("<"), v)
		require.NoError(t, err)
		assert.Equal(t, "<x", string(data))
	}
	var name label
	var message json.RawMessage
	require.NoError(t, raw.New().Decode([]byte("x"), &name))
	require.NoError(t, raw.New().Decode([]byte("y"), &message))
	assert.Equal(t, label("x"), name)
	assert.Equal(t, json.RawMessage("y"), message)
}

func TestEmptyIsNil(t *testing.T) {
	for _, v := range []any{nil, []byte{}, ""} {
		data, err := raw.New().Append(nil, v)
		require.NoError(t, err)
		assert.Empty(t, data)
	}
	var untyped any = "before"
	var text string
	var data []byte
	require.NoError(t, raw.New().Decode(nil, &untyped))
	require.NoError(t, raw.New().Decode(nil, &text))
	require.NoError(t, raw.New().Decode(nil, &data))
	assert.Nil(t, untyped)
	assert.Equal(t, []byte{}, data)
}

func TestErrorsNameAnotherCodec(t *testing.T) {
	_, err := raw.New().Append(nil, 7)
	assert.EqualError(t, err, "raw: value cannot be carried: int is neither []byte nor string; use the codec json or cbor")
	err = raw.New().Decode([]byte("7"), new(int))
	assert.EqualError(t, err, "raw: payload does not fit the Go type: bytes into int; use the codec json or cbor")
}

func TestImport(t *testing.T) {
	c := raw.New()
	data, err := c.Import([]byte("<"), "cbor", []byte("x"))
	require.NoError(t, err)
	assert.Equal(t, "<x", string(data))
	data, err = c.Import([]byte("<"), "cbor", nil)
	require.NoError(t, err)
	assert.Equal(t, "<", string(data))
	for _, v := range []any{"text", int64(1), map[string]any{}} {
		data, err := c.Import([]byte("<"), "json", v)
		require.ErrorIs(t, err, codec.ErrValue)
		assert.Equal(t, "<", string(data))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("text"))
	f.Add([]byte{0, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		c := raw.New()
		var v any
		if err := c.Decode(data, &v); err != nil {
			t.Fatal(err)
		}
		again, err := c.Append(nil, v)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x came back as %x, %v", data, again, err)
		}
		for _, into := range []any{new(int), new(struct{}), new([]string), new(map[string]any)} {
			if c.Decode(data, into) == nil {
				t.Fatalf("bytes decoded into %T", into)
			}
		}
	})
}

func Example() {
	c := raw.New()
	data, err := c.Append(nil, []byte{0xca, 0xfe})
	fmt.Printf("%x %v\n", data, err)

	var got []byte
	err = c.Decode(data, &got)
	fmt.Printf("%x %v\n", got, err)

	_, err = c.Append(nil, 21.5)
	fmt.Println(err)

	// Output:
	// cafe <nil>
	// cafe <nil>
	// raw: value cannot be carried: float64 is neither []byte nor string; use the codec json or cbor
}
