package dtls_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	piondtls "github.com/pion/dtls/v3"
	"github.com/pion/sctp"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
)

// BenchmarkThroughput sends frames one way, over this carrier and over bare
// pion/sctp over pion/dtls: with one message for each frame, as a program would
// that has frames to send, and with the same batches as messages.
func BenchmarkThroughput(b *testing.B) {
	for _, size := range []int{128, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%dB/gosig", size), func(b *testing.B) { benchGosig(b, size) })
		b.Run(fmt.Sprintf("%dB/bare", size), func(b *testing.B) { benchBare(b, size, 1) })
		b.Run(fmt.Sprintf("%dB/bare-batches", size), func(b *testing.B) { benchBare(b, size, perBatch(size)) })
	}
}

// perBatch is how many frames go into a batch: as many as the router has at hand
// when it is busy.
func perBatch(size int) int { return max(1, 32<<10/size) }

func benchGosig(b *testing.B, size int) {
	client, server := pair(b, withKeys(), withKeys())
	per := perBatch(size)
	var batch []byte
	for range per {
		batch = carrier.AppendFrame(batch, make([]byte, size))
	}
	received := make(chan error, 1) // one result
	start(b, size)
	go func() { // ends with the last frame
		buf := make([]byte, 128<<10)
		for n := 0; n < b.N; {
			got, err := server.Receive(context.Background(), buf)
			if err != nil {
				received <- err
				return
			}
			for range carrier.Frames(got) {
				n++
			}
		}
		received <- nil
	}()
	for n := 0; n < b.N; n += per {
		require.NoError(b, client.Send(context.Background(), batch))
	}
	require.NoError(b, <-received)
	b.StopTimer()
}

func start(b *testing.B, size int) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
}

func benchBare(b *testing.B, size, per int) {
	out, in := barePair(b)
	message := make([]byte, size*per)
	received := make(chan error, 1) // one result
	start(b, size)
	go func() { // ends with the last message
		buf := make([]byte, 128<<10)
		for n := 0; n < b.N; n += per {
			if _, err := io.ReadAtLeast(in, buf, 1); err != nil {
				received <- err
				return
			}
		}
		received <- nil
	}()
	for n := 0; n < b.N; n += per {
		_, err := out.Write(message)
		require.NoError(b, err)
	}
	require.NoError(b, <-received)
	b.StopTimer()
}

// barePair is a stream of bare pion/sctp over bare pion/dtls, with a Write that
// blocks where it would otherwise gather all in memory.
func barePair(b *testing.B) (out, in *sctp.Stream) {
	ln, err := piondtls.ListenWithOptions("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)},
		piondtls.WithPSK(func([]byte) ([]byte, error) { return key, nil }),
		piondtls.WithCipherSuites(piondtls.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256))
	require.NoError(b, err)
	b.Cleanup(func() { ln.Close() })
	accepted := make(chan *sctp.Stream, 1) // one result
	go func() {                            // ends with the handshake
		defer close(accepted)
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		assoc, err := sctp.ServerWithOptions(sctp.Config{NetConn: nc, BlockWrite: true})
		if err != nil {
			return
		}
		b.Cleanup(func() { assoc.Close() })
		if s, err := assoc.OpenStream(0, sctp.PayloadTypeWebRTCBinary); err == nil {
			accepted <- s
		}
	}()
	nc, err := piondtls.DialWithOptions("udp", ln.Addr().(*net.UDPAddr), pskClient(
		piondtls.WithCipherSuites(piondtls.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256))...)
	require.NoError(b, err)
	assoc, err := sctp.ClientWithOptions(sctp.Config{NetConn: nc, BlockWrite: true})
	require.NoError(b, err)
	b.Cleanup(func() { assoc.Close() })
	out, err = assoc.OpenStream(0, sctp.PayloadTypeWebRTCBinary)
	require.NoError(b, err)
	select {
	case in = <-accepted:
		require.NotNil(b, in)
	case <-time.After(time.Minute):
		b.Fatal("no association")
	}
	return out, in
}

// BenchmarkClose is what closing costs right after a frame was sent, whose
// acknowledgement the peer keeps back for 200 ms if nobody asks for it.
func BenchmarkClose(b *testing.B) {
	frame := carrier.AppendFrame(nil, []byte("the last"))
	buf := make([]byte, 4<<10)
	for range b.N {
		b.StopTimer()
		client, server := pair(b, withKeys(), withKeys())
		b.StartTimer()
		if err := client.Send(context.Background(), frame); err != nil {
			b.Fatal(err)
		}
		if err := client.Close(); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if got, err := server.Receive(context.Background(), buf); err != nil || len(got) != len(frame) {
			b.Fatalf("the peer received %q, %v", got, err)
		}
		server.Close()
	}
}
