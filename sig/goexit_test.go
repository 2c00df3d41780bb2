package sig_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// TestHandlerOfARemoteEventEndsItsGoroutine: those behind it get the event all
// the same, and its emitter its credit.
func TestHandlerOfARemoteEventEndsItsGoroutine(t *testing.T) {
	r, _ := newRegistry(t)
	p := attach(t, r)
	rt := p.connect(t, "s", "e").Routes()[0]
	j, taken := newJournal(), 0
	for range 2 {
		subscribe(t, r, "s", "e", func(sig.Event) { runtime.Goexit() })
		subscribe(t, r, "s", "e", j.event)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		rt.Deliver(digits("1"), func() { taken++ })
	}()
	await(t, ended, "the delivery")
	require.Equal(t, []string{"s e 1", "s e 1"}, j.all(), "P4")
	require.Equal(t, 1, taken, "P7: a held-back event is taken once by all")
}

func TestHandlerOfAHeldBackEventEndsItsGoroutine(t *testing.T) {
	r, _ := newRegistry(t)
	s := connect(t, r, "s", "e")
	j := newJournal()
	subscribe(t, r, "s", "e", func(sig.Event) { runtime.Goexit() })
	subscribe(t, r, "s", "e", j.event)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.TryEmit("e", 1)
	}()
	await(t, ended, "the emission")
	require.Equal(t, []string{"s e 1"}, j.all(), "P4")
}

func TestHandlerOfALossEndsItsGoroutine(t *testing.T) {
	r, _ := newRegistry(t)
	p := attach(t, r)
	rt := p.connect(t, "s", "e").Routes()[0]
	j := newJournal()
	subscribe(t, r, "s", "e", func(sig.Event) { runtime.Goexit() })
	subscribe(t, r, "s", "e", j.event)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		rt.DeliverLost(sig.Lost{Count: 2, Reason: sig.LossInbound}, 0)
	}()
	await(t, ended, "the delivery")
	require.Equal(t, []string{"s e lost 2: 1-2 (inbound buffer full)"}, j.all(), "P7")
}
