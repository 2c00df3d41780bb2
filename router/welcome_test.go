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
