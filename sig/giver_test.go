package sig_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// bytesIn stands in for a router's payload of bytes that are sent as they are.
type bytesIn struct{ data []byte }

func (b *bytesIn) Decode(into any) error {
	switch p := into.(type) {
	case *[]byte:
		*p = append([]byte{}, b.data...)
	case *any:
		*p = append([]byte{}, b.data...)
	case *string:
		*p = string(b.data)
	}
	return nil
}

func (b *bytesIn) Give() ([]byte, bool) { return b.data, true }

// TestGiver: bytes in memory that nobody else uses are handed over, and not to
// two who may both write to them.
func TestGiver(t *testing.T) {
	in := &bytesIn{[]byte("abc")}
	got, err := sig.Data[[]byte](in)
	require.NoError(t, err)
	require.Same(t, &in.data[0], &got[0], "no copy")
	text, err := sig.Data[string](in)
	require.NoError(t, err)
	require.Equal(t, "abc", text)

	var seen []string
	scribbler := sig.Handle(func(_ context.Context, p []byte) (int, error) {
		seen = append(seen, string(p))
		p[0] = 'x'
		return len(p), nil
	})
	twice := func(ctx context.Context, req *sig.Request) (any, error) {
		if _, err := scribbler(ctx, req); err != nil {
			return nil, err
		}
		return scribbler(ctx, req)
	}
	r, _ := newRegistry(t)
	s, err := r.Connect("s", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"direct": scribbler, "wrapped": twice}})
	require.NoError(t, err)
	for _, method := range []sig.Name{"direct", "wrapped"} {
		var incoming sig.Incoming
		incoming.Begin(t.Context(), s, 0)
		_, err := incoming.Answer(method, &bytesIn{[]byte("abc")})
		require.NoError(t, err)
	}
	require.Equal(t, []string{"abc", "abc", "abc"}, seen)
}
