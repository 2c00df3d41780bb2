package carriertest_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/carrier/stream"
	"github.com/gosig/gosig/carrier/tcp"
)

// TestFaultyKeepsThePromises: what only takes its time breaks none, nor does a
// medium that loses or swaps what its traits allow it to.
func TestFaultyKeepsThePromises(t *testing.T) {
	slow := &carriertest.Faults{Delay: 100 * time.Microsecond, Stall: 5 * time.Millisecond, StallEvery: 50}
	bad := &carriertest.Faults{Drop: 0.1, Swap: 0.1, Delay: 10 * time.Microsecond}
	for _, c := range []struct {
		name    string
		carrier *carriertest.FaultyCarrier
		listen  string
		struck  func(carriertest.Counts) bool
	}{
		{"mem slow", carriertest.Faulty(mem.New(), 1, slow), "mem://:0", func(n carriertest.Counts) bool { return n.Delays > 0 && n.Stalls > 0 }},
		{"tcp slow", carriertest.Faulty(tcp.New(nil), 2, slow), "tcp://127.0.0.1:0", func(n carriertest.Counts) bool { return n.Delays > 0 && n.Stalls > 0 }},
		{"lossy", faultySimple(lossy, 3, bad), "simple://hub:0", func(n carriertest.Counts) bool { return n.Drops > 0 && n.Swaps == 0 }},
		{"unordered", faultySimple(unordered, 4, bad), "simple://hub:0", func(n carriertest.Counts) bool { return n.Swaps > 0 && n.Drops == 0 && n.Doubles == 0 }},
		{"neither", faultySimple(neither, 5, bad), "simple://hub:0", func(n carriertest.Counts) bool { return n.Drops > 0 && n.Swaps > 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			carriertest.Test(t, carriertest.Subject{
				Carrier: c.carrier, Listen: func(testing.TB) string { return c.listen },
				Options: carriertest.Options{Bytes: 20_000},
			})
			t.Run("faults_strike", func(t *testing.T) { strikes(t, c.carrier, c.listen, c.struck) })
		})
	}
}

// strikes sends until the faults have struck, which is soon also where nothing
// was sent before.
func strikes(t *testing.T, f *carriertest.FaultyCarrier, listen string, struck func(carriertest.Counts) bool) {
	a, b := dial(t, f, listen)
	drained := make(chan struct{}) // closed when b has ended
	go func() {                    // ends with b
		defer close(drained)
		for {
			if _, err := b.Receive(t.Context(), nil); err != nil {
				return
			}
		}
	}()
	for range 10_000 {
		if struck(f.Counts()) {
			break
		}
		require.NoError(t, a.Send(t.Context(), carrier.AppendFrame(nil, []byte("struck?"))))
	}
	assert.True(t, struck(f.Counts()), "%v", f.Counts())
	require.NoError(t, b.Close())
	<-drained
}

func faultySimple(tr carrier.Traits, seed uint64, f *carriertest.Faults) *carriertest.FaultyCarrier {
	s := newSimple("")
	s.traits = tr
	return carriertest.Faulty(s, seed, f)
}

// TestFaultyIsDeterministic: the same seed has the same frames arrive, in the
// same order, and cuts at the same byte.
func TestFaultyIsDeterministic(t *testing.T) {
	run := func(seed uint64) (numbers []uint32) {
		f := faultySimple(neither, seed, &carriertest.Faults{Drop: 0.2, Double: 0.2, Swap: 0.2, CutWithin: 30_000})
		a, b := dial(t, f, "simple://hub:0")
		for i := range uint32(5000) {
			if err := a.Send(t.Context(), carrier.AppendFrame(nil, binary.BigEndian.AppendUint32(nil, i))); err != nil {
				require.ErrorIs(t, err, carriertest.ErrCut)
				break
			}
		}
		_, err := a.Receive(t.Context(), nil)
		require.ErrorIs(t, err, carriertest.ErrCut)
		for {
			batch, err := b.Receive(t.Context(), nil)
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
			for frame := range carrier.Frames(batch) {
				numbers = append(numbers, binary.BigEndian.Uint32(frame))
			}
		}
		n := f.Counts()
		require.True(t, n.Drops > 0 && n.Doubles > 0 && n.Swaps > 0 && n.Cuts == 1, "%v", n)
		return numbers
	}
	assert.Equal(t, run(7), run(7))
	assert.NotEqual(t, run(7), run(8))
}

// TestFaultyTearsFrames: over a byte stream a cut leaves a part of a frame
// behind, and the peer sees just that.
func TestFaultyTearsFrames(t *testing.T) {
	f := carriertest.Faulty(tcp.New(nil), 1, &carriertest.Faults{CutWithin: 50_000, Cuts: 1, Torn: true})
	a, b := dial(t, f, "tcp://127.0.0.1:0")
	frame := make([]byte, 10_000)
	sent := make(chan error, 1) // one result
	go func() {                 // ends with the cut
		for {
			if err := a.Send(t.Context(), carrier.AppendFrame(nil, frame)); err != nil {
				sent <- err
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	var err error
	for err == nil {
		_, err = b.Receive(t.Context(), buf)
	}
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.ErrorIs(t, <-sent, carriertest.ErrCut)

	c, d := dial(t, f, "tcp://127.0.0.1:0") // the one cut is used up
	for range 10 {
		require.NoError(t, c.Send(t.Context(), carrier.AppendFrame(nil, frame)))
		_, err := d.Receive(t.Context(), buf)
		require.NoError(t, err)
	}
	require.NoError(t, a.Close())
	_, err = a.Receive(t.Context(), nil)
	assert.ErrorIs(t, err, net.ErrClosed, "once it is closed it was not cut any more")
}

func dial(t *testing.T, c carrier.Carrier, addr string) (dialled, accepted carrier.Conn) {
	t.Helper()
	set, err := carrier.NewSet(c)
	require.NoError(t, err)
	ln, err := set.Listen(t.Context(), addr)
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	dialled, err = set.Dial(t.Context(), ln.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { dialled.Close() })
	accepted, err = ln.Accept(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { accepted.Close() })
	return dialled, accepted
}

// datagrams is a carrier that dials: each batch is one datagram.
type datagrams struct{ carrier.Carrier }

func (datagrams) Schemes() []string { return []string{"udp"} }

func (datagrams) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "udp", addr.Host)
	if err != nil {
		return nil, err
	}
	return stream.New(nc, nil), nil
}

// TestLossyUDP sends to an echo until enough has come back.
func TestLossyUDP(t *testing.T) {
	echo, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{}) // closed when the echo has ended
	t.Cleanup(func() { echo.Close(); <-served })
	go func() { // ends with Close
		defer close(served)
		buf := make([]byte, 2000)
		for {
			n, from, err := echo.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = echo.WriteTo(buf[:n], from) // a datagram may be lost
		}
	}()
	l := carriertest.LossyUDP(datagrams{}, 1, &carriertest.Faults{Drop: 0.1, Double: 0.1, Swap: 0.1, Delay: time.Millisecond})
	c, err := l.Dial(t.Context(), &url.URL{Scheme: "udp", Host: echo.LocalAddr().String()})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	sending := make(chan struct{}) // closed when nothing more is sent
	go func() {                    // ends with stop
		defer close(sending)
		for i := uint32(0); ctx.Err() == nil; i++ {
			_ = c.Send(ctx, carrier.AppendFrame(nil, binary.BigEndian.AppendUint32(nil, i)))
		}
	}()
	seen, doubled, swapped, last := make(map[uint32]bool), 0, 0, uint32(0)
	for len(seen) < 500 || doubled == 0 || swapped == 0 {
		batch, err := c.Receive(t.Context(), make([]byte, 2000))
		require.NoError(t, err)
		for frame := range carrier.Frames(batch) {
			n := binary.BigEndian.Uint32(frame)
			if seen[n] {
				doubled++
			}
			if n < last {
				swapped++
			}
			seen[n], last = true, n
		}
	}
	stop()
	<-sending
	require.NoError(t, c.Close())
	n := l.Counts()
	assert.True(t, n.Drops > 0 && n.Doubles > 0 && n.Swaps > 0 && n.Delays > 0, "%v", n)
}

// TestVanish: a peer that is reset has not closed.
func TestVanish(t *testing.T) {
	ncs := make(map[carrier.Conn]*net.TCPConn)
	carriertest.TestConn(t, func(t testing.TB) (a, b carrier.Conn) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer ln.Close()
		near, err := net.Dial("tcp", ln.Addr().String())
		require.NoError(t, err)
		far, err := ln.Accept()
		require.NoError(t, err)
		a, b = stream.New(near, nil), stream.New(far, nil)
		ncs[b] = far.(*net.TCPConn)
		return a, b
	}, &carriertest.Options{Bytes: 100_000, Vanish: func(t testing.TB, c carrier.Conn) {
		require.NoError(t, ncs[c].SetLinger(0))
		require.NoError(t, ncs[c].Close())
	}})
}
