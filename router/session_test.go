package router

import (
	"testing"
	"time"
)

// TestWritePatience holds the time for a write to what Limits.WriteTimeout says.
func TestWritePatience(t *testing.T) {
	for _, c := range []struct {
		size int
		want time.Duration
	}{
		{1, 5 * time.Second},
		{64 << 10, 5 * time.Second},
		{80 << 10, 6 * time.Second},
		{256 << 10, 17 * time.Second},
	} {
		if got := writePatience(5*time.Second, c.size); got != c.want {
			t.Errorf("a write of %d bytes may take %v, want %v", c.size, got, c.want)
		}
	}
}
