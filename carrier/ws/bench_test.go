package ws_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/carrier/ws"
)

// BenchmarkThroughput sends frames over loopback in batches of up to 64 KiB, as
// a router under load does, beside the same over tcp://.
func BenchmarkThroughput(b *testing.B) {
	set, err := carrier.NewSet(ws.New(nil), tcp.New(nil))
	require.NoError(b, err)
	for _, scheme := range []string{"tcp", "ws"} {
		for _, direction := range []string{"up", "down"} { // a client masks what it sends
			for _, size := range []int{16, 128, 1024, 65536} {
				b.Run(fmt.Sprintf("%s/%s/%dB", scheme, direction, size), func(b *testing.B) {
					ln, err := set.Listen(b.Context(), scheme+"://127.0.0.1:0")
					require.NoError(b, err)
					defer ln.Close()
					from, to := connect(b, ln, set, ln.Addr())
					if direction == "down" {
						from, to = to, from
					}
					throughput(b, from, to, size)
				})
			}
		}
	}
}

func throughput(b *testing.B, from, to carrier.Conn, size int) {
	per := max(64<<10/(size+carrier.FrameOverhead), 1)
	var one []byte
	for range per {
		one = carrier.AppendFrame(one, make([]byte, size))
	}
	rounds := b.N/per + 1
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	sent := make(chan error, 1) // one result
	go func() {
		for range rounds {
			if err := from.Send(context.Background(), one); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	buf := make([]byte, 256<<10)
	for got := 0; got < rounds*per; {
		batch, err := to.Receive(context.Background(), buf)
		require.NoError(b, err)
		for range carrier.Frames(batch) {
			got++
		}
	}
	require.NoError(b, <-sent)
	b.StopTimer()
	b.ReportMetric(float64(rounds*per)/b.Elapsed().Seconds(), "frames/s")
}
