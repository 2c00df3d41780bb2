package sig_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

func TestEncodingPanics(t *testing.T) {
	var em sig.Emission
	for range 2 {
		_, err := em.Encode("json", func([]byte, any) ([]byte, error) { panic("boom") })
		require.ErrorIs(t, err, sig.ErrBadPayload, "the emitter is told")
		require.ErrorContains(t, err, "boom")
	}
}
