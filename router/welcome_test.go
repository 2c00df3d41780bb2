package router_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestFramesBehindWelcome: a server may send at once what it has to say; that it
// arrives in the same read as the WELCOME is nobody's fault.
func TestFramesBehindWelcome(t *testing.T) {
	p := newPeer(t)
	heard := make(chan string, 2)
	sub, err := sig.Subscribe(p.reg, "kitchen", "temp", func(ev sig.EventOf[string]) { heard <- ev.Data }, nil)
	require.NoError(t, err)
	defer sub.Unsubscribe()
	p.send(p.welcome(), wire.Connect{Sender: 1, Route: 7, Epoch: 1, Name: "kitchen", Events: []string{"temp"}},
		wire.Route{Route: 7, Seq: 1}, event{7, `"first"`})
	p.send(event{7, `"second"`})
	for _, want := range []string{"first", "second"} {
		select {
		case got := <-heard:
			require.Equal(t, want, got)
		case <-p.ctx.Done():
			t.Fatalf("%q has not come; the client is %v", want, p.cr.State())
		}
	}
}

// TestWelcomeRefused: a client that cannot go on from a WELCOME tells the server
// why, and its user, by a code (protocol.md §4.2, §4.7).
func TestWelcomeRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*wire.Welcome)
		want error
	}{
		{"a version that was not offered", func(w *wire.Welcome) { w.Version = 7 }, sig.ErrVersion},
		{"a codec that was not offered", func(w *wire.Welcome) { w.Codec = "klingon" }, sig.ErrProtocol},
		{"malformed", func(w *wire.Welcome) { w.Name = "\xff" }, sig.ErrProtocol},
		{"no node", func(w *wire.Welcome) { w.ID = wire.NodeID{} }, sig.ErrProtocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPeer(t)
			w := p.welcome()
			c.edit(&w)
			p.send(w)
			var abort wire.Abort
			require.NoError(t, abort.Decode(p.await(wire.TypeAbort)))
			require.Equal(t, uint16(sig.CodeOf(c.want)), abort.Code)
			require.NotEmpty(t, abort.Reason)
			p.accept() // the client has tried again, and said why it has to
			require.ErrorIs(t, p.cr.State().Err, c.want)
		})
	}
}
