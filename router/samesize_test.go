package router

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/wire"
)

// TestEventsOfAFreshSenderLieWhereTheyCame: the numbers that a node gives its first
// routes have as many bytes as those of a router that has given many.
func TestEventsOfAFreshSenderLieWhereTheyCame(t *testing.T) {
	fresh := newPath(t, 1)
	ours := fresh.node.routes.next
	p := newPath(t, 1)
	p.node.routes.next += 10_000 // for others
	from, to := p.peer(wire.RoleServer), p.peer(wire.RoleServer)
	p.announces(from, ours)
	p.wants(to)
	p.goesOn(from, ours)
	to.link.mu.Lock()
	to.corked = true // what is queued stays for the test to look at
	to.link.mu.Unlock()
	batch := p.batchFor(from, ours, 70<<10, 1)
	require.NoError(t, from.handle(batch))
	to.link.mu.Lock()
	defer to.link.mu.Unlock()
	require.NotEmpty(t, to.out.segs)
	last := to.out.segs[len(to.out.segs)-1].buf
	require.Same(t, &batch[0], &last[0], "passed on without a copy")
	require.Equal(t, len(batch), len(last))
	_, number, _, err := wire.ParseEvent(last[carrier.FrameOverhead:])
	require.NoError(t, err)
	require.NotEqual(t, ours, number)
}
