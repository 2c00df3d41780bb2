package link_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/linesim"
)

// TestPing: what a Ping takes is what two frames without a payload take, and the
// way there and back.
func TestPing(t *testing.T) {
	w := newWorld(t, line115200, line115200, linesim.Damage{}, 1)
	w.a.m.Ping()
	_, ok := w.a.m.Pong()
	require.False(t, ok, "there is nobody yet")
	w.connected()
	w.run(w.now+time.Second/2, nil)
	_, ok = w.a.m.Pong()
	require.False(t, ok, "nobody has asked in this session")
	for range 3 {
		w.a.m.Ping()
		var took time.Duration
		require.True(t, w.run(w.now+time.Second, func() bool {
			var ok bool
			took, ok = w.a.m.Pong()
			return ok
		}))
		assert.InDelta(t, 2*byteTime(11, baud)+2*time.Millisecond, took, float64(10*time.Microsecond))
		_, ok = w.a.m.Pong()
		assert.False(t, ok, "it is told once")
	}

	w.a.cut = true
	w.a.m.Ping()
	w.run(w.now+time.Second/2, nil)
	_, ok = w.a.m.Pong()
	assert.False(t, ok, "the question was lost")
	w.b.reboot()
	w.a.cut = false
	w.connected()
	w.run(w.now+3*time.Second, nil)
	_, ok = w.a.m.Pong()
	assert.False(t, ok, "and belongs to a session that is over")
}
