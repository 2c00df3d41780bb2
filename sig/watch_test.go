package sig_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// TestWatchLosesNoChange: a watch whose queue is full says that it has ended
// instead of going on with a hole (P5).
func TestWatchLosesNoChange(t *testing.T) {
	r, _ := newRegistry(t)
	for i := range 5 {
		connect(t, r, sig.Name(fmt.Sprintf("early/%d", i)))
	}
	j, release := newJournal(), make(chan struct{})
	w, err := r.Watch(sig.Any, func(c sig.PresenceChange) {
		<-release
		j.add("%s %s", c.Kind, c.Sender)
	}, &sig.SubscribeOptions{Queue: 2})
	require.NoError(t, err)
	for i := range 2 { // beside the snapshot, which has not been told
		connect(t, r, sig.Name(fmt.Sprintf("late/%d", i)))
	}
	require.NoError(t, w.Err())
	for i := range 3 { // one of the snapshot may have left the queue
		connect(t, r, sig.Name(fmt.Sprintf("later/%d", i)))
	}
	require.ErrorIs(t, w.Err(), sig.ErrLimit)
	close(release)
	await(t, w.Done(), "the end of the watch")
	require.Equal(t, []string{
		"present early/0", "present early/1", "present early/2", "present early/3", "present early/4", "snapshot done ",
		"connected late/0", "connected late/1",
	}, j.all()[:8])
}

func TestWatchWithAPolicy(t *testing.T) {
	for _, row := range []struct {
		policy  sig.Policy
		refused bool
	}{{sig.DropOldest, false}, {sig.DropNewest, true}, {sig.KeepLatest, true}, {sig.Block, false}, {sig.Disconnect, false}} {
		r, _ := newRegistry(t)
		_, err := r.Watch(sig.Any, func(sig.PresenceChange) {}, &sig.SubscribeOptions{Queue: 4, Policy: row.policy})
		if row.refused {
			require.ErrorContains(t, err, "Disconnect or Block", "P5: policy %d", row.policy)
		} else {
			require.NoError(t, err)
		}
		_, err = r.Watch(sig.Any, func(sig.PresenceChange) {}, &sig.SubscribeOptions{Policy: row.policy})
		require.NoError(t, err, "inline there is no queue to be full")
	}
}
