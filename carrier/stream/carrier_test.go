package stream_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/carrier/stream"
)

// TestConformanceFunctions: a carrier in two lines, of a dialer and a
// net.Listener.
func TestConformanceFunctions(t *testing.T) {
	plain := stream.NewCarrier("plain", func(ctx context.Context, addr *url.URL) (io.ReadWriteCloser, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr.Host)
	}, func(ctx context.Context, addr *url.URL) (carrier.Listener, error) {
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr.Host)
		if err != nil {
			return nil, err
		}
		return stream.NewListener(ln, &stream.ListenerOptions{Addr: "plain://" + ln.Addr().String()}), nil
	})
	carriertest.Test(t, carriertest.Subject{
		Carrier: plain,
		Listen:  func(testing.TB) string { return "plain://127.0.0.1:0" },
		Options: carriertest.Options{Bytes: 400_000},
	})
}

// TestConformanceJoin: two pipes are a connection, as with a child process.
func TestConformanceJoin(t *testing.T) {
	carriertest.TestConn(t, func(t testing.TB) (a, b carrier.Conn) {
		r1, w1, err := os.Pipe()
		require.NoError(t, err)
		r2, w2, err := os.Pipe()
		require.NoError(t, err)
		return stream.New(stream.Join(r1, w2), nil), stream.New(stream.Join(r2, w1), nil)
	}, &carriertest.Options{Bytes: 400_000})
}

func TestOne(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	ln := stream.One(near, "pipe://child")
	assert.Equal(t, "pipe://child", ln.Addr())
	c, err := ln.Accept(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1) // one result
	go func() { _, err := ln.Accept(ctx); second <- err }()
	cancel()
	assert.ErrorIs(t, <-second, context.Canceled)
	require.NoError(t, ln.Close())
	require.NoError(t, ln.Close())
	_, err = ln.Accept(t.Context())
	assert.ErrorIs(t, err, net.ErrClosed)
	assert.NoError(t, c.Close(), "what was handed out lives on")

	near, far = net.Pipe()
	defer far.Close()
	require.NoError(t, stream.One(near, "pipe://child").Close())
	_, err = far.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF, "what nobody accepted is closed")
}

func TestNewCarrierSaysWhatItCannot(t *testing.T) {
	set, err := carrier.NewSet(stream.NewCarrier("pipe", nil, nil))
	require.NoError(t, err)
	_, err = set.Dial(t.Context(), "pipe://child")
	assert.ErrorContains(t, err, "can only be listened on")
	_, err = set.Listen(t.Context(), "pipe://child")
	assert.ErrorContains(t, err, "can only be dialled")
}

// TestDialDeadline: a socket that notices the deadline before the context does
// gives an error that is the context's all the same, and no other time-out does.
func TestDialDeadline(t *testing.T) {
	c := stream.NewCarrier("late", func(context.Context, *url.URL) (io.ReadWriteCloser, error) {
		return nil, os.ErrDeadlineExceeded
	}, nil)
	_, err := c.Dial(unnoticed{context.Background()}, &url.URL{Scheme: "late"})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	_, err = c.Dial(context.Background(), &url.URL{Scheme: "late"})
	assert.NotErrorIs(t, err, context.DeadlineExceeded)
}

// unnoticed is a context whose deadline has passed without its having ended yet.
type unnoticed struct{ context.Context }

func (unnoticed) Deadline() (time.Time, bool) { return time.Now().Add(-time.Second), true }
