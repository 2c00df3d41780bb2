package router

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// TestRoomIsClaimed: what several let in at the same moment, none of which waits yet,
// finds no more room than there is; small frames, and what was refused, claim nothing.
func TestRoomIsClaimed(t *testing.T) {
	r := newRig(t)
	s, _ := r.open()
	const size = 1 << 20
	most := r.link.limits.OutboundBytes / size
	for range most {
		require.NoError(t, s.claimRoom(sig.CodeBusy, size))
	}
	for range 3 {
		require.ErrorIs(t, s.claimRoom(sig.CodeBusy, size), sig.ErrBusy)
	}
	s.freeRoom(size)
	for range 1000 {
		require.NoError(t, s.claimRoom(sig.CodeLimit, 1000))
	}
	require.NoError(t, s.claimRoom(sig.CodeBusy, size))
	for range most {
		s.freeRoom(size)
	}
	require.Zero(t, s.claimed)
}

// Claimed is the room that is kept for what is not queued yet, of all clients.
func (r *ServerRouter) Claimed() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := range r.links {
		l.mu.Lock()
		if l.sess != nil {
			n += l.sess.claimed
		}
		l.mu.Unlock()
	}
	return n
}
