package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience ends a test that waits for what never comes.
const patience = time.Minute

// TestMain fails if a test leaves a goroutine behind (P13), and removes the
// binary that the tests have built.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if built.dir != "" {
			_ = os.RemoveAll(built.dir) // a temporary folder: the system removes it in the end
		}
		os.Exit(code)
	}))
}

// built is the binary, made by the first test that needs it.
var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// gosig builds gosig, with the race detector if the tests run under it.
func gosig(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "gosig-e2e"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "gosig")
		args := []string{"build", "-o", built.path}
		if raceEnabled {
			args = append(args, "-race")
		}
		cmd := exec.Command("go", append(args, "github.com/gosig/gosig/cmd/gosig")...)
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// long marks the tests that take longest: with -short they do not run.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes several seconds")
	}
}

// await polls until cond holds. The text completes "waiting for ...".
func await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	over := time.Now().Add(patience)
	for !cond() {
		if time.Now().After(over) {
			t.Fatalf("waited %v for %s", patience, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// quick is a keepalive for tests of it: long enough for an honest peer on a
// busy machine to answer within a few of them.
const quick = 250 * time.Millisecond
