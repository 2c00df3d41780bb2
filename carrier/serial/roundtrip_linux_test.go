package serial_test

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// frameOnWire is what a frame has beside its payload: header, CRC-32, a code of
// COBS, zeros (serial-link.md §2).
const frameOnWire = 4 + 4 + 1 + 2

func onWire(bytes int) time.Duration { return time.Duration(bytes) * 10 * time.Second / baud }

// routers joins two registries by a line.
func (b *bench) routers() (server, client *sig.Registry) {
	server, client = sig.New(nil), sig.New(nil)
	b.t.Cleanup(func() { server.Close(); client.Close() })
	codecs := []codec.Codec{raw.New()}
	srv, err := router.NewServerRouter(server, &router.ServerOptions{Carriers: []carrier.Carrier{b.server}, Codecs: codecs, Logger: quiet})
	require.NoError(b.t, err)
	b.t.Cleanup(func() { require.NoError(b.t, srv.Close()) })
	_, err = srv.Listen(b.t.Context(), b.addr[0])
	require.NoError(b.t, err)
	cl, err := router.NewClientRouter(client, []string{b.addr[1]}, &router.ClientOptions{Carriers: []carrier.Carrier{b.client}, Codecs: codecs, Logger: quiet, OnState: func(s router.State) {
		if s.Err != nil && b.t.Context().Err() == nil {
			b.t.Errorf("the connection was lost: %v", s.Err)
		}
	}})
	require.NoError(b.t, err)
	b.t.Cleanup(func() { require.NoError(b.t, cl.Close()) })
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(b.t, cl.WaitConnected(ctx))
	return server, client
}

// TestGoalRoundTrip: a request of 16 bytes and its reply of 16 on an idle line,
// through both routers and registries.
func TestGoalRoundTrip(t *testing.T) {
	b := newBench(t, serial.Options{}, linesim.LineOptions{Baud: baud})
	server, client := b.routers()
	echo := sig.Handle(func(_ context.Context, p []byte) ([]byte, error) { return p, nil })
	_, err := client.Connect("device", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"echo": echo}})
	require.NoError(t, err)
	ask := []byte("0123456789abcdef")
	var times []time.Duration
	var wires []int
	rounds := 5
	if *goals {
		rounds = 200
	}
	for len(times) < rounds {
		b.awaitIdle()
		before := b.line.Stats(linesim.A).Bytes + b.line.Stats(linesim.B).Bytes
		begin := time.Now()
		got, err := sig.Call[[]byte](t.Context(), server, "device", "echo", ask)
		if err != nil && len(times) == 0 { // the device's name is on its way
			time.Sleep(20 * time.Millisecond)
			continue
		}
		took := time.Since(begin)
		require.NoError(t, err)
		require.Equal(t, ask, got)
		times = append(times, took)
		b.awaitIdle()
		wires = append(wires, int(b.line.Stats(linesim.A).Bytes+b.line.Stats(linesim.B).Bytes-before))
	}
	slices.Sort(times)
	slices.Sort(wires)
	// What a request takes besides request and reply is their acknowledgements:
	// one travels beside the reply, the other after it.
	bytes := wires[len(wires)/2] - 2*(frameOnWire+1)
	limit := onWire(bytes)*3/2 + time.Millisecond
	median := times[len(times)/2]
	report(t, "request of 16 B, idle line | <= %.1f ms | %.1f ms (of which the bytes take %.1f; 99 of 100 within %.1f)",
		millis(limit), millis(median), millis(onWire(bytes)), millis(times[len(times)*99/100]))
	if *goals {
		assert.LessOrEqual(t, median, limit)
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// awaitIdle waits until the line has carried nothing for a while.
func (b *bench) awaitIdle() {
	carried := func() uint64 { return b.line.Stats(linesim.A).Bytes + b.line.Stats(linesim.B).Bytes }
	for last := carried(); ; {
		time.Sleep(15 * time.Millisecond)
		now := carried()
		if now == last {
			return
		}
		last = now
	}
}
