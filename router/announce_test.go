package router_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// TestSenderThatComesAndGoes does not use up the numbers of routes.
func TestSenderThatComesAndGoes(t *testing.T) {
	limits := router.Limits{RoutesPerPeer: 4096}
	h := newHub(t, limits)
	reg := quietRegistry(t)
	cr := h.dial(reg, "mem://hub", router.ClientOptions{Limits: limits})
	require.NoError(t, cr.WaitConnected(h.ctx))
	events := make([]sig.Name, 1024)
	for i := range events {
		events[i] = sig.Name(fmt.Sprint(i))
	}
	for range 20 {
		s, err := reg.Connect("k", sig.Spec{Events: events})
		require.NoError(t, err)
		require.NoError(t, s.Disconnect(""))
	}
	for i := range 6 { // more than there are numbers for
		_, err := reg.Connect(sig.Name(fmt.Sprint(i)), sig.Spec{Events: events})
		require.NoError(t, err)
	}
	_, err := reg.Connect("last", sig.Spec{})
	require.NoError(t, err)
	h.knows(h.reg, "last")
	there := h.reg.Senders()
	require.Less(t, len(there), 7, "who has no number is not announced")
	require.Greater(t, len(there), 2)
	require.EqualValues(t, 1, cr.Stats().Connections, "and the others do not suffer")
}
