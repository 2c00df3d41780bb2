package quic_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/quic"
)

// TestGarbage: packets that are none disturb nobody.
func TestGarbage(t *testing.T) {
	w := newWorld(t, nil)
	attacker, err := net.Dial("udp", hostPort(w.ln))
	require.NoError(t, err)
	defer attacker.Close()
	client, server := w.pair(t, w.ln.Addr())
	seed := rand.New(rand.NewPCG(3, 4))
	packet := make([]byte, 1400)
	for i := range 3000 {
		for j := range packet {
			packet[j] = byte(seed.Uint32())
		}
		if i%2 == 0 {
			packet[0] |= 0xC0 // a long header, of version 1
			binary.BigEndian.PutUint32(packet[1:], 1)
		}
		_, _ = attacker.Write(packet[:1+seed.IntN(len(packet))]) // refused or lost, it is garbage
	}
	sent := background(func() error { return sendNumbered(patient(t), client, 100, 100) })
	require.NoError(t, receiveNumbered(patient(t), server, 100, nil))
	require.NoError(t, <-sent)
	w.pair(t, w.ln.Addr())
}

// TestBadStreams: a client that shakes hands as it should, and then does not
// follow the protocol.
func TestBadStreams(t *testing.T) {
	frame := string(carrier.AppendFrame(nil, []byte("a frame")))
	for _, c := range []struct {
		name  string
		bytes string
		end   func(*quicgo.Conn, *quicgo.Stream)
		first bool // a good frame comes first
		want  func(t *testing.T, err error)
	}{
		{"no preface", "GET / HTTP/1.1\r\n", nil, false, is(carrier.ErrProtocol)},
		{"half a preface", quic.Preface[:4], fin, false, is(io.ErrUnexpectedEOF)},
		{"oversize frame", quic.Preface + "\x7f\xff\xff\xff", nil, false, is(carrier.ErrFrameTooLarge)},
		{"oversize after a good one", quic.Preface + frame + "\x7f\xff\xff\xff", nil, true, is(carrier.ErrFrameTooLarge)},
		{"empty frame", quic.Preface + "\x00\x00\x00\x00", nil, false, is(carrier.ErrProtocol)},
		{"truncated frame", quic.Preface + frame + frame[:7], fin, true, is(io.ErrUnexpectedEOF)},
		{"reset within a frame", quic.Preface + frame[:7], func(_ *quicgo.Conn, s *quicgo.Stream) { s.CancelWrite(7) }, false, says("closed the connection")},
		{"closed with a code", quic.Preface + frame + frame[:7], func(qc *quicgo.Conn, _ *quicgo.Stream) { _ = qc.CloseWithError(77, "no\nreason") }, true, says(`code 77: "no\nreason"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			qc, err := rawDial(t, w.ln, &tls.Config{RootCAs: w.ca.Pool, NextProtos: []string{quic.ALPN}})
			require.NoError(t, err)
			server, err := w.ln.Accept(patient(t))
			require.NoError(t, err)
			defer server.Close()
			s, err := qc.OpenStreamSync(patient(t))
			require.NoError(t, err)
			_, err = s.Write([]byte(c.bytes))
			require.NoError(t, err)
			if c.first {
				_, err = server.Receive(patient(t), nil)
				require.NoError(t, err)
			}
			got := background(func() error { _, err := server.Receive(patient(t), nil); return err })
			if c.end != nil {
				c.end(qc, s)
			}
			err = <-got
			c.want(t, err)
			assert.NotErrorIs(t, err, net.ErrClosed, "that is for a Close on this side")
		})
	}
}

func fin(_ *quicgo.Conn, s *quicgo.Stream) { _ = s.Close() }

func is(want error) func(*testing.T, error) {
	return func(t *testing.T, err error) { assert.ErrorIs(t, err, want) }
}

func says(want string) func(*testing.T, error) {
	return func(t *testing.T, err error) { assert.ErrorContains(t, err, want) }
}

// TestOneStream: a client may open one stream, not a second, not another kind,
// and not another one when the first is over.
func TestOneStream(t *testing.T) {
	w := newWorld(t, nil)
	qc, err := rawDial(t, w.ln, &tls.Config{RootCAs: w.ca.Pool, NextProtos: []string{quic.ALPN}})
	require.NoError(t, err)
	server, err := w.ln.Accept(patient(t))
	require.NoError(t, err)
	defer server.Close()
	_, err = qc.OpenUniStream()
	assert.ErrorAs(t, err, new(*quicgo.StreamLimitReachedError))
	s, err := qc.OpenStream()
	require.NoError(t, err)
	_, err = qc.OpenStream()
	assert.ErrorAs(t, err, new(*quicgo.StreamLimitReachedError))
	_, err = s.Write([]byte(quic.Preface))
	require.NoError(t, err)
	require.NoError(t, carrier.Handshake(patient(t), server))
}

// TestBusy: connections that are not through with their handshake are bounded,
// and room is made by those that end.
func TestBusy(t *testing.T) {
	const most = 5
	w := newWorld(t, &quic.Options{MaxHandshakes: most})
	var idle []carrier.Conn
	for range most {
		c, err := w.dialer.Dial(patient(t), w.ln.Addr()) // and says nothing
		require.NoError(t, err)
		defer c.Close()
		idle = append(idle, c)
	}
	_, err := w.dialer.Dial(patient(t), w.ln.Addr())
	require.ErrorContains(t, err, "it is busy or closing; try again later")

	one, err := w.ln.Accept(patient(t))
	require.NoError(t, err)
	defer one.Close()
	require.NoError(t, carrier.Handshake(patient(t), idle[0]))
	require.NoError(t, carrier.Handshake(patient(t), one)) // the first in, the first out
	var c carrier.Conn
	require.Eventually(t, func() bool { // the place of the one that was refused may be kept a moment longer
		c, err = w.dialer.Dial(patient(t), w.ln.Addr())
		return err == nil
	}, patience, time.Millisecond, "one is through: there is room")
	defer c.Close()

	idle[1].Close()
	other, err := w.ln.Accept(patient(t))
	require.NoError(t, err)
	defer other.Close()
	require.Error(t, carrier.Handshake(patient(t), other))
	c, err = w.dialer.Dial(patient(t), w.ln.Addr())
	require.NoError(t, err, "one is gone: there is room")
	defer c.Close()
}

// TestHandshakeLimit: a client that never goes on is given up.
func TestHandshakeLimit(t *testing.T) {
	const limit = 300 * time.Millisecond
	w := newWorld(t, &quic.Options{HandshakeTimeout: limit})
	t.Run("silent in TLS", func(t *testing.T) {
		knock(t, w.ln, 1)
		server, err := w.ln.Accept(patient(t))
		require.NoError(t, err)
		defer server.Close()
		_, err = server.Receive(patient(t), nil) // the first use does the handshake
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "limit of 300ms")
		assert.NotErrorIs(t, err, net.ErrClosed)
	})
	t.Run("silent after it", func(t *testing.T) {
		c, err := w.dialer.Dial(patient(t), w.ln.Addr())
		require.NoError(t, err)
		defer c.Close()
		server, err := w.ln.Accept(patient(t))
		require.NoError(t, err)
		defer server.Close()
		_, err = server.Receive(patient(t), nil)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "limit of 300ms")
		_, err = c.Receive(patient(t), nil)
		assert.Error(t, err, "a peer over the limit is closed")
	})
}

// TestManySilent: 5,000 clients begin a handshake and say no more. Others
// get in beside them, and what they cost is given back.
func TestManySilent(t *testing.T) {
	w := newWorld(t, &quic.Options{HandshakeTimeout: time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { // a router's: accepts, and shakes hands beside; ends with cancel
		for {
			c, err := w.ln.Accept(ctx)
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				batch, err := c.Receive(ctx, nil)
				if err == nil {
					_ = c.Send(ctx, batch) // the client fails otherwise
					_, _ = c.Receive(ctx, nil)
				}
			})
		}
	})
	ask(t, w)
	goroutines, memory := runtime.NumGoroutine(), heap()
	const silent = 5000
	knock(t, w.ln, silent)
	ask(t, w)
	assert.Less(t, heap()-memory, int64(64<<20), "bytes for the silent ones")
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+2 }, patience, 20*time.Millisecond)
	require.Eventually(t, func() bool { return heap()-memory < 4<<20 }, patience, 100*time.Millisecond)
	ask(t, w)
}

// ask lets a client send a frame and get it back.
func ask(t *testing.T, w *world) {
	c, err := w.dialer.Dial(patient(t), w.ln.Addr())
	require.NoError(t, err)
	require.NoError(t, sendNumbered(patient(t), c, 1, 100))
	require.NoError(t, receiveNumbered(patient(t), c, 1, nil))
	require.NoError(t, c.Close())
	waitEnded(t, c)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// knock begins n handshakes that never go on.
func knock(t *testing.T, ln carrier.Listener, n int) {
	to, err := net.Dial("udp", hostPort(ln))
	require.NoError(t, err)
	defer to.Close()
	for range n {
		for _, packet := range hello(t) {
			_, err := to.Write(packet)
			require.NoError(t, err)
		}
	}
}

// hello returns the packets of a client's first message.
func hello(t *testing.T) [][]byte {
	mute := &mute{written: make(chan []byte, 64), closed: make(chan struct{})}
	tr := &quicgo.Transport{Conn: mute}
	ctx, cancel := context.WithCancel(t.Context())
	dialled := background(func() error {
		_, err := tr.Dial(ctx, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9},
			&tls.Config{ServerName: "localhost", NextProtos: []string{quic.ALPN}}, nil)
		return err
	})
	packets := [][]byte{<-mute.written, <-mute.written} // it takes two
	cancel()
	require.Error(t, <-dialled)
	mute.Close()
	tr.Close()
	return packets
}

// mute is a network that takes packets and gives none.
type mute struct {
	written chan []byte // with room for a few; the rest is dropped
	once    sync.Once
	closed  chan struct{}
}

func (m *mute) WriteTo(p []byte, _ net.Addr) (int, error) {
	select {
	case m.written <- append([]byte(nil), p...):
	default:
	}
	return len(p), nil
}

func (m *mute) ReadFrom([]byte) (int, net.Addr, error) {
	<-m.closed
	return 0, nil, net.ErrClosed
}

func (m *mute) Close() error { m.once.Do(func() { close(m.closed) }); return nil }

func (*mute) SetReadBuffer(int) error          { return nil }
func (*mute) SetWriteBuffer(int) error         { return nil }
func (*mute) LocalAddr() net.Addr              { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9} }
func (*mute) SetDeadline(time.Time) error      { return nil }
func (*mute) SetReadDeadline(time.Time) error  { return nil }
func (*mute) SetWriteDeadline(time.Time) error { return nil }
