package ctest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tool is the program test/tool.c, which answers each line by one.
type tool struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
}

// newTool compiles the tool with some sizes, under the sanitizers, and starts it.
func newTool(t *testing.T, sizes ...string) *tool {
	t.Helper()
	args := join(warnings, sanitizers, sizes, []string{
		filepath.Join(root, "test", "tool.c"), filepath.Join(root, "gosig_frame.c"), filepath.Join(root, "gosig_link.c"), filepath.Join(root, "gosig_session.c"),
	})
	cmd := exec.Command(program(t, host(t), args...))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, in.Close())
		require.NoError(t, cmd.Wait())
	})
	return &tool{t: t, in: in, out: bufio.NewReader(out)}
}

// ask sends a command and returns the answer.
func (x *tool) ask(format string, args ...any) string {
	x.t.Helper()
	_, err := fmt.Fprintf(x.in, format+"\n", args...)
	require.NoError(x.t, err)
	line, err := x.out.ReadString('\n')
	require.NoError(x.t, err, "the tool has ended at: "+format, args)
	return strings.TrimSuffix(line, "\n")
}

// vectors reads a file of test vectors.
func vectors(t *testing.T, into any, path ...string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(append([]string{root, "..", ".."}, path...)...))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, into))
}

func linkVectors(t *testing.T, name string, into any) {
	t.Helper()
	vectors(t, into, "carrier", "serial", "link", "testdata", "vectors", name)
}
