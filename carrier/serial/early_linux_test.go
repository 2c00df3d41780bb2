package serial_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/sig"
)

// TestQuietUntilAsked: what a sender emits right after it has connected does not cross a
// line before it is known whether anybody wants it; what is wanted does, all of it, and
// what the sender says before it leaves.
func TestQuietUntilAsked(t *testing.T) {
	b := newBench(t, serial.Options{}, linesim.LineOptions{Baud: baud})
	server, client := b.routers()
	got := make(chan sig.EventOf[any], 100) // more than is wanted
	sub, err := sig.Subscribe(server, "probe", "temp", func(ev sig.EventOf[any]) { got <- ev }, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(t.Context()))
	left, err := sig.Subscribe(server, "probe", sig.EventDisconnect, func(ev sig.EventOf[any]) { got <- ev }, nil)
	require.NoError(t, err)
	require.NoError(t, left.InForce(t.Context()))
	b.awaitIdle()
	payload := make([]byte, 100)
	spec := sig.Spec{Events: []sig.Name{"temp", "chatter"}}
	expect := func() {
		for i := range 10 {
			assert.Equal(t, []byte{byte(i)}, (<-got).Data)
		}
	}

	before := b.line.Stats(linesim.A).Bytes
	sender, err := client.Connect("probe", spec)
	require.NoError(t, err)
	for i := range 50 {
		require.NoError(t, sender.Emit("chatter", payload))
		if i%5 == 0 {
			require.NoError(t, sender.Emit("temp", []byte{byte(i / 5)}))
		}
	}
	expect()
	b.awaitIdle()
	crossed := b.line.Stats(linesim.A).Bytes - before
	assert.Less(t, crossed, uint64(500), "bytes, for ten events of one: not fifty of 100")
	require.NoError(t, sender.Disconnect(""))
	assert.Equal(t, sig.EventDisconnect, (<-got).Name)

	// A sender that does not wait for the answer.
	sender, err = client.Connect("probe", spec)
	require.NoError(t, err)
	for i := range 10 {
		require.NoError(t, sender.Emit("temp", []byte{byte(i)}))
	}
	require.NoError(t, sender.Disconnect(""))
	expect()
	assert.Equal(t, sig.EventDisconnect, (<-got).Name)
}
