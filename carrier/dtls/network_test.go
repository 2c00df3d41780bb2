package dtls_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/dtls"
)

// numbered is a frame that tells its number and its size.
func numbered(i int) []byte {
	f := bytes.Repeat([]byte{byte(i)}, 4+(i*37)%1500)
	binary.BigEndian.PutUint32(f, uint32(i))
	return f
}

// stream sends frames one way and wants all of them, in order.
func stream(t testing.TB, from, to carrier.Conn, first, n int) {
	t.Helper()
	require.NoError(t, streaming(within(t, 2*time.Minute), from, to, first, n, nil))
}

// streaming is stream until ctx ends; it tells seen of each frame that comes, if
// that is not nil.
func streaming(ctx context.Context, from, to carrier.Conn, first, n int, seen func(i int)) error {
	sent := make(chan error, 1) // one result
	go func() {                 // ends with the last frame or ctx
		for i := first; i < first+n; i++ {
			if err := from.Send(ctx, carrier.AppendFrame(nil, numbered(i))); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	buf := make([]byte, 64<<10)
	for i := first; i < first+n; {
		batch, err := to.Receive(ctx, buf)
		if err != nil {
			return fmt.Errorf("after %d frames of %d: %w", i-first, n, err)
		}
		for f := range carrier.Frames(batch) {
			if !bytes.Equal(f, numbered(i)) {
				return fmt.Errorf("frame %d is not what was sent", i)
			}
			if seen != nil {
				seen(i)
			}
			i++
		}
	}
	return <-sent
}

// TestLoss: lost datagrams cost nothing but time, in the handshakes and after.
func TestLoss(t *testing.T) {
	for _, c := range []struct {
		loss   float64
		frames int
	}{{0.05, 2000}, {0.2, 200}} {
		seeds := uint64(3)
		if testing.Short() {
			seeds = 1
		}
		for seed := range seeds {
			t.Run(fmt.Sprintf("%v/%d", c.loss, seed), func(t *testing.T) {
				t.Parallel()
				opts := withKeys()
				opts.HandshakeTimeout = 15 * time.Second // the machine is busy as well
				ln, _ := listen(t, opts, "")
				p := newPath(t, ln.Addr(), seed, c.loss)
				client, server := connect(t, ln, newSet(t, opts), p.addr())
				stream(t, client, server, 0, c.frames)
				stream(t, server, client, 0, c.frames/2)
				assert.NotZero(t, p.dropped.Load())
			})
		}
	}
}

// TestCloseDeliversUnderLoss: what was sent before Close arrives, then io.EOF,
// although datagrams are lost.
func TestCloseDeliversUnderLoss(t *testing.T) {
	ln, _ := listen(t, withKeys(), "")
	p := newPath(t, ln.Addr(), 7, 0.05)
	client, server := connect(t, ln, newSet(t, withKeys()), p.addr())
	ctx := within(t, time.Minute)
	var want [][]byte
	for i := range 200 {
		want = append(want, numbered(i))
		require.NoError(t, client.Send(ctx, carrier.AppendFrame(nil, want[i])))
	}
	require.NoError(t, client.Close())
	got, err := receiveAll(ctx, server)
	assert.EqualError(t, err, "EOF")
	require.Equal(t, len(want), len(got))
	for i := range want {
		assert.Equal(t, want[i], got[i])
	}
}

func receiveAll(ctx context.Context, c carrier.Conn) (got [][]byte, err error) {
	for {
		batch, err := c.Receive(ctx, nil)
		if err != nil {
			return got, err
		}
		for f := range carrier.Frames(batch) {
			got = append(got, bytes.Clone(f))
		}
	}
}

// TestAddressChanges: a connection survives a new address on the way, by its
// connection ID, in both directions.
func TestAddressChanges(t *testing.T) {
	ln, _ := listen(t, withKeys(), "")
	p := newPath(t, ln.Addr(), 1, 0)
	client, server := connect(t, ln, newSet(t, withKeys()), p.addr())
	for i := range 5 {
		stream(t, client, server, 100*i, 100)
		stream(t, server, client, 100*i, 100)
		p.rebind()
	}
}

// TestAddressChangesUnderLoad: so it does in the middle of traffic both ways, which
// costs what is on its way at that moment: that is sent again, once and in order.
func TestAddressChangesUnderLoad(t *testing.T) {
	const frames, changes = 2000, 4
	ln, _ := listen(t, withKeys(), "")
	p := newPath(t, ln.Addr(), 1, 0)
	client, server := connect(t, ln, newSet(t, withKeys()), p.addr())
	ctx := within(t, time.Minute)
	seen := make(chan int, frames) // one for each frame
	both := make(chan error, 2)    // one result each way
	go func() {                    // end with the last frame or ctx
		both <- streaming(ctx, client, server, 0, frames, func(i int) { seen <- i })
	}()
	go func() { both <- streaming(ctx, server, client, 0, frames, nil) }()
	for change := 1; change <= changes; change++ {
		for i := 0; i < change*frames/(changes+1); {
			select {
			case i = <-seen:
			case <-ctx.Done():
				require.NoError(t, ctx.Err(), "after %d changes", change-1)
			}
		}
		p.rebind()
	}
	require.NoError(t, <-both)
	require.NoError(t, <-both)
}

// TestReboot: a client that comes back on the same port without a word gets in
// at once, and its old connection ends.
func TestReboot(t *testing.T) {
	opts := withKeys()
	opts.KeepAlive = time.Hour
	ln, _ := listen(t, opts, "")
	p := newPath(t, ln.Addr(), 1, 0)
	var old carrier.Conn
	for i := range 4 {
		client, server := connect(t, ln, newSet(t, withKeys()), p.addr()) // and not when the old one is given up
		stream(t, client, server, 10*i, 10)
		if old != nil {
			_, err := old.Receive(within(t, time.Minute), nil)
			assert.ErrorContains(t, err, "this one was its old one")
		}
		old = server
	}
}

// TestVanishedPeer: both ends notice that the other cannot be reached any more.
func TestVanishedPeer(t *testing.T) {
	t.Parallel() // it mostly waits
	opts := withKeys()
	opts.KeepAlive = 2 * time.Second
	ln, _ := listen(t, opts, "")
	p := newPath(t, ln.Addr(), 1, 0)
	client, server := connect(t, ln, newSet(t, opts), p.addr())
	stream(t, client, server, 0, 10)
	ctx := within(t, 9*time.Second) // more than four times that
	_, err := server.Receive(ctx, nil)
	assert.ErrorIs(t, err, context.DeadlineExceeded, "probes keep a silent connection alive")
	p.down.Store(true)
	for _, c := range []carrier.Conn{client, server} {
		_, err := c.Receive(within(t, time.Minute), nil)
		assert.ErrorContains(t, err, "the peer is silent")
		assert.ErrorContains(t, c.Send(within(t, time.Minute), carrier.AppendFrame(nil, numbered(1))), "the peer is silent")
	}
}

// TestRouterGone: where nobody listens any more the system says so, and the
// client need not wait for its probes.
func TestRouterGone(t *testing.T) {
	ln, _ := listen(t, withKeys(), "")
	p := newPath(t, ln.Addr(), 1, 0)
	client, _ := connect(t, ln, newSet(t, withKeys()), p.addr())
	p.near.Close()
	sent := make(chan error, 1) // one result
	go func() {                 // ends with the connection
		var err error
		for err == nil {
			err = client.Send(context.Background(), carrier.AppendFrame(nil, numbered(1)))
		}
		sent <- err
	}()
	_, err := client.Receive(within(t, time.Minute), nil)
	assert.ErrorContains(t, err, "port is closed")
	require.Error(t, <-sent)
}

// TestMTU: no datagram is larger than asked for.
func TestMTU(t *testing.T) {
	for _, mtu := range []int{576, 1232, 4000} {
		t.Run(fmt.Sprint(mtu), func(t *testing.T) {
			opts := &dtls.Options{PSKs: withKeys().PSKs, MTU: mtu}
			ln, _ := listen(t, opts, "")
			p := newPath(t, ln.Addr(), 1, 0)
			p.mtu.Store(int64(mtu))
			client, server := connect(t, ln, newSet(t, opts), p.addr())
			stream(t, client, server, 0, 300)
			stream(t, server, client, 0, 300)
			assert.Zero(t, p.dropped.Load(), "datagrams over %d bytes", mtu)
		})
	}
}

// TestLargestFrame: a frame of the largest size that a conn can be set to.
func TestLargestFrame(t *testing.T) {
	client, server := pair(t, withKeys(), withKeys())
	require.Equal(t, 16<<20, carrier.SetMaxFrame(server, 1<<30), "16 MiB is the bound")
	frame := make([]byte, 16<<20)
	for i := range frame {
		frame[i] = byte(i * i >> 7)
	}
	ctx := within(t, time.Minute)
	sent := make(chan error, 1) // one result
	go func() { sent <- client.Send(ctx, carrier.AppendFrame(nil, frame)) }()
	batch, err := server.Receive(ctx, nil)
	require.NoError(t, err)
	got, rest, err := carrier.Next(batch)
	require.NoError(t, err)
	assert.Empty(t, rest)
	assert.True(t, bytes.Equal(frame, got))
	require.NoError(t, <-sent)
}
