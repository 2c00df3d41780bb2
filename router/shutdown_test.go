package router_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestServerShutdownWaitsForRequestsPassingThrough: no client is sent away while
// another one waits for its answer (P13).
func TestServerShutdownWaitsForRequestsPassingThrough(t *testing.T) {
	h := newHub(t, router.Limits{})
	pi, _ := h.join()
	desk, _ := h.join()
	begun, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	serve(t, pi, func(context.Context, *sig.Request) (any, error) {
		once.Do(func() { close(begun) })
		<-release
		return "done", nil
	})
	h.knows(desk, "k")
	type answer struct {
		data any
		err  error
	}
	result, down := make(chan answer), make(chan error)
	go func() { v, err := desk.Request(h.ctx, "k", "m", 1); result <- answer{v, err} }()
	<-begun
	go func() { down <- h.srv.Shutdown(h.ctx) }()
	for { // until the shutdown has begun
		ctx, cancel := context.WithTimeout(h.ctx, 20*time.Millisecond)
		_, err := desk.Request(ctx, "k", "m", 1)
		cancel()
		if errors.Is(err, sig.ErrClosed) {
			break
		}
		require.ErrorIs(t, err, sig.ErrTimeout, "no new ones are taken")
	}
	close(release)
	require.Equal(t, answer{"done", nil}, <-result)
	require.NoError(t, <-down)
}

// TestServerShutdownHandlesWhatHasCome before it ends (P13); Close does not.
func TestServerShutdownHandlesWhatHasCome(t *testing.T) {
	h := newHub(t, router.Limits{})
	var handled atomic.Int64
	release := make(chan struct{})
	sub, err := sig.Subscribe(h.reg, "k", "e", func(sig.Event) { <-release; handled.Add(1) }, nil)
	require.NoError(t, err)
	desk, cr := h.join()
	s, err := desk.Connect("k", sig.Spec{Events: []sig.Name{"e"}})
	require.NoError(t, err)
	for i := range 50 {
		require.NoError(t, s.Emit("e", i))
	}
	require.NoError(t, cr.Shutdown(h.ctx), "all has arrived")
	down := make(chan error)
	go func() { down <- h.srv.Shutdown(h.ctx) }()
	close(release)
	require.NoError(t, <-down)
	require.EqualValues(t, 50, handled.Load())
	require.Zero(t, sub.Stats().Lost)
}

func TestServerShutdownIsCutShort(t *testing.T) {
	h := newHub(t, router.Limits{})
	desk, _ := h.join()
	begun := make(chan struct{})
	serve(t, h.reg, func(ctx context.Context, _ *sig.Request) (any, error) {
		close(begun)
		<-ctx.Done() // ends with the connection
		return nil, ctx.Err()
	})
	h.knows(desk, "k")
	go func() { _, _ = desk.Request(h.ctx, "k", "m", 1) }()
	<-begun
	ctx, cancel := context.WithTimeout(h.ctx, 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, h.srv.Shutdown(ctx), context.DeadlineExceeded)
}

// halfOpen is a conn whose first Send, the WELCOME, takes until release.
type halfOpen struct {
	carrier.Conn
	sent, release chan struct{}
	once          sync.Once
}

func (c *halfOpen) Send(ctx context.Context, batches ...[]byte) error {
	err := c.Conn.Send(ctx, batches...)
	c.once.Do(func() { close(c.sent); <-c.release })
	return err
}

// TestEndWhileAConnectionOpens: between WELCOME and the first frame a connection
// is nobody's yet, and must not outlive the router.
func TestEndWhileAConnectionOpens(t *testing.T) {
	for name, end := range map[string]func(*router.ServerRouter) error{
		"Close":    (*router.ServerRouter).Close,
		"Shutdown": func(r *router.ServerRouter) error { return r.Shutdown(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, router.Limits{})
			a, b := mem.Pipe()
			defer a.Close()
			conn := &halfOpen{Conn: b, sent: make(chan struct{}), release: make(chan struct{})}
			l := newHandout(conn)
			go func() { _ = h.srv.Serve(h.ctx, l) }()
			hello := wire.Hello{MinVersion: 1, MaxVersion: 1, ID: wire.NodeID{1}, Codecs: []string{"json"}}
			require.NoError(t, a.Send(h.ctx, carrier.AppendFrame(nil, hello.Append(nil))))
			<-conn.sent
			ended := make(chan error)
			go func() { ended <- end(h.srv) }()
			<-l.closed // the end has begun
			close(conn.release)
			select {
			case err := <-ended:
				require.NoError(t, err)
			case <-h.ctx.Done():
				t.Fatal("P13: it has not ended")
			}
		})
	}
}

// handout is a listener that accepts the conns it is given.
type handout struct {
	conns  chan carrier.Conn // as many as it is made with, and room for more
	closed chan struct{}
	once   sync.Once
}

func newHandout(conns ...carrier.Conn) *handout {
	l := &handout{conns: make(chan carrier.Conn, 100), closed: make(chan struct{})}
	for _, c := range conns {
		l.conns <- c
	}
	return l
}

func (l *handout) Accept(ctx context.Context) (carrier.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *handout) Close() error { l.once.Do(func() { close(l.closed) }); return nil }
func (l *handout) Addr() string { return "handout://" }
