package cli

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec"
)

// TestCodecsHaveTheLimits of the configuration, in both directions.
func TestCodecsHaveTheLimits(t *testing.T) {
	for _, id := range []string{"cbor", "json"} {
		usual, err := newCodecs(codecNames([]string{id}), codec.Limits{})
		require.NoError(t, err)
		strict, err := newCodecs(codecNames([]string{id}), codec.Limits{Depth: 2, Elements: 3})
		require.NoError(t, err)
		for _, v := range []any{[]any{[]any{[]any{}}}, []any{1, 2, 3, 4}} {
			data, err := usual[0].Append(nil, v)
			require.NoError(t, err)
			var got any
			require.NoError(t, usual[0].Decode(data, &got))
			assert.ErrorIs(t, strict[0].Decode(data, &got), codec.ErrLimit, id)
			_, err = strict[0].Append(nil, v)
			assert.ErrorIs(t, err, codec.ErrLimit, id)
		}
	}
}
