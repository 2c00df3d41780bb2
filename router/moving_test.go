package router_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/quic"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// dialled tells of each connection that a carrier has dialled.
type dialled struct {
	carrier.Carrier
	conns chan carrier.Conn // one place; a test dials once
}

func (d *dialled) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	c, err := d.Carrier.Dial(ctx, addr)
	if err == nil {
		d.conns <- c
	}
	return c, err
}

// TestMovingUnderLoad: a client over QUIC moves to other local addresses while both
// sides emit. Every event comes once and in order, and nobody sees the other leave.
func TestMovingUnderLoad(t *testing.T) {
	t.Cleanup(awaitFlushed)
	setup := overQUIC(t)
	quiet := slog.New(slog.DiscardHandler)
	there, here := quietRegistry(t), quietRegistry(t)
	srv, err := router.NewServerRouter(there, &router.ServerOptions{Carriers: setup.Carriers, Codecs: []codec.Codec{json.New()}, Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { srv.Close() })
	addr, err := srv.Listen(t.Context(), setup.Listen)
	require.NoError(t, err)
	medium := &dialled{setup.Clients[0], make(chan carrier.Conn, 1)}
	client, err := router.NewClientRouter(here, []string{addr}, &router.ClientOptions{Carriers: []carrier.Carrier{medium}, Codecs: []codec.Codec{json.New()}, Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	require.NoError(t, client.WaitConnected(t.Context()))
	conn := (<-medium.conns).(*quic.Conn)

	moved := make(chan struct{}) // closed when the client has moved for the last time
	walker, hub := says(t, here, there, "walker", moved), says(t, there, here, "hub", moved)
	for i := 1; i <= 4; i++ {
		before := walker.now().last
		require.NoError(t, conn.Migrate(t.Context(), fmt.Sprintf("127.0.0.%d:0", 1+i)))
		require.Eventually(t, func() bool { return walker.now().last > before+100 }, patience, time.Millisecond, "events after the move")
	}
	close(moved)
	for _, h := range []*hearing{walker, hub} {
		h.emitting.Wait()
		require.Eventually(t, func() bool { return h.now().last == h.said }, patience, time.Millisecond)
		require.Equal(t, h.said, h.now().came)
		require.False(t, h.now().disordered)
		h.gone.Unsubscribe() // it leaves with its registry
	}
	require.EqualValues(t, 1, client.Stats().Connections)
}

// hearing is what one side hears of the other.
type hearing struct {
	tally
	gone     *sig.Subscription
	emitting sync.WaitGroup
	said     int // by the emitting
}

// says has a sender emit numbers until done is closed, held back where it must be.
func says(t *testing.T, from, to *sig.Registry, name sig.Name, done <-chan struct{}) *hearing {
	h := &hearing{}
	sub, err := sig.Subscribe(to, name, "n", h.hear, nil)
	require.NoError(t, err)
	h.gone, err = sig.Subscribe(to, name, sig.EventDisconnect, func(sig.Event) { t.Errorf("%s was seen to leave", name) }, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(t.Context()))
	s, err := from.Connect(name, sig.Spec{Events: []sig.Name{"n"}})
	require.NoError(t, err)
	h.emitting.Go(func() { // ends with done, or the test
		for {
			select {
			case <-done:
				return
			default:
			}
			if !assert.NoError(t, s.EmitWait(t.Context(), "n", h.said+1)) {
				return
			}
			h.said++
		}
	})
	return h
}
