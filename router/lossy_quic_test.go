package router_test

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// tally is what a subscription has heard: numbers, and how many were lost.
type tally struct {
	mu         sync.Mutex
	last       int
	came       int
	lost       int
	datagram   int // of these, as datagrams
	disordered bool
}

func (y *tally) hear(ev sig.Event) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if lost, ok := ev.Data.(sig.Lost); ok {
		y.lost += int(lost.Count)
		y.last += int(lost.Count)
		if lost.Reason == sig.LossDatagram {
			y.datagram += int(lost.Count)
		}
		return
	}
	n, err := sig.Data[int](ev.Data)
	y.disordered = y.disordered || err != nil || n != y.last+1
	y.last = n
	y.came++
}

// from forgets what was heard, up to a number.
func (y *tally) from(n int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.last, y.came, y.lost, y.datagram, y.disordered = n, 0, 0, 0, false
}

func (y *tally) now() tally {
	y.mu.Lock()
	defer y.mu.Unlock()
	return tally{last: y.last, came: y.came, lost: y.lost, datagram: y.datagram, disordered: y.disordered}
}

// TestLossySubscription: over QUIC through a network that loses packets, nothing of
// an event that its sender has not declared lossy is lost until a subscription
// accepts it, and nothing any more once another one does not.
func TestLossySubscription(t *testing.T) {
	t.Cleanup(awaitFlushed)
	setup := overQUIC(t)
	quiet := slog.New(slog.DiscardHandler)
	srvReg, reg := quietRegistry(t), quietRegistry(t)
	srv, err := router.NewServerRouter(srvReg, &router.ServerOptions{Carriers: setup.Carriers, Codecs: []codec.Codec{json.New()}, Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { srv.Close() })
	addr, err := srv.Listen(t.Context(), setup.Listen)
	require.NoError(t, err)
	bad := carriertest.LossyUDP(setup.Clients[0], 3, &carriertest.Faults{Drop: 0.1})
	client, err := router.NewClientRouter(reg, []string{addr}, &router.ClientOptions{Carriers: []carrier.Carrier{bad}, Codecs: []codec.Codec{json.New()}, Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	tank, err := srvReg.Connect("tank", sig.Spec{Events: []sig.Name{"level"}})
	require.NoError(t, err)

	var lenient, strict tally
	sub, err := sig.Subscribe(reg, "tank", "level", lenient.hear, &sig.SubscribeOptions{Lossy: true})
	require.NoError(t, err)
	require.NoError(t, sub.InForce(t.Context()))
	n := 0
	emit := func() {
		n++
		require.NoError(t, tank.Emit("level", n))
		time.Sleep(time.Millisecond) // a level, now and then
	}
	for end := time.Now().Add(patience); lenient.now().datagram == 0; emit() {
		require.True(t, time.Now().Before(end), "of %d events none was lost: do they travel in datagrams?", n)
	}
	other, err := sig.Subscribe(reg, "*", "level", strict.hear, nil)
	require.NoError(t, err)
	require.NoError(t, other.InForce(t.Context()))
	require.Eventually(t, func() bool { return lenient.now().last == n }, patience, time.Millisecond)
	strict.from(n)
	lost := lenient.now().lost
	for range 300 {
		emit()
	}
	require.Eventually(t, func() bool { return strict.now().last == n && lenient.now().last == n }, patience, time.Millisecond)
	require.False(t, strict.now().disordered || lenient.now().disordered)
	require.Equal(t, 300, strict.now().came)
	require.Equal(t, lost, lenient.now().lost, "lost although somebody does not accept it")
	require.Equal(t, n, lenient.now().came+lost)
}
