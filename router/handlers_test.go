package router_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// TestRefusedSendersHandlerMayAsk: the #disconnect of a sender that the server
// refuses is not handled by the reader, which brings the answer (P4).
func TestRefusedSendersHandlerMayAsk(t *testing.T) {
	h := newHub(t, router.Limits{})
	_, err := h.reg.Connect("kitchen", sig.Spec{})
	require.NoError(t, err)
	serve(t, h.reg, func(context.Context, *sig.Request) (any, error) { return "answer", nil })
	desk := quietRegistry(t)
	_, err = desk.Connect("kitchen", sig.Spec{})
	require.NoError(t, err)
	asked := make(chan error, 1)
	_, err = sig.Subscribe(desk, "kitchen", sig.EventDisconnect, func(sig.Event) {
		_, err := desk.Request(h.ctx, "k", "m", nil)
		asked <- err
	}, nil)
	require.NoError(t, err)
	h.dial(desk, "mem://hub", router.ClientOptions{})
	require.NoError(t, receive(t, h.ctx, asked))
}

// TestHandlerThatEndsItsGoroutine, as t.FailNow does, costs nobody an event,
// and an emitter that is held back no room.
func TestHandlerThatEndsItsGoroutine(t *testing.T) {
	h := newHub(t, router.Limits{WindowEvents: 4})
	desk, _ := h.join()
	const n = 50
	heard := make(chan int, 2*n)
	exit := func(ev sig.EventOf[int]) {
		heard <- ev.Data
		if ev.Data%7 == 0 {
			runtime.Goexit()
		}
	}
	connected := make(chan struct{}, 1)
	_, err := sig.Subscribe(desk, "kitchen", sig.EventConnect, func(sig.Event) { connected <- struct{}{}; runtime.Goexit() }, nil)
	require.NoError(t, err)
	sub, err := sig.Subscribe(desk, "kitchen", "temp", exit, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(h.ctx))
	kitchen, err := h.reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	for i := range n {
		require.NoError(t, kitchen.Emit("temp", i))
	}
	for i := range n {
		require.NoError(t, kitchen.EmitWait(h.ctx, "temp", n+i))
	}
	receive(t, h.ctx, connected)
	for want := range 2 * n {
		require.Equal(t, want, receive(t, h.ctx, heard))
	}
}
