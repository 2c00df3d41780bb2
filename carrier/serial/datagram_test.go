package serial_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
)

// TestDatagrams: what may be lost goes beside the frames, in what fits into one of
// the link's, and nobody waits for it.
func TestDatagrams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := oneCable()
		c := d.carrier(serial.Options{})
		a := dial(t, c, "serial://"+devicePort)
		_, ok := carrier.DatagramsOf(a)
		assert.False(t, ok, "not before the handshake")
		b := accept(t, listen(t, c, "serial://"+hubPort+"?mtu=100"))
		require.NoError(t, carrier.Handshake(t.Context(), a))
		from, ok := carrier.DatagramsOf(a)
		require.True(t, ok)
		to, ok := carrier.DatagramsOf(b)
		require.True(t, ok)
		assert.Equal(t, 100, from.MaxDatagram(), "the smaller of both")
		require.NoError(t, from.SendDatagram([]byte("20.1 C")))
		got, err := to.ReceiveDatagram(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "20.1 C", string(got))

		require.ErrorIs(t, from.SendDatagram(make([]byte, 101)), carrier.ErrFrameTooLarge)
		require.ErrorIs(t, from.SendDatagram(nil), carrier.ErrProtocol)
		sent := 0
		for ; err == nil; sent++ {
			err = from.SendDatagram(make([]byte, 100))
		}
		require.ErrorIs(t, err, carrier.ErrNoRoom)
		assert.Less(t, sent, 20, "few wait")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		time.Sleep(time.Second) // of the line
		_, err = to.ReceiveDatagram(ctx)
		require.NoError(t, err, "it waits already")
		for err == nil {
			_, err = to.ReceiveDatagram(ctx)
		}
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, from.SendDatagram([]byte("21.0 C")))
		_, err = to.ReceiveDatagram(t.Context())
		require.NoError(t, err, "a call whose context ended may be repeated")
		a.Close()
		for err == nil {
			_, err = to.ReceiveDatagram(t.Context())
		}
		require.ErrorContains(t, err, "EOF", "what has come, then the end")
		require.ErrorIs(t, from.SendDatagram([]byte("x")), net.ErrClosed)
		_, err = from.ReceiveDatagram(t.Context())
		require.ErrorIs(t, err, net.ErrClosed)
	})
}
