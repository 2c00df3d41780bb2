package stream_test

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/stream"
)

// source counts how many buffers are taken.
type source struct {
	taken   int
	took    chan struct{} // has room for all that a test takes
	buf     []byte
	nothing chan struct{} // has room for all that a test returns
}

func (s *source) Take() []byte { s.taken++; s.took <- struct{}{}; return s.buf }
func (s *source) Return()      { s.taken--; s.nothing <- struct{}{} }

// TestSocketWaitsWithoutBuffer: while nothing arrives nobody's buffer is held.
func TestSocketWaitsWithoutBuffer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	peer, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer peer.Close()
	nc, err := ln.Accept()
	require.NoError(t, err)
	conn := stream.Socket{Conn: stream.New(nc, nil)}
	defer conn.Close()
	src := &source{buf: make([]byte, 64), took: make(chan struct{}, 100), nothing: make(chan struct{}, 100)}

	type result struct {
		batch []byte
		err   error
	}
	receive := func(ctx context.Context) <-chan result {
		c := make(chan result, 1)
		go func() { batch, err := conn.ReceiveLazily(ctx, src); c <- result{batch, err} }()
		return c
	}
	got := receive(t.Context())
	<-src.took
	<-src.nothing
	sent := carrier.AppendFrame(carrier.AppendFrame(nil, []byte("hello")), []byte("world"))
	_, err = peer.Write(append(sent, 0, 0)) // and a beginning
	require.NoError(t, err)
	r := <-got
	require.NoError(t, r.err)
	require.Equal(t, sent, r.batch)
	require.Equal(t, 1, src.taken)

	src.taken = 0
	_, err = peer.Write([]byte{0, 1, 'x'})
	require.NoError(t, err)
	r = <-receive(t.Context())
	require.NoError(t, r.err)
	require.Equal(t, carrier.AppendFrame(nil, []byte("x")), r.batch)

	src.taken = 0
	for len(src.nothing) > 0 {
		<-src.nothing
	}
	ctx, cancel := context.WithCancel(t.Context())
	got = receive(ctx)
	<-src.nothing
	cancel()
	require.ErrorIs(t, (<-got).err, context.Canceled)

	require.NoError(t, peer.Close())
	require.Equal(t, io.EOF, (<-receive(t.Context())).err)
}
