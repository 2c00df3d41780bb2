//go:build !race

// The race detector allocates on its own account, and makes sync.Pool forget on
// purpose: allocations are counted without it.

package wire_test

import (
	"testing"

	"github.com/gosig/gosig/wire"
)

// TestHotPathDoesNotAllocate holds the router's path for each event to that.
func TestHotPathDoesNotAllocate(t *testing.T) {
	payload, dst := make([]byte, 16), make([]byte, 0, 64)
	for _, route := range []uint32{0, 127, 128, maxU32} {
		if n := testing.AllocsPerRun(100, func() {
			dst = wire.AppendEvent(dst[:0], wire.FlagHeld, route, payload)
			if flags, got, p, err := wire.ParseEvent(dst); err != nil || got != route || flags != wire.FlagHeld || len(p) != len(payload) {
				t.Fatal(flags, got, p, err)
			}
		}); n > 0 {
			t.Errorf("route %d: %v allocations for each event, want none", route, n)
		}
	}
}
