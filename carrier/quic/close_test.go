package quic_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/quic"
)

// TestCloseDelivers: what Send accepted arrives, although the sender has closed
// before the peer received any of it, and then comes io.EOF.
func TestCloseDelivers(t *testing.T) {
	for _, c := range []struct {
		name string
		path *path
	}{
		{"loopback", nil},
		{"slow and lossy", &path{delay: 5 * time.Millisecond, loss: 0.05}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			addr := w.ln.Addr()
			if c.path != nil {
				addr = c.path.open(t, w.ln)
			}
			for _, fromClient := range []bool{true, false} {
				from, to := w.pair(t, addr)
				if !fromClient {
					from, to = to, from
				}
				ctx := patient(t)
				const n = 300 // less than the window: nobody need receive
				require.NoError(t, sendNumbered(ctx, from, n, 1000))
				require.NoError(t, from.Close())
				require.NoError(t, receiveNumbered(ctx, to, n, nil))
				_, err := to.Receive(ctx, nil)
				assert.Equal(t, io.EOF, err)
				waitEnded(t, from)
			}
		})
	}
}

// TestBothClose: two sides that close at once, with unread frames both ways,
// wait for each other no longer than they need to know.
func TestBothClose(t *testing.T) {
	w := newWorld(t, nil)
	client, server := w.pair(t, w.ln.Addr())
	ctx := patient(t)
	require.NoError(t, sendNumbered(ctx, client, 10, 1000))
	require.NoError(t, sendNumbered(ctx, server, 10, 1000))
	one, other := background(client.Close), background(server.Close)
	require.NoError(t, <-one)
	require.NoError(t, <-other)
	waitEnded(t, client)
	waitEnded(t, server)
}

// TestCloseIdle: with nothing to deliver a close is immediate, and the peer sees
// the end.
func TestCloseIdle(t *testing.T) {
	w := newWorld(t, nil)
	client, server := w.pair(t, w.ln.Addr())
	require.NoError(t, client.Close())
	waitEnded(t, client)
	_, err := server.Receive(patient(t), nil)
	assert.Equal(t, io.EOF, err)
	err = server.Send(patient(t), carrier.AppendFrame(nil, []byte("too late")))
	require.Error(t, err)
	assert.NotErrorIs(t, err, net.ErrClosed, "that is for a Close on this side")
}

// TestPeerDoesNotReceive: a connection that was closed does not wait for ever.
func TestPeerDoesNotReceive(t *testing.T) {
	t.Parallel() // it takes its time
	w := newWorld(t, nil)
	client, server := w.pair(t, w.ln.Addr())
	require.NoError(t, sendNumbered(patient(t), client, 1, 1000))
	require.NoError(t, client.Close())
	select {
	case <-quic.Ended(client):
		t.Fatal("gave up at once")
	default:
	}
	waitEnded(t, client)
	batch, err := server.Receive(patient(t), nil)
	if err == nil { // the peer's last word is still on its way: then all is there
		assert.Equal(t, carrier.AppendFrame(nil, numbered(0, 1000)), batch)
		_, err = server.Receive(patient(t), nil)
		assert.Error(t, err)
		return
	}
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.ErrorContains(t, err, "did not wait any longer")
}

// TestRouterRestarted: a router that was started again, with the certificate
// that it had, tells the clients of its former life.
func TestRouterRestarted(t *testing.T) {
	w := newWorld(t, nil)
	cert, key := w.ca.Dir+"/server.pem", w.ca.Dir+"/server.key"
	next := listen(t, &quic.Options{CertFile: cert, KeyFile: key})
	p := &path{}
	client, _ := w.pair(t, p.open(t, w.ln))
	p.reroute(t, next)
	require.NoError(t, client.Send(patient(t), carrier.AppendFrame(nil, make([]byte, 1000))))
	_, err := client.Receive(patient(t), nil)
	assert.ErrorContains(t, err, "it was started again")
	p.reroute(t, w.ln) // so that the old one is closed in peace
}

// TestPeerVanishes: a peer that is gone without a word is given up.
func TestPeerVanishes(t *testing.T) {
	w := newWorld(t, &quic.Options{IdleTimeout: 500 * time.Millisecond})
	p := &path{}
	client, server := w.pair(t, p.open(t, w.ln))
	waiting := background(func() error { _, err := server.Receive(context.Background(), nil); return err })
	require.NoError(t, sendNumbered(patient(t), client, 1, 10))
	require.NoError(t, <-waiting)
	p.vanish()
	for _, c := range []carrier.Conn{client, server} {
		_, err := c.Receive(patient(t), nil)
		require.ErrorContains(t, err, "has fallen silent")
		assert.NotErrorIs(t, err, net.ErrClosed)
	}
}

// TestIdleConnectionStays: nobody says anything for several idle timeouts, and
// the connection is still there.
func TestIdleConnectionStays(t *testing.T) {
	const idle = 600 * time.Millisecond
	w := newWorld(t, &quic.Options{IdleTimeout: idle})
	client, server := w.pair(t, w.ln.Addr())
	for range 2 { // both sides say something first
		ctx, cancel := context.WithTimeout(context.Background(), 2*idle)
		_, err := server.Receive(ctx, nil)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		sent := background(func() error { return sendNumbered(patient(t), client, 3, 100) })
		require.NoError(t, receiveNumbered(patient(t), server, 3, nil))
		require.NoError(t, <-sent)
		client, server = server, client
	}
}

// TestUnacceptedAreClosed: who waits to be accepted is told when the listener is
// closed, and who was accepted goes on.
func TestUnacceptedAreClosed(t *testing.T) {
	w := newWorld(t, nil)
	client, server := w.pair(t, w.ln.Addr())
	waiting := make([]carrier.Conn, 3)
	for i := range waiting {
		c, err := w.dialer.Dial(patient(t), w.ln.Addr())
		require.NoError(t, err)
		defer c.Close()
		waiting[i] = c
	}
	require.NoError(t, w.ln.Close())
	for _, c := range waiting {
		_, err := c.Receive(patient(t), nil)
		require.Error(t, err)
		assert.NotErrorIs(t, err, net.ErrClosed, "that is for a Close on this side")
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
	}
	sent := background(func() error { return sendNumbered(patient(t), client, 10, 100) })
	require.NoError(t, receiveNumbered(patient(t), server, 10, nil))
	require.NoError(t, <-sent)
}
