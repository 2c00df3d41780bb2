package codec_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/codectest"
)

func TestTranscodeCopiesBetweenEquals(t *testing.T) {
	out, err := codec.Transcode([]byte("a"), jsonCodec, jsonCodec, []byte("not JSON"))
	require.NoError(t, err)
	assert.Equal(t, "anot JSON", string(out), "equal codecs pass a payload through untouched")
}

func TestTranscodeKeepsDst(t *testing.T) {
	dst := append(make([]byte, 0, 64), "before"...)
	out, err := codec.Transcode(dst, cborCodec, jsonCodec, []byte{0x01})
	require.NoError(t, err)
	assert.Equal(t, "before1", string(out))
	assert.Same(t, &dst[0], &out[0], "room in dst is used")

	for name, bad := range map[string]struct {
		from, to codec.Codec
		data     string
		kind     error
	}{
		"malformed":      {jsonCodec, cborCodec, `{`, codec.ErrMalformed},
		"cannot survive": {cborCodec, jsonCodec, "\xf9\x7e\x00", codec.ErrValue},
		"text to raw":    {jsonCodec, rawCodec, `"aGk="`, codec.ErrValue},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := codec.Transcode(dst, bad.from, bad.to, []byte(bad.data))
			require.ErrorIs(t, err, bad.kind)
			assert.Equal(t, "before", string(out))
		})
	}
}

type station struct {
	Name string    `json:"name"`
	At   moment    `json:"at"`
	Raw  []byte    `json:"raw"`
	More []station `json:"more,omitempty"`
}

type moment struct {
	Sec  int64   `json:"sec"`
	Frac float64 `json:"frac"`
}

// TestTypedEndsSurvive: whatever lies between them, two ends that agree on a
// struct exchange it whole; over JSON its bytes become text on the way.
func TestTypedEndsSurvive(t *testing.T) {
	want := station{Name: "a", At: moment{1 << 60, 3}, Raw: []byte{0, 255}, More: []station{{Name: "b", Raw: []byte("c")}}}
	for _, way := range [][]codec.Codec{
		{jsonCodec, cborCodec}, {cborCodec, jsonCodec}, {jsonCodec, cborCodec, jsonCodec}, {cborCodec, jsonCodec, cborCodec},
	} {
		data, err := way[0].Append(nil, want)
		require.NoError(t, err)
		for i := range way[1:] {
			data, err = codec.Transcode(nil, way[i], way[i+1], data)
			require.NoError(t, err)
		}
		var got station
		require.NoError(t, way[len(way)-1].Decode(data, &got))
		assert.Equal(t, want, got)
	}
}

// TestSamplesSurvive sends every sample there and back again.
func TestSamplesSurvive(t *testing.T) {
	for _, s := range codectest.Samples() {
		data, err := cborCodec.Append(nil, s.Value)
		require.NoError(t, err)
		there, err := codec.Transcode(nil, cborCodec, jsonCodec, data)
		if s.Kind == codectest.NonFinite {
			require.ErrorIs(t, err, codec.ErrValue, s.Name)
			continue
		}
		require.NoError(t, err, s.Name)
		back, err := codec.Transcode(nil, jsonCodec, cborCodec, there)
		require.NoError(t, err, s.Name)
		var want, got any
		require.NoError(t, cborCodec.Decode(data, &want))
		require.NoError(t, cborCodec.Decode(back, &got))
		assert.True(t, codectest.Equal(bytesToText(want), got), "%s: got %#v, want %#v", s.Name, got, want)
	}
}
