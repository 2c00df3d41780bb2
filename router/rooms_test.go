package router

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
)

// lazily is a connection that waits without a buffer.
type lazily struct{ carrier.Conn }

func (lazily) ReceiveLazily(context.Context, carrier.BufferSource) ([]byte, error) { return nil, nil }

// TestRoomForLargeFrames: whoever sends large frames has them read in one piece, into
// memory that is used again, also if it is to be held back, and until it has sent none
// for a while.
func TestRoomForLargeFrames(t *testing.T) {
	limited := newBucket(5000, 10_000, time.Now())
	for name, c := range map[string]struct {
		allowance  *bucket
		conn       carrier.Conn
		frame      int
		room, then int // after it, and when small ones have come for a while
	}{
		"small, held back":               {limited, nil, 100, smallBuffer, smallBuffer},
		"large, held back":               {limited, nil, 16 << 10, mediumBuffer, smallBuffer},
		"larger, held back":              {limited, lazily{}, 300 << 10, largestBuffer, smallBuffer},
		"small":                          {nil, nil, 100, smallBuffer, smallBuffer},
		"larger":                         {nil, lazily{}, 300 << 10, largestBuffer, smallBuffer},
		"larger, waiting with a buffer":  {nil, nil, 300 << 10, largeBuffer, smallBuffer},
		"larger than what is used again": {nil, lazily{}, 2 << 20, largestBuffer, smallBuffer},
	} {
		t.Run(name, func(t *testing.T) {
			s := &session{allowance: c.allowance, conn: c.conn}
			takes := func(n int) int {
				batch := carrier.AppendFrame(nil, make([]byte, n))
				s.reading = newBuffer(max(len(batch), s.room))
				s.lend(batch)
				return s.room
			}
			require.Equal(t, c.room, takes(c.frame))
			for range fewSmall - 1 {
				require.Equal(t, c.room, takes(100), "the next large one may be about to come")
			}
			require.Equal(t, c.room, takes(c.frame))
			for range fewSmall {
				takes(100)
			}
			require.Equal(t, c.then, takes(100))
		})
	}
}
