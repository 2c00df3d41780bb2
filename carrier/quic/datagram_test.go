package quic_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
)

func TestDatagrams(t *testing.T) {
	w := newWorld(t, nil)
	client, server := w.pair(t, w.ln.Addr())
	ctx := patient(t)
	from, ok := carrier.DatagramsOf(client)
	require.True(t, ok)
	to, ok := carrier.DatagramsOf(server)
	require.True(t, ok)
	for _, way := range []struct{ from, to carrier.Datagrams }{{from, to}, {to, from}} {
		for _, size := range []int{1, 100, way.from.MaxDatagram()} {
			frame := bytes.Repeat([]byte{byte(size)}, size)
			require.NoError(t, way.from.SendDatagram(frame))
			want := bytes.Clone(frame)
			clear(frame) // it is the caller's again
			got, err := way.to.ReceiveDatagram(ctx)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		assert.Greater(t, way.from.MaxDatagram(), 1000)
		err := way.from.SendDatagram(make([]byte, way.from.MaxDatagram()+1000))
		assert.ErrorIs(t, err, carrier.ErrFrameTooLarge)
	}
}

// TestDatagramsNeverBlock: more than fit are refused or lost, those that come
// are whole, and frames pass beside them.
func TestDatagramsNeverBlock(t *testing.T) {
	w := newWorld(t, nil)
	p := &path{rate: 100_000, queue: 64 << 10}
	client, server := w.pair(t, p.open(t, w.ln))
	ctx := patient(t)
	refused := 0
	for range 1000 { // ten seconds' worth of the line
		err := client.SendDatagram(make([]byte, 1000))
		if err != nil {
			require.ErrorIs(t, err, carrier.ErrNoRoom)
			refused++
		}
	}
	assert.Positive(t, refused)
	sent := background(func() error { return sendNumbered(ctx, client, 10, 100) })
	require.NoError(t, receiveNumbered(ctx, server, 10, nil))
	require.NoError(t, <-sent)
	got, err := server.ReceiveDatagram(ctx)
	require.NoError(t, err)
	assert.Len(t, got, 1000)
	closed := background(client.Close) // while the path is still there
	_, err = server.Receive(ctx, nil)
	assert.ErrorIs(t, err, io.EOF)
	require.NoError(t, <-closed)
}

func TestDatagramsEnd(t *testing.T) {
	w := newWorld(t, nil)
	client, server := w.pair(t, w.ln.Addr())
	ctx, cancel := context.WithCancel(context.Background())
	waiting := background(func() error { _, err := server.ReceiveDatagram(ctx); return err })
	cancel()
	assert.ErrorIs(t, <-waiting, context.Canceled)
	require.NoError(t, client.SendDatagram([]byte("still there")))
	got, err := server.ReceiveDatagram(patient(t))
	require.NoError(t, err)
	assert.Equal(t, "still there", string(got))

	for _, frame := range []string{"first", "second"} {
		require.NoError(t, client.SendDatagram([]byte(frame)))
	}
	for _, frame := range []string{"first", "second"} { // as soon as they are there, and without waiting
		require.Eventually(t, func() bool {
			got, err = server.ReceiveDatagram(ctx)
			return err == nil
		}, patience, time.Millisecond, "what waits is there for a call whose context has ended")
		assert.Equal(t, frame, string(got))
	}
	_, err = server.ReceiveDatagram(ctx)
	require.ErrorIs(t, err, context.Canceled)

	waiting = background(func() error { _, err := client.ReceiveDatagram(context.Background()); return err })
	client.Close()
	assert.ErrorIs(t, <-waiting, net.ErrClosed)
	assert.ErrorIs(t, client.SendDatagram([]byte("late")), net.ErrClosed)
	_, err = server.ReceiveDatagram(patient(t))
	require.Error(t, err)
	assert.False(t, errors.Is(err, net.ErrClosed), "that is for a Close on this side: %v", err)
}
