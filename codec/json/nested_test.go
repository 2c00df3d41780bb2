package json_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
)

// TestNestedWithoutEnd: a megabyte of nothing but beginnings is refused by the limit on
// depth, whatever it is read into, and costs neither memory nor stack.
func TestNestedWithoutEnd(t *testing.T) {
	reader := json.New()
	for name, data := range map[string][]byte{
		"lists": bytes.Repeat([]byte("["), 1<<20), "maps": bytes.Repeat([]byte(`{"k":`), 1<<18),
	} {
		for _, into := range []any{new(any), new([]any), new(map[string]any), new([][][]int), new(struct{ K *struct{ K any } })} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := reader.Decode(data, into)
			runtime.ReadMemStats(&after)
			assert.Error(t, err, "%s into %T", name, into)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(256<<10), "%s into %T", name, into)
		}
		assert.ErrorIs(t, reader.Decode(data, new(any)), codec.ErrLimit, name)
	}
}
