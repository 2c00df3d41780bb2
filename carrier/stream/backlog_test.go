//go:build linux

package stream_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/stream"
)

// TestLimitBacklog reaches the socket, whatever is on top of it; on a stream
// without one it does nothing.
func TestLimitBacklog(t *testing.T) {
	a, b := loopback(t)
	over := stream.New(above{a}, nil)
	carrier.LimitBacklog(over, 20_000)
	carrier.LimitBacklog(stream.New(b, nil), 30_000)
	require.Equal(t, 20_000, unsent(t, a))
	require.Equal(t, 30_000, unsent(t, b))
	x, y := net.Pipe()
	defer y.Close()
	carrier.LimitBacklog(stream.New(x, nil), 10)
	x.Close()
}

// above is something like TLS over a connection.
type above struct{ net.Conn }

func (a above) NetConn() net.Conn { return a.Conn }

// unsent reads TCP_NOTSENT_LOWAT.
func unsent(t *testing.T, c net.Conn) (n int) {
	raw, err := c.(*net.TCPConn).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		n, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, 25)
	}))
	require.NoError(t, err)
	return n
}
