package router

import (
	"testing"
	"time"
)

// TestWritePatience holds the time for a write to what Limits.WriteTimeout says.
func TestWritePatience(t *testing.T) {
	for _, c := range []struct {
		size, rate int
		want       time.Duration
	}{
		{1, 0, 5 * time.Second},
		{64 << 10, 0, 5 * time.Second},
		{80 << 10, 0, 6 * time.Second},
		{256 << 10, 0, 17 * time.Second},
		{960, 960, 8 * time.Second},
		{80 << 10, 1 << 10, 246 * time.Second},
	} {
		if got := writePatience(5*time.Second, c.size, c.rate); got != c.want {
			t.Errorf("a write of %d bytes at %d a second may take %v, want %v", c.size, c.rate, got, c.want)
		}
	}
}
