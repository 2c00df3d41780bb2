package e2e

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
)

// cable is a serial line with a port at either end.
type cable struct {
	router, device *linesim.Port
	line           *linesim.Line
}

func newCable(t *testing.T, dir string, i int, damage linesim.Damage) *cable {
	t.Helper()
	router, err := linesim.NewPort(filepath.Join(dir, fmt.Sprintf("ttyUSB%d", i)))
	require.NoError(t, err)
	device, err := linesim.NewPort(filepath.Join(dir, fmt.Sprintf("device%d", i)))
	require.NoError(t, err)
	c := &cable{router, device, linesim.NewLine(&linesim.LineOptions{Damage: damage, Seed: uint64(i)})}
	c.line.Attach(linesim.A, router)
	c.line.Attach(linesim.B, device)
	t.Cleanup(func() { c.line.Close() })
	return c
}

// TestSerialPorts: one router process with a pattern of ports, a device on each.
// One line is noisy, one is pulled out and plugged in again while its device
// counts. Who listens over TCP hears all of the others whole, and of that one each
// number once or where it was lost.
func TestSerialPorts(t *testing.T) {
	t.Parallel()
	const ports, events, noisy, pulled = 8, 600, 1, 2
	dir := shortDir(t)
	var cables []*cable
	for i := range ports {
		damage := linesim.Damage{}
		if i == noisy {
			damage.BitErrors = 3e-4
		}
		cables = append(cables, newCable(t, dir, i, damage))
	}
	hub := serve(t, "--listen", "serial://"+dir+"/ttyUSB*?pace=off", "--listen", "tcp://127.0.0.1:0")
	listener := dial(t, "cbor", hub.addrs[1:])

	var counters []*counter
	var stories []*story
	for i := range ports {
		of := []codec.ID{"json", "cbor"}[i%2]
		device := dial(t, of, []string{fmt.Sprintf("serial://%s/device%d?pace=off", dir, i)})
		name := sig.Name(fmt.Sprintf("press/%d", i))
		counters = append(counters, connectCounter(t, device, name))
		listener.knows(t, name)
		stories = append(stories, follow(t, listener, name, nil))
		counters[i].start(t, of, heldBack, events)
	}
	await(t, "the first events of the port that is pulled out", func() bool { return stories[pulled].told() > 20 })
	cables[pulled].router.Unplug()
	await(t, "its device to be gone", func() bool { return stories[pulled].count("#disconnect") > 0 })
	require.NoError(t, cables[pulled].router.Plug())

	for i, c := range counters {
		assert.EqualValues(t, events, c.finished(t), "port %d", i)
		if i == pulled {
			stories[i].complete(t, events)
			continue
		}
		stories[i].whole(t, events)
	}
	assert.Positive(t, cables[noisy].line.Stats(linesim.A).Noise.Flipped, "the noisy line was noisy")
}
