package ctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// TestTutorial: the program of the page, on the template for a vendor's library and a
// board that a test plays, has its first event heard behind a router; also after the
// router was restarted.
func TestTutorial(t *testing.T) {
	for name, flag := range map[string]string{"a random generator": "-UBOARD_HAS_NO_RANDOM", "none": "-DBOARD_HAS_NO_RANDOM"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, clean, router.Limits{})
			cmd := exec.Command(compile(t, host(t), join(warnings, sanitizers, []string{
				flag, readmeProgram(t), filepath.Join(root, "ports", "vendor", "gosig_vendor.c"), filepath.Join(root, "test", "board.c"), sanitized(t),
			})...))
			cmd.Env = append(os.Environ(), "PORT="+h.far.Path())
			cmd.Stderr = os.Stderr
			r := h.record("kitchen", sig.Any)
			require.NoError(t, cmd.Start())
			t.Cleanup(func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				assert.LessOrEqual(t, cmd.ProcessState.ExitCode(), 0, "it has not ended by itself")
			})
			assert.Equal(t, "#connect kitchen [temp] [] ", r.next(t))
			assert.Equal(t, "temp 21.5", r.next(t))
			h.stop()
			h.start()
			r = h.record("kitchen", "temp")
			for said := ""; said != "temp 21.5"; {
				said = r.next(t)
			}
		})
	}
}
