package quic_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/quic"
)

// patience bounds what must not get stuck.
const patience = time.Minute

func patient(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// world is a CA, a listener and a carrier that can dial it.
type world struct {
	ca     *certstest.CA
	ln     carrier.Listener
	dialer *carrier.Set
}

func newWorld(t testing.TB, opts *quic.Options) *world {
	ca := certstest.New(t, "CA")
	if opts == nil {
		opts = &quic.Options{}
	}
	opts.CertFile, opts.KeyFile = ca.Server()
	opts.ClientAuth = certs.None
	return &world{ca: ca, ln: listen(t, opts), dialer: newSet(t, &quic.Options{CAFile: ca.File, HandshakeTimeout: opts.HandshakeTimeout, IdleTimeout: opts.IdleTimeout})}
}

// atLeisure are options with a limit for handshakes that no machine reaches because it
// is busy, but for one that a test has chosen.
func atLeisure(opts *quic.Options) *quic.Options {
	var o quic.Options
	if opts != nil {
		o = *opts
	}
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, time.Minute)
	return &o
}

func newSet(t testing.TB, opts *quic.Options) *carrier.Set {
	set, err := carrier.NewSet(quic.New(atLeisure(opts)))
	require.NoError(t, err)
	return set
}

func listen(t testing.TB, opts *quic.Options) carrier.Listener {
	ln, err := newSet(t, opts).Listen(t.Context(), "quic://127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	return ln
}

func hostPort(ln carrier.Listener) string {
	return strings.TrimPrefix(ln.Addr(), "quic://")
}

// pair dials addr and accepts, and shakes hands.
func (w *world) pair(t testing.TB, addr string) (client, server *quic.Conn) {
	ctx := patient(t)
	c, err := w.dialer.Dial(ctx, addr)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close(); waitEnded(t, c) })
	s, err := w.ln.Accept(ctx)
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Close()
		c.Close() // while the path between them is still there
		waitEnded(t, s)
	})
	require.NoError(t, carrier.Handshake(ctx, c))
	require.NoError(t, carrier.Handshake(ctx, s))
	return c.(*quic.Conn), s.(*quic.Conn)
}

// waitEnded waits until nothing is left of a conn that was closed.
func waitEnded(t testing.TB, c carrier.Conn) {
	t.Helper()
	select {
	case <-quic.Ended(c.(*quic.Conn)):
	case <-time.After(patience):
		t.Fatal("the closed connection still waits for its peer")
	}
}

// numbered is the i-th frame of some size.
func numbered(i, size int) []byte {
	f := make([]byte, max(size, 8))
	binary.BigEndian.PutUint64(f, uint64(i))
	return f
}

// receiveNumbered receives frames 0 to n-1 and returns an error if anything is
// lost, doubled or swapped. It reports each on seen, if that is not nil.
func receiveNumbered(ctx context.Context, c carrier.Conn, n int, seen func(i int)) error {
	buf := make([]byte, 64<<10)
	for next := 0; next < n; {
		batch, err := c.Receive(ctx, buf)
		if err != nil {
			return fmt.Errorf("after %d frames: %w", next, err)
		}
		for f := range carrier.Frames(batch) {
			if got := binary.BigEndian.Uint64(f); got != uint64(next) {
				return fmt.Errorf("frame %d came where %d was due", got, next)
			}
			if seen != nil {
				seen(next)
			}
			next++
		}
		buf = batch
	}
	return nil
}

// sendNumbered sends frames 0 to n-1.
func sendNumbered(ctx context.Context, c carrier.Conn, n, size int) error {
	for i := range n {
		if err := c.Send(ctx, carrier.AppendFrame(nil, numbered(i, size))); err != nil {
			return fmt.Errorf("frame %d: %w", i, err)
		}
	}
	return nil
}

// background runs f and returns what it will have returned.
func background(f func() error) <-chan error {
	done := make(chan error, 1) // one result
	go func() { done <- f() }() // ends with f, which has a context
	return done
}
