package serial_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/sig"
)

// TestOnlyWhatIsWanted: an event that nobody on the other side has subscribed to
// does not cross the line, whichever side emits it; once somebody has, it does.
func TestOnlyWhatIsWanted(t *testing.T) {
	b := newBench(t, serial.Options{}, linesim.LineOptions{Baud: baud})
	server, client := b.routers()
	for _, way := range []struct {
		name     string
		from, to *sig.Registry
		end      linesim.End
	}{{"to the router", client, server, linesim.A}, {"to the device", server, client, linesim.B}} {
		t.Run(way.name, func(t *testing.T) {
			name := sig.Name(way.name[len("to the "):] + "s")
			sender, err := way.from.Connect(name, sig.Spec{Events: []sig.Name{"temp", "chatter"}})
			require.NoError(t, err)
			got := make(chan []byte, 10) // all that is emitted of the event that is wanted
			sub, err := sig.Subscribe(way.to, name, "temp", func(ev sig.EventOf[[]byte]) {
				got <- append([]byte(nil), ev.Data...)
			}, nil)
			require.NoError(t, err)
			require.NoError(t, sub.InForce(t.Context()))
			payload := make([]byte, 100)
			// Until the other side has answered CONNECT everything is taken as
			// wanted (protocol.md §7.3): wait until the chatter is known not to be.
			require.Eventually(t, func() bool {
				b.awaitIdle()
				before := b.line.Stats(way.end).Bytes
				require.NoError(t, sender.Emit("chatter", payload))
				b.awaitIdle()
				return b.line.Stats(way.end).Bytes-before < uint64(len(payload))
			}, 60*time.Second, time.Millisecond)

			before := b.line.Stats(way.end).Bytes
			for range 1000 {
				require.NoError(t, sender.Emit("chatter", payload))
			}
			for i := range byte(10) {
				require.NoError(t, sender.Emit("temp", []byte{i}))
			}
			for i := range byte(10) {
				require.Equal(t, []byte{i}, <-got)
			}
			crossed := b.line.Stats(way.end).Bytes - before
			assert.Less(t, crossed, uint64(500), "ten events of a byte, not a thousand of 100")

			before = b.line.Stats(way.end).Bytes
			chatter := make(chan struct{}, 1000) // all that is emitted
			_, err = sig.Subscribe(way.to, name, "chatter", func(sig.EventOf[[]byte]) { chatter <- struct{}{} }, nil)
			require.NoError(t, err)
			require.Eventually(t, func() bool {
				require.NoError(t, sender.Emit("chatter", payload))
				return len(chatter) > 0
			}, 30*time.Second, 20*time.Millisecond)
			assert.Greater(t, b.line.Stats(way.end).Bytes, before+100)
			sub.Unsubscribe()
		})
	}
}
