package ctest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// TestSlowLine: what is emitted faster than the line carries it is lost, and the
// device is told how much and where.
func TestSlowLine(t *testing.T) {
	t.Parallel()
	h := newHub(t, clean, router.Limits{OutboundBytes: 16 << 10})
	hall, err := h.reg.Connect("hall", sig.Spec{Events: []sig.Name{"bell"}})
	require.NoError(t, err)
	d := h.device("cbor")
	d.do(0, "subscribe hall bell")
	d.expect(online)
	const all = 3000
	for i := range all {
		require.NoError(t, hall.Emit("bell", strings.Repeat("x", 90)+fmt.Sprint(i)))
	}
	require.Eventually(t, func() bool { return accounted(t, d) == all }, 2*patience, 50*time.Millisecond)
	assert.NotEmpty(t, d.all("lost"))
	for _, l := range d.all("lost") {
		assert.True(t, strings.HasSuffix(l, " 2"), "%s: a slow peer", l)
	}
}

// accounted returns how many events the device has heard or knows to be lost, and
// checks that their numbers leave no hole.
func accounted(t *testing.T, d *device) (next uint64) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lines {
		var number, count uint64
		switch {
		case strings.HasPrefix(l, "event "):
			_, err := fmt.Sscanf(l, "event hall bell %d", &number)
			require.NoError(t, err)
			count = 1
		case strings.HasPrefix(l, "lost "):
			_, err := fmt.Sscanf(l, "lost hall bell %d %d", &number, &count)
			require.NoError(t, err)
		default:
			continue
		}
		require.Equal(t, next+1, number, l)
		next += count
	}
	return next
}

// TestNoise: both ways over a bad line, in order, once.
func TestNoise(t *testing.T) {
	t.Parallel()
	line := clean
	line.Damage = linesim.Damage{BitErrors: 1e-4, Drops: 1e-4, Inserts: 1e-4, Bursts: 1e-5, Breaks: 1e-5}
	line.Seed = 7
	h := newHub(t, line, router.Limits{})
	hall, err := h.reg.Connect("hall", sig.Spec{Events: []sig.Name{"bell"}})
	require.NoError(t, err)
	r := h.record("kitchen", "temp")
	d := h.device("cbor")
	d.do(0, "connect kitchen temp echo")
	d.do(0, "subscribe hall bell")
	d.expect(online)
	const all = 300
	for range all {
		require.NoError(t, hall.Emit("bell", strings.Repeat("x", 50)))
		for { // the line is full now and then, and the device is told
			d.tell("emit kitchen 0 %04x%s", 0x7814, strings.Repeat("61", 20))
			if d.expect("= ") == "= 0" {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	for range all {
		assert.Equal(t, "temp "+strings.Repeat("a", 20), r.next(t))
	}
	require.Eventually(t, func() bool { return accounted(t, d) == all }, patience, 20*time.Millisecond)
	assert.Empty(t, d.all("lost"))
	n, err := sig.Call[int](patient(t), h.reg, "kitchen", "echo", 5)
	require.NoError(t, err)
	assert.Equal(t, 5, n)
}
