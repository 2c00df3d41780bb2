//go:build !race

// The race detector allocates on its own account, and makes sync.Pool forget on
// purpose: allocations are counted without it.

package json_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	gosigjson "github.com/gosig/gosig/codec/json"
)

func TestAppendAllocates(t *testing.T) {
	c, dst := gosigjson.New(), make([]byte, 0, 1024)
	tree := map[string]any{"temp": 21.5, "unit": "°C", "list": []any{int64(1), true, nil}}
	allocs := testing.AllocsPerRun(100, func() { dst, _ = c.Append(dst[:0], tree) })
	assert.Zero(t, allocs, "a plain tree into a buffer with room")
}
