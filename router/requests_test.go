package router_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// serve connects a sender "k" with one method "m".
func serve(t *testing.T, reg *sig.Registry, m sig.RequestHandler) *sig.Sender {
	t.Helper()
	s, err := reg.Connect("k", sig.Spec{Events: []sig.Name{"e"}, Requests: map[sig.Name]sig.RequestHandler{"m": m}})
	require.NoError(t, err)
	return s
}

// knows waits until a registry has heard of a sender.
func (h *hub) knows(reg *sig.Registry, name sig.Name) {
	h.t.Helper()
	known := make(chan struct{}, 1)
	w, err := reg.Watch(name, func(c sig.PresenceChange) {
		if c.Kind == sig.Present || c.Kind == sig.Connected {
			select {
			case known <- struct{}{}:
			default:
			}
		}
	}, nil)
	require.NoError(h.t, err)
	defer w.Unsubscribe()
	select {
	case <-known:
	case <-h.ctx.Done():
		h.t.Fatalf("%q is not known", name)
	}
}

// TestCancelledRequestsCount against the limit for as long as their handlers
// run: otherwise it would bound nothing.
func TestCancelledRequestsCount(t *testing.T) {
	h := newHub(t, router.Limits{PendingRequests: 2})
	begun, release := make(chan struct{}), make(chan struct{})
	serve(t, h.reg, func(context.Context, *sig.Request) (any, error) { // ignores its context
		begun <- struct{}{}
		<-release
		return 1, nil
	})
	g := h.guest(wire.Hello{})
	var k wire.Connect
	require.NoError(t, k.Decode(g.await(wire.TypeConnect)))
	ask := func(id uint64) wire.Request {
		return wire.Request{ID: id, Sender: k.Sender, Method: "m", Payload: []byte("1")}
	}
	answer := func() (r wire.Reply) {
		require.NoError(t, r.Decode(g.await(wire.TypeReply)))
		return r
	}
	for id := uint64(1); id <= 2; id++ {
		g.send(ask(id))
		<-begun
		g.send(wire.Cancel{ID: id})
	}
	g.send(ask(3))
	r := answer()
	require.EqualValues(t, 3, r.ID)
	require.Equal(t, wire.CodeBusy, r.Code)
	require.Contains(t, r.Text, "PendingRequests")
	close(release)
	answer()
	answer() // both places are free
	g.send(ask(4))
	<-begun
	r = answer()
	require.EqualValues(t, 4, r.ID)
	require.Equal(t, wire.CodeOK, r.Code)
}

// panicking is a payload that cannot be encoded.
type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("boom") }

func TestMarshallerPanics(t *testing.T) {
	h := newHub(t, router.Limits{})
	s := serve(t, h.reg, func(context.Context, *sig.Request) (any, error) { return panicking{}, nil })
	desk, _ := h.join()
	h.knows(desk, "k")
	_, err := desk.Request(h.ctx, "k", "m", 1)
	require.ErrorIs(t, err, sig.ErrBadPayload, "in a reply")
	require.ErrorContains(t, err, "boom")
	_, err = desk.Request(h.ctx, "k", "m", panicking{})
	require.ErrorIs(t, err, sig.ErrBadPayload, "in a request")

	lost := make(chan sig.Lost, 1)
	sub, err := sig.Subscribe(desk, "k", "e", func(sig.EventOf[int]) {}, &sig.SubscribeOptions{OnLost: func(l sig.Lost) { lost <- l }})
	require.NoError(t, err)
	require.NoError(t, sub.InForce(h.ctx))
	require.ErrorIs(t, s.Emit("e", panicking{}), sig.ErrBadPayload, "in an event")
	require.Equal(t, sig.LossBadPayload, (<-lost).Reason, "P7")
}

func TestRequestHandlerEndsItsGoroutine(t *testing.T) {
	h := newHub(t, router.Limits{})
	serve(t, h.reg, func(context.Context, *sig.Request) (any, error) { runtime.Goexit(); return nil, nil })
	desk, _ := h.join()
	h.knows(desk, "k")
	_, err := desk.Request(h.ctx, "k", "m", 1)
	require.ErrorIs(t, err, sig.ErrHandler)
}

// TestSenderLeavesDuringARequest: the caller is told so, however far away it is
// and whoever notices first.
func TestSenderLeavesDuringARequest(t *testing.T) {
	h := newHub(t, router.Limits{})
	pi, _ := h.join()
	desk, _ := h.join()
	for i := range 20 {
		begun := make(chan struct{})
		s := serve(t, pi, func(ctx context.Context, _ *sig.Request) (any, error) {
			close(begun)
			<-ctx.Done()
			return nil, ctx.Err()
		})
		from := []*sig.Registry{h.reg, desk}[i%2]
		h.knows(from, "k")
		h.knows(desk, "k") // also if it does not ask: its not knowing yet must not look like the end below
		result := make(chan error)
		go func() { _, err := from.Request(h.ctx, "k", "m", 1); result <- err }()
		<-begun
		require.NoError(t, s.Disconnect("bye"))
		require.ErrorIs(t, <-result, sig.ErrConnectionLost, "P6")
		for len(desk.Senders()) > 0 {
			runtime.Gosched()
		}
	}
}

// TestEndOfACallersContext: a cause that the caller has given its context is its
// own business, here as in one process.
func TestEndOfACallersContext(t *testing.T) {
	h := newHub(t, router.Limits{})
	begun := make(chan struct{}, 2)
	serve(t, h.reg, func(ctx context.Context, _ *sig.Request) (any, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	desk, _ := h.join()
	h.knows(desk, "k")
	for _, from := range []*sig.Registry{h.reg, desk} {
		ctx, cancel := context.WithCancelCause(h.ctx)
		result := make(chan error)
		go func() { _, err := from.Request(ctx, "k", "m", 1); result <- err }()
		<-begun
		cancel(sig.NewError(sig.CodeClosed, "enough"))
		require.ErrorIs(t, <-result, sig.ErrCancelled)
	}
}

// TestPassedRequestsAreGivenUp: a router keeps what it has passed on for as long
// as a late answer may come, each by its own time.
func TestPassedRequestsAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, router.Limits{})
		pi, _ := h.join()
		release := make(chan struct{})
		serve(t, pi, func(context.Context, *sig.Request) (any, error) { // ignores its context
			<-release
			return 1, nil
		})
		g := h.guest(wire.Hello{})
		var k wire.Connect
		require.NoError(t, k.Decode(g.await(wire.TypeConnect)))
		begin := time.Now()
		for id, timeout := range []uint64{3000, 1000, 2000, 0} {
			g.send(wire.Request{ID: uint64(id), Sender: k.Sender, TimeoutMS: timeout, Method: "m", Payload: []byte("1")})
		}
		for _, want := range []struct {
			id    uint64
			after time.Duration
		}{{1, 2 * time.Second}, {2, 3 * time.Second}, {0, 4 * time.Second}} {
			var r wire.Reply
			require.NoError(t, r.Decode(g.await(wire.TypeReply)))
			require.Equal(t, want.id, r.ID)
			require.EqualValues(t, sig.CodeTimeout, r.Code)
			require.Equal(t, want.after, time.Since(begin))
		}
		close(release)
		var r wire.Reply
		require.NoError(t, r.Decode(g.await(wire.TypeReply)))
		require.EqualValues(t, 3, r.ID, "without a deadline there is time")
		require.EqualValues(t, wire.CodeOK, r.Code)
		require.NoError(t, h.srv.Close())
	})
}
