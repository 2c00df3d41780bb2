package child_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/e2e/child"
)

// role is what this binary does in place of its tests.
const role = "GOSIG_CHILD_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "parent":
		cmd := as("child")
		child.Bind(cmd)
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		fmt.Println(cmd.Process.Pid)
		time.Sleep(time.Minute)
	case "child":
		time.Sleep(time.Minute)
	default:
		os.Exit(m.Run())
	}
}

func as(what string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+what)
	return cmd
}

// TestEndsWithTheTest: whose parent is killed does not stay.
func TestEndsWithTheTest(t *testing.T) {
	parent := as("parent")
	child.Bind(parent)
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	pid, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	stat := "/proc/" + strings.TrimSpace(pid) + "/stat"
	require.FileExists(t, stat)
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait() // it was killed
	require.Eventually(t, func() bool {
		now, err := os.ReadFile(stat)
		return err != nil || strings.Contains(string(now), ") Z ") // ended, and perhaps not waited for
	}, time.Minute, 10*time.Millisecond)
}
