//go:build !race

// The race detector allocates on its own account, and makes sync.Pool forget on
// purpose: allocations are counted without it.

package router

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestPassingAllocates nothing for an event: a goroutine that writes to a peer
// may begin for each batch.
func TestPassingAllocates(t *testing.T) {
	p := newPath(t, 200)
	s := p.peer(wire.RoleServer)
	p.announces(s, 1)
	p.wants(p.peer(wire.RoleServer))
	p.goesOn(s, 1)
	batch := p.batchFor(s, 1, 16, 1000)
	again := append([]byte(nil), batch...)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		copy(batch, again) // numbers are written over
		if err := s.handle(batch); err != nil {
			t.Error(err)
		}
		s.flush()
	}), 8.0, "for 1,000 events")
}

// TestDeliveringAllocates nothing.
func TestDeliveringAllocates(t *testing.T) {
	p := newPath(t, 200)
	s := p.peer(wire.RoleClient)
	p.announces(s, 1)
	_, err := sig.Subscribe(p.node.reg, "from", "*", func(sig.EventOf[[]byte]) {}, nil)
	require.NoError(t, err)
	p.goesOn(s, 1)
	batch := p.batchFor(s, 1, 16, 1000)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if err := s.handle(batch); err != nil {
			t.Error(err)
		}
		s.flush()
		local := s.local
		s.local = nil
		s.link.deliver(local)
	}))
}
