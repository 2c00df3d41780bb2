//go:build !race

// The race detector allocates on its own account, and makes sync.Pool forget on
// purpose: allocations are counted without it.

package sig_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

func TestEmitDoesNotAllocate(t *testing.T) {
	type reading struct {
		A, B float64
		Name string
	}
	r, _ := newRegistry(t)
	s := connect(t, r, "s", "none", "one", "ten", "thousand", "queued", "any")
	n := 0
	handler := func(sig.EventOf[reading]) { n++ }
	subscribe(t, r, "s", "one", handler)
	for range 10 {
		subscribe(t, r, "s", "ten", handler)
	}
	for range 1000 {
		subscribe(t, r, "s", "thousand", handler)
	}
	subscribe(t, r, "s", "queued", func(sig.EventOf[reading]) {},
		&sig.SubscribeOptions{Queue: 4, Policy: sig.Block})
	for _, event := range []sig.Name{"none", "one", "ten", "thousand", "queued"} {
		e := must(sig.NewEmitter[reading](s, event))
		require.Zero(t, testing.AllocsPerRun(1000, func() { _ = e.Emit(reading{A: 1}) }), "typed, %s", event)
	}
	require.Equal(t, 1011*1001, n)
	subscribe(t, r, "s", "any", func(sig.Event) {})
	var v any = reading{}
	require.Zero(t, testing.AllocsPerRun(1000, func() { _ = s.Emit("any", v) }), "by name")
	p := &reading{}
	require.Zero(t, testing.AllocsPerRun(1000, func() { _ = s.Emit("any", p) }), "by name, a pointer")
	a := 0.0
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { a++; _ = s.Emit("any", reading{A: a}) }), 1.0,
		"by name, a value that has to be boxed")
}

func TestMatchAllocatesNothing(t *testing.T) {
	p := sig.Pattern{Sender: "house/**/sensor/*", Event: "**/temp"}
	allocs := testing.AllocsPerRun(100, func() {
		if !p.Match("house/floor/kitchen/sensor/7", "room/temp") {
			t.Error("P1: no match")
		}
	})
	if allocs != 0 {
		t.Errorf("Match: got %v allocations, want 0", allocs)
	}
}
