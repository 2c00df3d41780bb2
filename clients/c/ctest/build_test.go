package ctest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// root is where the client is.
const root = ".."

// sources are the files of the client.
func sources(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "gosig_*.c"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// warnings are what the client must compile without.
var warnings = []string{"-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror", "-I" + root}

// sanitizers make every mistake with memory, and what the language leaves
// undefined, an end with a message.
var sanitizers = []string{"-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"}

// need returns the path of a program, or skips the test.
func need(t *testing.T, program, packages string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("there is no %s: apt-get install --no-install-recommends %s", program, packages)
	}
	return path
}

// host is the C compiler of this computer.
func host(t *testing.T) string { return need(t, "gcc", "gcc libc6-dev") }

// run runs a program and returns what it said on standard output.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	require.NoError(t, cmd.Run(), "%s\n%s%s", strings.Join(cmd.Args, " "), &out, &errs)
	return out.String()
}

// compile makes a program and returns its path.
func compile(t *testing.T, compiler string, args ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	run(t, compiler, append(args, "-o", program)...)
	return program
}

// programs are what program has compiled, for all tests.
var programs struct {
	sync.Mutex
	dir    string
	byArgs map[string]string
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gosig-ctest-")
	if err != nil {
		panic(err)
	}
	programs.dir, programs.byArgs = dir, map[string]string{}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir) // it is only temporary
		os.Exit(code)
	}))
}

// program is compile, once for all tests that want the same.
func program(t *testing.T, compiler string, args ...string) string {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	key := strings.Join(append([]string{compiler}, args...), " ")
	if path, ok := programs.byArgs[key]; ok {
		return path
	}
	path := filepath.Join(programs.dir, fmt.Sprint(len(programs.byArgs)))
	run(t, compiler, append(args, "-o", path)...)
	programs.byArgs[key] = path
	return path
}

// sanitized is the client under the sanitizers, as an object for programs to be linked
// with.
func sanitized(t *testing.T) string {
	t.Helper()
	return program(t, host(t), join(warnings, sanitizers, []string{"-r", "-nostdlib"}, sources(t))...)
}

// forCortex compiles each file of the client for a processor, as a firmware would, and
// returns the objects by the files' names.
func forCortex(t *testing.T, cpu string) map[string]string {
	t.Helper()
	compiler := need(t, "arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi")
	objects := map[string]string{}
	for _, source := range sources(t) {
		objects[strings.TrimSuffix(filepath.Base(source), ".c")] = program(t, compiler,
			join(warnings, []string{"-mcpu=" + cpu, "-mthumb", "-Os", "-c", source})...)
	}
	return objects
}

// join is one list of arguments.
func join(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// TestBuilds: the client compiles without a warning wherever it is meant for. For Cortex-M0
// and M3 TestSize compiles it.
func TestBuilds(t *testing.T) {
	for _, compiler := range []string{"gcc", "clang"} {
		t.Run(compiler, func(t *testing.T) {
			t.Parallel()
			compile(t, need(t, compiler, compiler), join(warnings, []string{"-O2", "-r", "-nostdlib"}, sources(t))...)
		})
	}
	t.Run("C++", func(t *testing.T) { // the header alone
		t.Parallel()
		file := filepath.Join(t.TempDir(), "header.cc")
		require.NoError(t, os.WriteFile(file, []byte("#include \"gosig.h\"\nint main() { return 0; }\n"), 0o600))
		compile(t, need(t, "g++", "g++"), "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"+root, file)
	})
}

// TestFreestanding: of a library the client needs what every compiler brings, and
// nothing that allocates, prints or asks a system.
func TestFreestanding(t *testing.T) {
	t.Parallel()
	objects := forCortex(t, "cortex-m3")
	nm := need(t, "arm-none-eabi-nm", "binutils-arm-none-eabi")
	var missing []string
	for _, object := range objects {
		for _, symbol := range strings.Fields(strings.ReplaceAll(run(t, nm, "-u", object), " U ", " ")) {
			if !strings.HasPrefix(symbol, "gosig_") { // else another file has it
				missing = append(missing, symbol)
			}
		}
	}
	require.NotEmpty(t, missing)
	for _, symbol := range missing {
		assert.Contains(t, []string{"memcpy", "memmove", "memset", "memcmp", "strlen"}, symbol)
	}
}
