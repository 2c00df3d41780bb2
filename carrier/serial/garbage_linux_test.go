package serial_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/carrier/serial/link"
)

// TestGoalGarbage: whatever else comes over the line, the session goes on, the
// frames that come after it are taken, and it leaves nothing behind in memory.
func TestGoalGarbage(t *testing.T) {
	random := make([]byte, 1<<20)
	if *goals {
		random = make([]byte, 10<<20)
	}
	rng := rand.NewChaCha8([32]byte{1})
	_, err := rng.Read(random)
	require.NoError(t, err)
	half := bytes.Repeat([]byte{0, 0x45, 0x4f, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 1000) // a frame begins, again and again
	for _, row := range []struct {
		name    string
		garbage []byte
	}{
		{"random bytes", random},
		{"zeros", make([]byte, 1<<20)},
		{"no zeros", bytes.Repeat([]byte{0x55}, 1<<20)},
		{"half frames", half},
		{"another protocol", bytes.Repeat([]byte("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n"), 2000)},
		{"another protocol with zeros", bytes.Repeat([]byte("\x01\x03\x00\x00\x00\x0a\xc5\xcd"), 5000)},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t, serial.Options{Unpaced: true, Keepalive: time.Minute}, linesim.LineOptions{})
			server, client := b.connect()
			say := func() {
				t.Helper()
				require.NoError(t, client.Send(t.Context(), carrier.AppendFrame(nil, []byte("hello"))))
				got, err := server.Receive(t.Context(), nil)
				require.NoError(t, err)
				require.Equal(t, carrier.AppendFrame(nil, []byte("hello")), got)
			}
			say()
			stats := func() link.Stats { return server.(serial.Linked).LinkStats() }
			before, memory := stats(), heap()
			b.line.Inject(linesim.A, row.garbage)
			require.Eventually(t, func() bool {
				return stats().BytesIn-before.BytesIn >= uint64(len(row.garbage))
			}, 5*time.Minute, 10*time.Millisecond)
			assert.Less(t, heap(), memory+256<<10, "nothing is kept")
			resent := client.(serial.Linked).LinkStats().Resent
			begin := time.Now()
			say()
			took := time.Since(begin)
			say()
			say()
			assert.LessOrEqual(t, client.(serial.Linked).LinkStats().Resent-resent, uint64(1), "the second frame at the latest is taken")
			after := stats()
			assert.EqualValues(t, 1, after.Sessions)
			report(t, "%s, %d bytes | the 2nd frame | frame %d, %.1f ms", row.name, len(row.garbage),
				1+client.(serial.Linked).LinkStats().Resent-resent, millis(took))
		})
	}
}

// heap is what is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
