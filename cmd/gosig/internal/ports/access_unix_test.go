//go:build unix

package ports

import (
	"os"
	"os/user"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The group that may open a port is named.
func TestWhichGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ttyS0")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	own := func(mode os.FileMode, gid int) string {
		require.NoError(t, os.Chmod(path, mode))
		if err := os.Chown(path, -1, gid); err != nil {
			t.Logf("not run for group %d: %v", gid, err)
			return ""
		}
		info, err := os.Stat(path)
		require.NoError(t, err)
		return whichGroup(info)
	}
	assert.Empty(t, own(0o600, os.Getgid()))
	if g, err := user.LookupGroup("dialout"); err == nil && os.Getuid() == 0 {
		gid := 0
		for _, c := range g.Gid {
			gid = 10*gid + int(c-'0')
		}
		assert.Equal(t, ": join the group dialout", own(0o660, gid))
		assert.Empty(t, own(0o640, gid), "which may not write")
	}
	assert.Empty(t, own(0o660, 0), "nobody should join root")
}
