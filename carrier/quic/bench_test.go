package quic_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
)

// BenchmarkThroughput sends frames over loopback in batches of up to 64 KiB, as
// a router under load does, beside a loop that copies the same bytes over a
// stream of quic-go.
func BenchmarkThroughput(b *testing.B) {
	for _, size := range []int{128, 1024, 64 << 10} {
		var batch []byte
		n := max(64<<10/(size+carrier.FrameOverhead), 1)
		for range n {
			batch = carrier.AppendFrame(batch, make([]byte, size))
		}
		b.Run(fmt.Sprintf("%dB/gosig", size), func(b *testing.B) { throughput(b, batch, n) })
		b.Run(fmt.Sprintf("%dB/bare", size), func(b *testing.B) { bareThroughput(b, batch, n) })
	}
}

func throughput(b *testing.B, batch []byte, frames int) {
	w := newWorld(b, nil)
	client, server := w.pair(b, w.ln.Addr())
	ctx := b.Context()
	rounds := b.N/frames + 1
	start(b, batch, frames)
	sent := background(func() error {
		for range rounds {
			if err := client.Send(ctx, batch); err != nil {
				return err
			}
		}
		return nil
	})
	buf := make([]byte, 256<<10)
	for got := 0; got < rounds*frames; {
		in, err := server.Receive(ctx, buf)
		require.NoError(b, err)
		for range carrier.Frames(in) {
			got++
		}
	}
	require.NoError(b, <-sent)
	report(b, rounds*frames)
}

func bareThroughput(b *testing.B, batch []byte, frames int) {
	_, from, to := barePair(b)
	rounds := b.N/frames + 1
	start(b, batch, frames)
	sent := background(func() error {
		for range rounds {
			if _, err := from.Write(batch); err != nil {
				return err
			}
		}
		return nil
	})
	_, err := io.CopyBuffer(onlyWriter{io.Discard}, io.LimitReader(to, int64(rounds*len(batch))), make([]byte, 256<<10))
	require.NoError(b, err)
	require.NoError(b, <-sent)
	report(b, rounds*frames)
}

// onlyWriter hides what would make io.CopyBuffer use a buffer of its own.
type onlyWriter struct{ io.Writer }

func start(b *testing.B, batch []byte, frames int) {
	b.SetBytes(int64(len(batch) / frames))
	b.ReportAllocs()
	b.ResetTimer()
}

func report(b *testing.B, frames int) {
	b.StopTimer()
	b.ReportMetric(float64(frames)/b.Elapsed().Seconds(), "frames/s")
}

// barePair is a stream of quic-go with nothing around it.
func barePair(b testing.TB) (*quicgo.Listener, *quicgo.Stream, *quicgo.Stream) {
	server, client := bareConfigs(b)
	ln, err := quicgo.ListenAddr("127.0.0.1:0", server, nil)
	require.NoError(b, err)
	b.Cleanup(func() { ln.Close() })
	from, to := bareDial(b, ln, client)
	return ln, from, to
}

func bareConfigs(b testing.TB) (server, client *tls.Config) {
	w := newWorld(b, nil)
	cert, key := w.ca.Server()
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(b, err)
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"bare"}},
		&tls.Config{RootCAs: w.ca.Pool, NextProtos: []string{"bare"}, ServerName: "localhost"}
}

func bareDial(b testing.TB, ln *quicgo.Listener, config *tls.Config) (from, to *quicgo.Stream) {
	qc, err := quicgo.DialAddr(patient(b), ln.Addr().String(), config, nil)
	require.NoError(b, err)
	b.Cleanup(func() { _ = qc.CloseWithError(0, "") })
	from, err = qc.OpenStream()
	require.NoError(b, err)
	_, err = from.Write([]byte{0})
	require.NoError(b, err)
	accepted, err := ln.Accept(patient(b))
	require.NoError(b, err)
	to, err = accepted.AcceptStream(patient(b))
	require.NoError(b, err)
	_, err = io.ReadFull(to, make([]byte, 1))
	require.NoError(b, err)
	return from, to
}

// BenchmarkRoundTrip sends one frame there and back.
func BenchmarkRoundTrip(b *testing.B) {
	b.Run("gosig", func(b *testing.B) {
		w := newWorld(b, nil)
		client, server := w.pair(b, w.ln.Addr())
		go func() { // ends with the conn
			buf := make([]byte, 4096)
			for {
				in, err := server.Receive(context.Background(), buf)
				if err != nil || server.Send(context.Background(), in) != nil {
					return
				}
			}
		}()
		batch, buf := carrier.AppendFrame(nil, make([]byte, 128)), make([]byte, 4096)
		for b.Loop() {
			require.NoError(b, client.Send(b.Context(), batch))
			_, err := client.Receive(b.Context(), buf)
			require.NoError(b, err)
		}
	})
	b.Run("bare", func(b *testing.B) {
		_, from, to := barePair(b)
		go func() { _, _ = io.Copy(onlyWriter{to}, to) }() // ends with the stream
		buf := make([]byte, 132)
		for b.Loop() {
			_, err := from.Write(buf)
			require.NoError(b, err)
			_, err = io.ReadFull(from, buf)
			require.NoError(b, err)
		}
	})
}

// BenchmarkIdle counts what an idle connection costs, both sides together, heap
// and stacks; run it with -benchtime=500x.
func BenchmarkIdle(b *testing.B) {
	b.Run("gosig", func(b *testing.B) {
		w := newWorld(b, nil)
		perConnection(b, func() { w.pair(b, w.ln.Addr()) })
	})
	b.Run("bare", func(b *testing.B) {
		server, client := bareConfigs(b)
		ln, err := quicgo.ListenAddr("127.0.0.1:0", server, nil)
		require.NoError(b, err)
		defer ln.Close()
		perConnection(b, func() { bareDial(b, ln, client) })
	})
}

func perConnection(b *testing.B, open func()) {
	open() // what is made once
	before := inUse()
	for range b.N {
		open()
	}
	b.ReportMetric(float64(inUse()-before)/float64(b.N), "B/conn")
}

func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// BenchmarkBehindLarge measures how long a small frame waits for one of 1 MiB
// before it: over the one stream of this carrier, the same with the large one
// cut into frames of 16 KiB, and over a second stream of a connection of
// quic-go, where nothing is ahead of it.
func BenchmarkBehindLarge(b *testing.B) {
	const large = 1 << 20
	for _, c := range []struct {
		name string
		path func() *path
	}{
		{"loopback", func() *path { return &path{} }},
		{"10Mbit20ms", func() *path { return &path{rate: 10e6 / 8, delay: 20 * time.Millisecond, queue: 64 << 10} }},
	} {
		b.Run(c.name+"/one_stream", func(b *testing.B) { behindLarge(b, c.path(), large, large) })
		b.Run(c.name+"/one_stream_cut", func(b *testing.B) { behindLarge(b, c.path(), large, 16<<10) })
		b.Run(c.name+"/two_streams", func(b *testing.B) { besideLarge(b, c.path(), large) })
	}
}

// behindLarge sends the small frame when about half of the large one is out, as
// far as it is cut.
func behindLarge(b *testing.B, p *path, large, cut int) {
	w := newWorld(b, nil)
	client, server := w.pair(b, p.open(b, w.ln))
	part := carrier.AppendFrame(nil, make([]byte, cut))
	waited := time.Duration(0)
	for range b.N {
		sent := background(func() error {
			for i := range large / cut {
				var small []byte
				if i == large/cut/2 {
					small = carrier.AppendFrame(nil, stamp()) // emitted while this part goes out
				}
				if err := client.Send(b.Context(), part, small); err != nil {
					return err
				}
			}
			return nil
		})
		for left := large/cut + 1; left > 0; {
			in, err := server.Receive(b.Context(), make([]byte, 64<<10))
			require.NoError(b, err)
			for f := range carrier.Frames(in) {
				left--
				if len(f) == 8 {
					waited += age(f)
				}
			}
		}
		require.NoError(b, <-sent)
	}
	b.ReportMetric(waited.Seconds()*1e3/float64(b.N), "ms/small")
}

func besideLarge(b *testing.B, p *path, large int) {
	server, client := bareConfigs(b)
	ln, err := quicgo.ListenAddr("127.0.0.1:0", server, nil)
	require.NoError(b, err)
	defer ln.Close()
	qc, err := quicgo.DialAddr(patient(b), p.to(b, ln.Addr().String()), client, nil)
	require.NoError(b, err)
	defer func() { _ = qc.CloseWithError(0, "") }()
	accepted, err := ln.Accept(patient(b))
	require.NoError(b, err)
	defer func() { _ = accepted.CloseWithError(0, "") }()
	waited := time.Duration(0)
	for range b.N {
		waited += smallBeside(b, qc, accepted, large)
	}
	b.ReportMetric(waited.Seconds()*1e3/float64(b.N), "ms/small")
}

// smallBeside sends much on one stream and a stamp on another, and returns how
// long the stamp took.
func smallBeside(b *testing.B, from, to *quicgo.Conn, size int) time.Duration {
	large, err := from.OpenUniStreamSync(b.Context())
	require.NoError(b, err)
	sent := background(func() error {
		_, err := large.Write(make([]byte, size))
		large.Close()
		return err
	})
	in, err := to.AcceptUniStream(b.Context()) // the large one is on its way
	require.NoError(b, err)
	taken := background(func() error { _, err := io.Copy(io.Discard, in); return err })
	small, err := from.OpenUniStreamSync(b.Context())
	require.NoError(b, err)
	_, err = small.Write(stamp())
	require.NoError(b, err)
	small.Close()
	in, err = to.AcceptUniStream(b.Context())
	require.NoError(b, err)
	got, err := io.ReadAll(in)
	require.NoError(b, err)
	waited := age(got)
	require.NoError(b, <-sent)
	require.NoError(b, <-taken)
	return waited
}

var epoch = time.Now()

func stamp() []byte { return binary.BigEndian.AppendUint64(nil, uint64(time.Since(epoch))) }

func age(stamp []byte) time.Duration {
	return time.Since(epoch) - time.Duration(binary.BigEndian.Uint64(stamp))
}
