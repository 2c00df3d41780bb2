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

// TestRefusingAllocates hardly anything: a peer may have us do it without end.
func TestRefusingAllocates(t *testing.T) {
	p := newPath(t, 1)
	s := p.peer(wire.RoleServer)
	s.link.mu.Lock()
	s.corked = true // a writer is a goroutine
	s.link.mu.Unlock()
	before := s.link.stats.limitHits[LimitPendingRequests].Load()
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		for id := range uint64(100) {
			s.refuseBusy(id, "too many are under way")
		}
	}), 5.0, "for 100 requests")
	assert.EqualValues(t, 101*100, s.link.stats.limitHits[LimitPendingRequests].Load()-before)
}
