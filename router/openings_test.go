package router_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/wire"
)

// TestListenersShareTheRoom for connections in their handshake: one that waits
// for somebody to come takes none of it.
func TestListenersShareTheRoom(t *testing.T) {
	h := newHub(t, router.Limits{Unauthenticated: 1})
	_, err := h.srv.Listen(h.ctx, "mem://two")
	require.NoError(t, err)
	for _, address := range []string{"mem://two", "mem://hub", "mem://two"} {
		require.NoError(t, h.dial(quietRegistry(t), address, router.ClientOptions{}).WaitConnected(h.ctx))
	}
	a, b := mem.Pipe()
	silent := &awaited{Conn: b, receiving: make(chan struct{})}
	go func() { _ = h.srv.Serve(h.ctx, newHandout(silent)) }()
	<-silent.receiving
	late := h.dial(quietRegistry(t), "mem://two", router.ClientOptions{})
	ctx, cancel := context.WithTimeout(h.ctx, 50*time.Millisecond)
	defer cancel()
	require.Error(t, late.WaitConnected(ctx), "the silent one has the room")
	a.Close()
	require.NoError(t, late.WaitConnected(h.ctx))
}

// awaited is a conn that tells when somebody waits for what it brings.
type awaited struct {
	carrier.Conn
	receiving chan struct{}
	once      sync.Once
}

func (c *awaited) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	c.once.Do(func() { close(c.receiving) })
	return c.Conn.Receive(ctx, buf)
}

// from is a conn of an address.
type from struct {
	carrier.Conn
	address string
}

func (f from) RemoteAddr() string { return f.address }

// TestOneAddressCannotTakeAllTheRoom for connections in their handshake.
func TestOneAddressCannotTakeAllTheRoom(t *testing.T) {
	h := newHub(t, router.Limits{UnauthenticatedPerIP: 2})
	l := newHandout()
	go func() { _ = h.srv.Serve(h.ctx, l) }()
	port := 0
	come := func(ip string) carrier.Conn {
		a, b := mem.Pipe()
		t.Cleanup(func() { a.Close() })
		port++
		l.conns <- from{b, fmt.Sprintf("tcp://%s:%d", ip, port)}
		return a
	}
	greet := func(c carrier.Conn) error {
		hello := wire.Hello{MinVersion: 1, MaxVersion: 1, ID: wire.NodeID{byte(port)}, Codecs: []string{"json"}}
		if err := c.Send(h.ctx, carrier.AppendFrame(nil, hello.Append(nil))); err != nil {
			return err
		}
		_, err := c.Receive(h.ctx, nil)
		return err
	}
	first := come("192.0.2.1")
	come("192.0.2.1")
	_, err := come("192.0.2.1").Receive(h.ctx, nil)
	require.Error(t, err, "a third one of this address is closed")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	require.EqualValues(t, 1, h.srv.Stats().LimitHits)
	require.NoError(t, greet(come("192.0.2.2")), "another address has its own share")
	for range 3 {
		come("127.0.0.1")
	}
	require.NoError(t, greet(come("127.0.0.1")), "this host is not counted")
	require.NoError(t, greet(first))
	require.Eventually(t, func() bool { return greet(come("192.0.2.1")) == nil }, patience, time.Millisecond, "who is in makes room")
}
