package router_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
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

// TestPayloadOutlivesItsBuffer: events that wait for an earlier life's
// #disconnect handler are not those of whoever uses their buffer next.
func TestPayloadOutlivesItsBuffer(t *testing.T) {
	const n = 200
	p := newPeer(t)
	mine, err := p.reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	leaving, leave := make(chan struct{}, 2), make(chan struct{})
	_, err = sig.Subscribe(p.reg, "kitchen", sig.EventDisconnect, func(sig.Event) {
		leaving <- struct{}{}
		select {
		case <-leave:
		case <-p.ctx.Done():
		}
	}, nil)
	require.NoError(t, err)
	heard, noise := make(chan string, n), make(chan int, 1)
	_, err = sig.Subscribe(p.reg, "kitchen", "temp", func(ev sig.EventOf[string]) { heard <- ev.Data }, nil)
	require.NoError(t, err)
	_, err = sig.Subscribe(p.reg, "noise", "n", func(ev sig.EventOf[string]) { noise <- len(ev.Data) }, nil)
	require.NoError(t, err)
	gone := make(chan error)
	go func() { gone <- mine.Disconnect("") }()
	receive(t, p.ctx, leaving)

	pad := strings.Repeat("x", 900)
	p.send(p.welcome(), wire.Connect{Sender: 1, Route: 0, Epoch: 7, Name: "kitchen", Events: []string{"temp"}},
		wire.Connect{Sender: 2, Route: 1, Epoch: 7, Name: "noise", Events: []string{"n"}}, wire.Route{Route: 0, Seq: 1}, wire.Route{Route: 1, Seq: 1})
	for i := range n {
		p.send(event{0, fmt.Sprintf(`"%03d%s"`, i, pad)})
	}
	for range 50 { // their buffers are used again
		var batch []envelope
		for range 50 {
			batch = append(batch, event{1, fmt.Sprintf(`"%903d"`, 0)})
		}
		p.send(batch...)
		for range batch {
			require.Equal(t, 903, receive(t, p.ctx, noise))
		}
	}
	close(leave)
	require.NoError(t, receive(t, p.ctx, gone))
	for i := range n {
		require.Equal(t, fmt.Sprintf("%03d%s", i, pad), receive(t, p.ctx, heard))
	}
}
