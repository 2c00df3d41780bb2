package router_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// floods sends the same envelopes again and again until the hub hangs up, and
// returns its last word.
func (g *guest) floods(envelopes ...envelope) (code uint16) {
	g.t.Helper()
	var batch []byte
	for _, e := range envelopes {
		batch = carrier.AppendFrame(batch, e.Append(nil))
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for g.conn.Send(g.ctx, batch) == nil {
		}
	}()
	for {
		batch, err := g.conn.Receive(g.ctx, nil)
		if err != nil {
			break
		}
		for frame := range carrier.Frames(batch) {
			var last wire.Goodbye
			if last.Decode(frame) == nil {
				code = last.Code
			}
		}
	}
	<-ended
	require.NoError(g.t, g.ctx.Err(), "the connection goes on")
	return code
}

// held is an EVENT that its emitter holds back.
type held struct{ event }

func (e held) Append(dst []byte) []byte {
	return wire.AppendEvent(dst, wire.FlagHeld, e.route, []byte(e.payload))
}

// TestHeldEventsFarOutsideTheWindow end the connection that sends them, since
// such events are never dropped, and not that of a subscriber who does not read
// (P8, P11).
func TestHeldEventsFarOutsideTheWindow(t *testing.T) {
	for _, row := range []struct{ name, payload string }{
		{"by number", "1"},
		{"by size", `"` + string(make([]byte, 8<<10)) + `"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHub(t, router.Limits{OutboundBytes: 256 << 10, MaxFrame: 64 << 10})
			release := make(chan struct{})
			_, err := sig.Subscribe(h.reg, "kitchen", "temp", func(sig.Event) { <-release }, nil)
			require.NoError(t, err)
			defer close(release)
			innocent := h.guest(wire.Hello{ID: wire.NodeID{2}, Features: wire.FeatureHeld})
			innocent.subscribes("kitchen", "temp")
			pi := h.guest(wire.Hello{ID: wire.NodeID{3}, Features: wire.FeatureHeld})
			pi.send(wire.Connect{Sender: 1, Route: 0, Epoch: 7, Name: "kitchen", Events: []string{"temp"}}, wire.Route{Route: 0, Seq: 1})
			pi.await(wire.TypeConnected)
			require.Equal(t, wire.CodeProtocol, pi.floods(held{event{0, row.payload}}))
			innocent.await(wire.TypeDisconnect) // it is still there
			require.EqualValues(t, 1, h.srv.Stats().Violations)
		})
	}
}

// TestArrivalsNobodyHearsOf: whoever connects and disconnects senders while
// handlers here are busy is thrown out before memory is full (P11).
func TestArrivalsNobodyHearsOf(t *testing.T) {
	h := newHub(t, router.Limits{Senders: 4})
	release := make(chan struct{})
	_, err := sig.Subscribe(h.reg, sig.Any, sig.EventConnect, func(sig.Event) { <-release }, nil)
	require.NoError(t, err)
	defer close(release)
	h.guest(wire.Hello{}).floods(wire.Connect{Sender: 2, Route: 10, Epoch: 8, Name: "x"}, wire.Disconnect{Sender: 2})
}

// TestHeldEventsOfALargerWindow: a router passes on what the emitter's window
// allows, which is no fault of its own where the next one's is smaller (P7, P12).
func TestHeldEventsOfALargerWindow(t *testing.T) {
	const n = 200
	h := newHub(t, router.Limits{})
	serve(t, h.reg, func(context.Context, *sig.Request) (any, error) { return 1, nil })
	desk := quietRegistry(t)
	cr := h.dial(desk, "mem://hub", router.ClientOptions{Limits: router.Limits{WindowEvents: 2, WindowBytes: 16}})
	require.NoError(t, cr.WaitConnected(h.ctx))
	release, heard := make(chan struct{}), make(chan int, n)
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	sub, err := sig.Subscribe(desk, "kitchen", "temp", func(ev sig.EventOf[int]) { <-release; heard <- ev.Data }, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(h.ctx))
	pi := h.guest(wire.Hello{Features: wire.FeatureHeld})
	pi.send(wire.Connect{Sender: 1, Route: 0, Epoch: 7, Name: "kitchen", Events: []string{"temp"}}, wire.Route{Route: 0, Seq: 1})
	for range n {
		pi.send(held{event{0, "1"}})
	}
	pi.round()
	_, err = desk.Request(h.ctx, "k", "m", nil) // the answer is behind the events
	require.NoError(t, err)
	free()
	for range n {
		receive(t, h.ctx, heard)
	}
	require.EqualValues(t, 1, cr.Stats().Connections)
}

// TestCreditOfANumberUsedAgain: places of a sender that has left are not given
// back to the next one with its number, however late they are free
// (protocol.md §6.1, §8.5).
func TestCreditOfANumberUsedAgain(t *testing.T) {
	h := newHub(t, router.Limits{})
	begun, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	_, err := sig.Subscribe(h.reg, "kitchen", sig.Any, func(ev sig.Event) {
		switch ev.Name {
		case "temp":
			close(begun)
			<-release
		case sig.EventDisconnect:
			close(done)
		}
	}, nil)
	require.NoError(t, err)
	pi := h.guest(wire.Hello{Features: wire.FeatureHeld})
	pi.send(wire.Connect{Sender: 1, Route: 0, Epoch: 7, Name: "kitchen", Events: []string{"temp"}}, wire.Route{Route: 0, Seq: 1}, held{event{0, "1"}})
	receive(t, h.ctx, begun)
	pi.send(wire.Disconnect{Sender: 1}, wire.Connect{Sender: 1, Route: 0, Epoch: 8, Name: "bath", Events: []string{"temp"}})
	pi.round()
	free()
	receive(t, h.ctx, done)
	require.Empty(t, pi.round())
}

// TestHeldEventWithoutTheFeature is a violation (protocol.md §4.4).
func TestHeldEventWithoutTheFeature(t *testing.T) {
	h := newHub(t, router.Limits{})
	pi := h.guest(wire.Hello{})
	pi.send(wire.Connect{Sender: 1, Route: 0, Epoch: 7, Name: "kitchen", Events: []string{"temp"}}, wire.Route{Route: 0, Seq: 1}, held{event{0, "1"}})
	var last wire.Goodbye
	require.NoError(t, last.Decode(pi.await(wire.TypeGoodbye)))
	require.Equal(t, wire.CodeProtocol, last.Code)
}
