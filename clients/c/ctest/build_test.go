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
	key := strings.Join(args, " ")
	if path, ok := programs.byArgs[key]; ok {
		return path
	}
	path := filepath.Join(programs.dir, fmt.Sprint(len(programs.byArgs)))
	run(t, compiler, append(args, "-o", path)...)
	programs.byArgs[key] = path
	return path
}

// join is one list of arguments.
func join(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// TestBuilds: the client compiles without a warning wherever it is meant for.
func TestBuilds(t *testing.T) {
	for name, build := range map[string]struct {
		program, packages string
		flags             []string
	}{
		"gcc":       {"gcc", "gcc libc6-dev", []string{"-O2"}},
		"clang":     {"clang", "clang", []string{"-O2"}},
		"C++":       {"g++", "g++", nil},
		"Cortex-M0": {"arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi", []string{"-mcpu=cortex-m0", "-mthumb", "-Os"}},
		"Cortex-M3": {"arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi", []string{"-mcpu=cortex-m3", "-mthumb", "-Os"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compiler := need(t, build.program, build.packages)
			if name == "C++" { // the header alone
				file := filepath.Join(t.TempDir(), "header.cc")
				require.NoError(t, os.WriteFile(file, []byte("#include \"gosig.h\"\nint main() { return 0; }\n"), 0o600))
				compile(t, compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"+root, file)
				return
			}
			compile(t, compiler, join(warnings, build.flags, []string{"-r", "-nostdlib"}, sources(t))...)
		})
	}
}

// TestFreestanding: of a library the client needs what every compiler brings, and
// nothing that allocates, prints or asks a system.
func TestFreestanding(t *testing.T) {
	t.Parallel()
	compiler := need(t, "arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi")
	nm := need(t, "arm-none-eabi-nm", "binutils-arm-none-eabi")
	object := compile(t, compiler, join([]string{"-mcpu=cortex-m3", "-mthumb", "-Os", "-std=c99", "-r", "-nostdlib"}, sources(t))...)
	missing := strings.Fields(strings.ReplaceAll(run(t, nm, "-u", object), " U ", " "))
	require.NotEmpty(t, missing)
	for _, symbol := range missing {
		assert.Contains(t, []string{"memcpy", "memmove", "memset", "memcmp", "strlen"}, symbol)
	}
}
