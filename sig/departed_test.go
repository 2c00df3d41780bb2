package sig_test

import (
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// TestDepartedAreFreed: a registry remembers names for a while, but not who had
// them, with all that belongs to them: the connection of a remote one.
func TestDepartedAreFreed(t *testing.T) {
	reg := sig.New(nil)
	defer reg.Close()
	gone := func() weak.Pointer[sig.Sender] {
		s, err := reg.Connect("guest", sig.Spec{Events: []sig.Name{"n"}})
		require.NoError(t, err)
		require.NoError(t, s.Emit("n", 1))
		s.Disconnect("it has left")
		return weak.Make(s)
	}()
	require.Eventually(t, func() bool { runtime.GC(); return gone.Value() == nil }, patience, time.Millisecond)
}
