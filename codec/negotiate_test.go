package codec_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec"
)

func TestNegotiate(t *testing.T) {
	have := []codec.Codec{jsonCodec, cborCodec}
	for _, test := range []struct {
		name   string
		prefer []codec.ID
		want   codec.Codec
	}{
		{"the client's order decides", []codec.ID{"cbor", "json"}, cborCodec},
		{"unknown ones are passed over", []codec.ID{"zig", "", "json"}, jsonCodec},
		{"twice is once", []codec.ID{"cbor", "cbor"}, cborCodec},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := codec.Negotiate(test.prefer, have)
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestNegotiateNothing(t *testing.T) {
	_, err := codec.Negotiate([]codec.ID{"raw", "a\nb"}, []codec.Codec{jsonCodec, cborCodec})
	require.ErrorIs(t, err, codec.ErrNoCommon)
	assert.EqualError(t, err, `no codec in common: asked for "raw", "a\nb", have "json", "cbor"`)

	_, err = codec.Negotiate(nil, nil)
	assert.EqualError(t, err, "no codec in common: asked for none, have none")

	many := make([]codec.ID, 1000)
	for i := range many {
		many[i] = codec.ID(strings.Repeat("x", 1000))
	}
	_, err = codec.Negotiate(many, nil)
	assert.Less(t, len(err.Error()), 1000, "a peer's text is bounded")
	assert.Contains(t, err.Error(), "and 992 more")
}

type named struct {
	codec.Codec
	id codec.ID
}

func (n named) ID() codec.ID { return n.id }

func TestCheck(t *testing.T) {
	require.NoError(t, codec.Check([]codec.Codec{jsonCodec, cborCodec, rawCodec}))
	for _, test := range []struct {
		name, want string
		codecs     []codec.Codec
	}{
		{"none", "no codec given", nil},
		{"nil", "codec number 1 is nil", []codec.Codec{jsonCodec, nil}},
		{"twice", `two codecs are named "json"`, []codec.Codec{jsonCodec, named{cborCodec, "json"}}},
		{"no name", `codec name "": has 0 bytes, want 1 to 32`, []codec.Codec{named{rawCodec, ""}}},
		{"bad name", `codec name "J": 'J' is not one of a-z, 0-9, '.', '_', '-', '+'`, []codec.Codec{named{rawCodec, "J"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			assert.EqualError(t, codec.Check(test.codecs), test.want)
		})
	}
}
