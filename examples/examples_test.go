// Package examples_test runs every example program and compares what it prints.
package examples_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestExamples builds and runs each folder here with go run. A program must
// end by itself, print what its expected.txt says, and nothing on stderr.
func TestExamples(t *testing.T) {
	programs, err := filepath.Glob("*/main.go")
	require.NoError(t, err)
	require.NotEmpty(t, programs)
	for _, program := range programs {
		folder := filepath.Dir(program)
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(filepath.Join(folder, "expected.txt"))
			require.NoError(t, err, "every example says what it prints")

			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "go", "run", ".")
			cmd.Dir = folder // which may be a module of its own
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			require.NoError(t, cmd.Run(), "stderr: %s", &stderr)
			require.Equal(t, string(want), stdout.String())
		})
	}
}

// readmeExample finds a Go block of README.md and the file it is taken from:
//
//	<!-- from examples/inprocess/main.go -->
//	```go
//	...
//	```
var readmeExample = regexp.MustCompile("(?s)<!-- from (\\S+) -->\n```go\n(.*?)```")

// TestReadmeShowsTheExamples compares the Go blocks of the README with the files
// they come from, so that what a reader copies is what was run.
func TestReadmeShowsTheExamples(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	shown := readmeExample.FindAllStringSubmatch(string(readme), -1)
	require.Len(t, shown, strings.Count(string(readme), "```go\n"), "each Go block names its file")
	require.Len(t, shown, 2)
	for _, m := range shown {
		source, err := os.ReadFile(filepath.Join("..", m[1]))
		require.NoError(t, err)
		require.Contains(t, string(source), m[2], "README.md shows something else than %s has", m[1])
	}
}
