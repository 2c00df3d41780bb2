//go:build unix

package tcp_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestUnixModeFromTheFirstMoment: at no time can anybody reach a socket whom its mode
// keeps out, whatever the mask of the process is: it is made where only its owner can
// go.
func TestUnixModeFromTheFirstMoment(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0)) // whatever is made is for everybody
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	stop := make(chan struct{}) // closed when the last listener has been closed
	var watching sync.WaitGroup
	seen := map[fs.FileMode]int{}
	watching.Go(func() { // ends with stop
		for {
			select {
			case <-stop:
				return
			default:
			}
			if info, err := os.Lstat(path); err == nil {
				seen[info.Mode().Perm()]++
			}
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				if info, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), ".g") && e.IsDir() {
					seen[info.Mode().Perm()&0o077]++ // none of it for others
				}
			}
		}
	})
	for range 100 {
		ln, err := newSet(t, nil).Listen(t.Context(), "unix://"+path)
		require.NoError(t, err)
		require.NoError(t, ln.Close())
	}
	close(stop)
	watching.Wait()
	delete(seen, 0o600)
	delete(seen, 0)
	assert.Empty(t, seen, "modes that it had, or that of where it was made, and how often that was seen")
}
