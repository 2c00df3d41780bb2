package stream_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"testing"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/stream"
)

// BenchmarkThroughput sends frames over loopback in batches of up to 64 KiB, as
// a router under load does, and counts them on the other side.
func BenchmarkThroughput(b *testing.B) {
	for _, medium := range []struct {
		name string
		open func(testing.TB) (net.Conn, net.Conn)
	}{{"tcp", loopback}, {"tls", loopbackTLS}} {
		for _, size := range []int{16, 128, 1024, 8192, 65536} {
			for _, batches := range []int{1, 8} {
				b.Run(fmt.Sprintf("%s/%dB/%dbatches", medium.name, size, batches), func(b *testing.B) {
					x, y := medium.open(b)
					throughput(b, x, y, size, batches)
				})
			}
		}
	}
}

func throughput(b *testing.B, x, y net.Conn, size, parts int) {
	from, to := stream.New(x, nil), stream.New(y, nil)
	defer from.Close()
	defer to.Close()
	per := max(64<<10/(size+carrier.FrameOverhead)/parts, 1)
	var one []byte
	for range per {
		one = carrier.AppendFrame(one, make([]byte, size))
	}
	batches := make([][]byte, parts)
	for i := range batches {
		batches[i] = one
	}
	rounds := b.N/(per*parts) + 1
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	sent := make(chan error, 1) // one result
	go func() {
		for range rounds {
			if err := from.Send(context.Background(), batches...); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	buf := make([]byte, 256<<10)
	for got := 0; got < rounds*per*parts; {
		batch, err := to.Receive(context.Background(), buf)
		if err != nil {
			b.Fatal(err)
		}
		for range carrier.Frames(batch) {
			got++
		}
	}
	if err := <-sent; err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(rounds*per*parts)/b.Elapsed().Seconds(), "frames/s")
}

// BenchmarkRoundTrip sends one frame there and back.
func BenchmarkRoundTrip(b *testing.B) {
	x, y := loopback(b)
	near, far := stream.New(x, nil), stream.New(y, nil)
	defer near.Close()
	defer far.Close()
	done := make(chan struct{}) // closed when the far side has ended
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			batch, err := far.Receive(context.Background(), buf)
			if err != nil || far.Send(context.Background(), batch) != nil {
				return
			}
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	frame, buf := carrier.AppendFrame(nil, make([]byte, 128)), make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if err := near.Send(ctx, frame); err != nil {
			b.Fatal(err)
		}
		if _, err := near.Receive(ctx, buf); err != nil {
			b.Fatal(err)
		}
	}
	near.Close()
	<-done
}

func loopback(t testing.TB) (x, y net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if x, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if y, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return x, y
}

func loopbackTLS(t testing.TB) (net.Conn, net.Conn) {
	ca := certstest.New(t, "CA")
	cert := ca.Certificate("bench", certstest.DNS("bench"))
	x, y := loopback(t)
	return tls.Client(x, &tls.Config{RootCAs: ca.Pool, ServerName: "bench", DynamicRecordSizingDisabled: true}),
		tls.Server(y, &tls.Config{Certificates: []tls.Certificate{*cert}, DynamicRecordSizingDisabled: true})
}
