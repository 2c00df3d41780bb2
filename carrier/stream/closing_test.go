package stream_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/stream"
)

// begun is a connection that says when it is waiting for the other end.
type begun struct {
	net.Conn
	waits chan struct{} // has room for one
}

func (b begun) Read(p []byte) (int, error)  { b.waits <- struct{}{}; return b.Conn.Read(p) }
func (b begun) Write(p []byte) (int, error) { b.waits <- struct{}{}; return b.Conn.Write(p) }

// TestCloseWhileAContextIsWatched: an operation returns once the connection is closed,
// whatever its context is.
func TestCloseWhileAContextIsWatched(t *testing.T) {
	operations := map[string]func(context.Context, *stream.Conn) error{
		"receive": func(ctx context.Context, c *stream.Conn) error { _, err := c.Receive(ctx, nil); return err },
		"send":    func(ctx context.Context, c *stream.Conn) error { return c.Send(ctx, []byte{0, 0, 0, 1, 7}) },
	}
	contexts := map[string]func() (context.Context, context.CancelFunc){
		"cancel":   func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) },
		"deadline": func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), time.Hour) },
	}
	for name, operation := range operations {
		for kind, with := range contexts {
			for _, deadlines := range []bool{true, false} {
				t.Run(name+" "+kind, func(t *testing.T) {
					x, y := net.Pipe()
					defer y.Close()
					b := begun{x, make(chan struct{}, 1)}
					var rwc io.ReadWriteCloser = b
					if !deadlines {
						rwc = bare{b}
					}
					c := stream.New(rwc, nil)
					ctx, cancel := with()
					defer cancel()
					done := make(chan error, 1) // one operation
					go func() { done <- operation(ctx, c) }()
					<-b.waits
					require.NoError(t, c.Close())
					require.ErrorIs(t, <-done, net.ErrClosed)
					require.NoError(t, c.Close())
				})
			}
		}
	}
}
