package router_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

func ignore(sig.Event) {}

// kitchen announces a guest's sender with so many events, 0, 1, 2 ...
func (g *guest) kitchen(events int) {
	g.t.Helper()
	c := wire.Connect{Sender: 1, Route: 0, Epoch: 7, Name: "kitchen"}
	for i := range events {
		c.Events = append(c.Events, fmt.Sprint(i))
	}
	g.send(c)
	g.await(wire.TypeConnected)
}

// TestSyncWaitsForTheBarrierUnderWay: that somebody else has asked already does
// not mean that there is an answer.
func TestSyncWaitsForTheBarrierUnderWay(t *testing.T) {
	h := newHub(t, router.Limits{})
	pi := h.guest(wire.Hello{})
	pi.kitchen(1)
	returned := make(chan error, 3)
	inForce := func(reg *sig.Registry) {
		sub, err := sig.Subscribe(reg, "kitchen", "0", ignore, nil)
		require.NoError(t, err)
		go func() { returned <- sub.InForce(h.ctx) }()
	}
	desk, _ := h.join()
	other, _ := h.join()
	inForce(desk)
	var asked wire.Sync
	require.NoError(t, asked.Decode(pi.await(wire.TypeSync)))
	inForce(desk)
	inForce(other)
	require.NotContains(t, pi.round(), wire.TypeSync, "one barrier at a time, which all wait for")
	require.Empty(t, returned, "pi has not answered")
	pi.send(wire.Synced(asked))
	for range 3 {
		require.NoError(t, <-returned)
	}
}

// TestManyWaitForTheirSubscriptions: they share barriers instead of exceeding
// what a server works on for one client.
func TestManyWaitForTheirSubscriptions(t *testing.T) {
	const many = 100
	h := newHub(t, router.Limits{})
	pi := h.guest(wire.Hello{})
	pi.kitchen(many)
	desk, cr := h.join()
	var subs []*sig.Subscription
	for i := range many {
		sub, err := sig.Subscribe(desk, "kitchen", sig.Name(fmt.Sprint(i)), ignore, nil)
		require.NoError(t, err)
		subs = append(subs, sub)
	}
	var wg sync.WaitGroup
	for _, sub := range subs {
		wg.Go(func() { require.NoError(t, sub.InForce(h.ctx)) })
	}
	go func() {
		for {
			batch, err := pi.conn.Receive(h.ctx, nil)
			if err != nil {
				return
			}
			pi.batch = batch
			for len(pi.batch) > 0 {
				var s wire.Sync
				if frame := pi.next(); s.Decode(frame) == nil {
					pi.send(wire.Synced(s))
				}
			}
		}
	}()
	wg.Wait()
	pi.conn.Close()
	require.EqualValues(t, 1, cr.Stats().Connections)
	require.Zero(t, h.srv.Stats().Violations)
}

// TestServerSyncGoesOnWithout a client that does not answer or is gone.
func TestServerSyncGoesOnWithout(t *testing.T) {
	silent := func(t *testing.T, limits router.Limits) (*hub, *guest, *sig.Subscription) {
		h := newHub(t, limits)
		pi := h.guest(wire.Hello{})
		pi.kitchen(1)
		sub, err := sig.Subscribe(h.reg, "kitchen", "0", ignore, nil)
		require.NoError(t, err)
		return h, pi, sub
	}
	synctest.Test(t, func(t *testing.T) {
		h, pi, sub := silent(t, router.Limits{SyncPatience: time.Second})
		begun := time.Now()
		for range 20 {
			require.NoError(t, sub.InForce(h.ctx))
		}
		require.Equal(t, time.Second, time.Since(begun), "a silent one is waited for once")
		pi.conn.Close()
		require.NoError(t, h.srv.Close())
	})

	h, pi, sub := silent(t, router.Limits{SyncPatience: 2 * patience})
	returned := make(chan error)
	go func() { returned <- sub.InForce(h.ctx) }()
	pi.await(wire.TypeSync)
	pi.conn.Close()
	require.NoError(t, <-returned, "it is gone")

	h, _, sub = silent(t, router.Limits{SyncPatience: 2 * patience})
	ctx, cancel := context.WithTimeout(h.ctx, 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, sub.InForce(ctx), sig.ErrTimeout, "the caller's own patience is the caller's")
}

// TestRefusedSubscriptionIsNotInForce, and is asked for again by the next
// connection.
func TestRefusedSubscriptionIsNotInForce(t *testing.T) {
	p := newPeer(t)
	p.send(p.welcome())
	var hello wire.Sync
	require.NoError(t, hello.Decode(p.await(wire.TypeSync)))
	p.send(wire.Synced(hello))
	returned := make(chan error, 1)
	subscribe := func(event sig.Name) *sig.Subscription {
		sub, err := sig.Subscribe(p.reg, "kitchen", event, ignore, nil)
		require.NoError(t, err)
		go func() { returned <- sub.InForce(p.ctx) }()
		return sub
	}
	answer := func(more ...envelope) error {
		var s wire.Sync
		require.NoError(t, s.Decode(p.await(wire.TypeSync)))
		p.send(append(more, wire.Synced(s))...)
		return <-returned
	}
	refusal := wire.Refused{About: wire.TypeSubscribe, Sender: "kitchen", Event: "temp", Code: wire.CodeLimit, Text: "Subscriptions: 1"}
	first := subscribe("temp")
	err := answer(refusal)
	require.ErrorIs(t, err, sig.ErrLimit)
	require.ErrorContains(t, err, "Subscriptions")
	subscribe("light")
	require.NoError(t, answer(), "another one is not concerned")
	second, err := sig.Subscribe(p.reg, "kitchen", "temp", ignore, nil)
	require.NoError(t, err)
	require.ErrorIs(t, second.InForce(p.ctx), sig.ErrLimit, "the same one is, although nobody asked again")

	second.Unsubscribe()
	first.Unsubscribe()
	first = subscribe("temp")
	require.NoError(t, answer(), "asked again, and granted")

	p.accept()
	p.send(p.welcome())
	require.NoError(t, hello.Decode(p.await(wire.TypeSync)))
	p.send(refusal, wire.Synced(hello))
	require.NoError(t, p.cr.WaitConnected(p.ctx))
	require.ErrorIs(t, first.InForce(p.ctx), sig.ErrLimit, "the next connection may refuse what the last one granted")
	p.accept()
	p.send(p.welcome())
	require.NoError(t, hello.Decode(p.await(wire.TypeSync)))
	p.send(wire.Synced(hello))
	require.Eventually(t, func() bool { return first.InForce(p.ctx) == nil }, patience, time.Millisecond)
}
