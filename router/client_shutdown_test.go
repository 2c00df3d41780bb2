package router_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// offline is a client whose hub does not exist yet, with ten events kept for it.
func offline(t *testing.T) (*hub, *router.ClientRouter) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	nowhere := &hub{t: t, ctx: ctx, network: mem.New()}
	reg := quietRegistry(t)
	cr := nowhere.dial(reg, "mem://hub", router.ClientOptions{})
	s, err := reg.Connect("k", sig.Spec{Events: []sig.Name{"e"}})
	require.NoError(t, err)
	for i := range 10 {
		require.NoError(t, s.Emit("e", i))
	}
	return nowhere, cr
}

// TestClientShutdownDeliversWhatIsKept for want of a connection (P7, P13).
func TestClientShutdownDeliversWhatIsKept(t *testing.T) {
	nowhere, cr := offline(t)
	down := make(chan error)
	go func() { down <- cr.Shutdown(nowhere.ctx) }()
	reg := quietRegistry(t)
	var handled atomic.Int64
	_, err := sig.Subscribe(reg, "k", "e", func(sig.Event) { handled.Add(1) }, nil)
	require.NoError(t, err)
	h := newHubFor(t, nowhere.ctx, nowhere.network, "hub", reg, router.Limits{})
	require.NoError(t, <-down)
	require.NoError(t, h.srv.Shutdown(h.ctx))
	require.EqualValues(t, 10, handled.Load())
}

func TestClientShutdownSaysWhatWasNotDelivered(t *testing.T) {
	nowhere, cr := offline(t)
	ctx, cancel := context.WithTimeout(nowhere.ctx, 20*time.Millisecond)
	defer cancel()
	err := cr.Shutdown(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "10 events")
	require.ErrorContains(t, cr.Shutdown(nowhere.ctx), "10 events", "again, at once")
}

// TestClientEndsWithEventsUnhandled: Shutdown has them handled, Close announces
// them as lost (P13).
func TestClientEndsWithEventsUnhandled(t *testing.T) {
	for _, row := range []struct {
		name  string
		end   func(*router.ClientRouter, context.Context) error
		drain bool
	}{
		{"Shutdown", (*router.ClientRouter).Shutdown, true},
		{"Close", func(cr *router.ClientRouter, _ context.Context) error { return cr.Close() }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHub(t, router.Limits{})
			s, err := h.reg.Connect("k", sig.Spec{Events: []sig.Name{"e"}})
			require.NoError(t, err)
			desk, cr := h.join()
			var handled, lost atomic.Uint64
			begun, release := make(chan struct{}), make(chan struct{})
			var once sync.Once
			sub, err := sig.Subscribe(desk, "k", "e", func(sig.EventOf[int]) {
				once.Do(func() { close(begun) })
				<-release
				handled.Add(1)
			}, &sig.SubscribeOptions{OnLost: func(l sig.Lost) { lost.Add(l.Count) }})
			require.NoError(t, err)
			require.NoError(t, sub.InForce(h.ctx))
			for i := range 50 {
				require.NoError(t, s.Emit("e", i))
				if i == 0 {
					<-begun
				}
			}
			require.Eventually(t, func() bool { return cr.Stats().EventsIn == 50 }, patience, time.Millisecond)
			ended := make(chan error)
			go func() { ended <- row.end(cr, h.ctx) }()
			for len(h.srv.Clients()) > 0 { // until the end has begun
				time.Sleep(time.Millisecond)
			}
			close(release)
			require.NoError(t, <-ended)
			require.EqualValues(t, 50, handled.Load()+lost.Load(), "P7")
			require.Equal(t, row.drain, lost.Load() == 0)
		})
	}
}

// TestClientShutdownDialsNoMore: the goodbye is the last the server hears.
func TestClientShutdownDialsNoMore(t *testing.T) {
	h := newHub(t, router.Limits{})
	for range 20 {
		_, cr := h.join()
		require.NoError(t, cr.Shutdown(h.ctx))
		require.EqualValues(t, 1, cr.Stats().Connections)
		require.Equal(t, router.Closed, cr.State().Phase)
	}
	require.EqualValues(t, 20, h.srv.Stats().Connections)
	require.Zero(t, h.srv.Stats().HandshakesFailed)
}
