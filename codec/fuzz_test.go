package codec_test

import (
	"errors"
	"testing"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/codectest"
)

// FuzzTranscode takes data for a payload of each codec in turn. What can be
// carried over arrives as it was, comes back as it was, and what cannot is
// refused by an error of a known kind.
func FuzzTranscode(f *testing.F) {
	for _, s := range codectest.Samples() {
		for _, c := range []codec.Codec{jsonCodec, cborCodec, rawCodec} {
			if data, err := c.Append(nil, s.Value); err == nil && !s.Large {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range columns() {
			if c.from != c.to {
				thereAndBack(t, c, data)
			}
		}
	})
}

func thereAndBack(t *testing.T, c column, data []byte) {
	there, err := codec.Transcode(nil, c.from, c.to, data)
	if err != nil {
		for _, kind := range []error{codec.ErrMalformed, codec.ErrLimit, codec.ErrValue} {
			if errors.Is(err, kind) {
				return
			}
		}
		t.Fatalf("%s: error of no known kind: %v", c, err)
	}
	var sent, arrived any
	if err := c.from.Decode(data, &sent); err != nil {
		t.Fatalf("%s: transcoded %q, which does not decode: %v", c, data, err)
	}
	if err := c.to.Decode(there, &arrived); err != nil {
		t.Fatalf("%s: %q became %q, which does not decode: %v", c, data, there, err)
	}
	if c.from == jsonCodec || c.to == jsonCodec {
		sent, arrived = bytesToText(sent), bytesToText(arrived)
	}
	if b, ok := sent.([]byte); ok && len(b) == 0 && c.to == rawCodec {
		sent = nil // empty is nil
	}
	if !codectest.Equal(sent, arrived) {
		t.Fatalf("%s: sent %#v, arrived %#v", c, sent, arrived)
	}
	if c.from == rawCodec || c.to == rawCodec {
		return // bytes do not become raw again, or there is nothing but bytes
	}
	back, err := codec.Transcode(nil, c.to, c.from, there)
	if err != nil {
		t.Fatalf("%s: %q does not come back: %v", c, there, err)
	}
	var returned any
	if err := c.from.Decode(back, &returned); err != nil || !codectest.Equal(bytesToText(returned), bytesToText(sent)) {
		t.Fatalf("%s and back: sent %#v, returned %#v, %v", c, sent, returned, err)
	}
}
