package ctest

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestUnits: test/unit.c, under the sanitizers.
func TestUnits(t *testing.T) {
	t.Parallel()
	program := compile(t, host(t), join(warnings, sanitizers, []string{filepath.Join(root, "test", "unit.c"), sanitized(t), "-lm"})...)
	out := run(t, program)
	assert.Regexp(t, `^3\d\d checks, 0 failed\n$`, out)
}

// corpus writes the inputs that the fuzzer has found into a folder, a file each.
func corpus(t *testing.T) (dir string, files []string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "test", "corpus.txt"))
	require.NoError(t, err)
	dir = t.TempDir()
	for i, line := range strings.Fields(string(raw)) {
		input, err := hex.DecodeString(line)
		require.NoError(t, err, "line %d", i+1)
		name := filepath.Join(dir, fmt.Sprintf("%04d", i))
		require.NoError(t, os.WriteFile(name, input, 0o600))
		files = append(files, name)
	}
	require.Greater(t, len(files), 100)
	return dir, files
}

// TestBadInput: what a fuzzer has found, and 5,000 inputs that are made up, harm
// nothing that the sanitizers see.
func TestBadInput(t *testing.T) {
	t.Parallel()
	program := compile(t, host(t), join(warnings, sanitizers, []string{"-DGOSIG_FUZZ_MAIN", filepath.Join(root, "test", "fuzz.c"), sanitized(t)})...)
	_, files := corpus(t)
	assert.Regexp(t, `^\d+ inputs, [1-9]`, run(t, program, files...))
	assert.Regexp(t, `^5000 inputs, [1-9]`, run(t, program, "5000"))
}

// TestFuzzer: libFuzzer looks for a few seconds, from what it has found before; for
// longer with GOSIG_C_FUZZTIME, in seconds.
func TestFuzzer(t *testing.T) {
	compiler := need(t, "clang", "clang libclang-rt-14-dev")
	if len(glob(t, "/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a")) == 0 {
		t.Skip("clang has no libFuzzer: apt-get install --no-install-recommends libclang-rt-14-dev")
	}
	seconds := os.Getenv("GOSIG_C_FUZZTIME")
	if _, err := strconv.Atoi(seconds); err != nil {
		seconds = "3"
	}
	program := compile(t, compiler, join([]string{
		"-std=c99", "-g", "-O1", "-I" + root, "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all", filepath.Join(root, "test", "fuzz.c"),
	}, sources(t))...)
	dir, _ := corpus(t)
	run(t, program, "-max_len=2000", "-max_total_time="+seconds, "-artifact_prefix="+t.TempDir()+"/", dir)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	return files
}

// TestSize: what the client takes of a Cortex-M3, in all and by its parts. The
// figures are in docs/benchmarks.md.
//
// The limits: 8 KB for what the line and the protocol need (link, envelopes, CBOR),
// 10.5 KB (10.75 for Cortex-M0) for all that a client can do, of which a linker leaves out what a firmware
// does not use; 4 KB of RAM.
func TestSize(t *testing.T) {
	t.Parallel()
	size := need(t, "arm-none-eabi-size", "binutils-arm-none-eabi")
	for _, cpu := range []string{"cortex-m3", "cortex-m0"} {
		flash := map[string]int{}
		all := 0
		for name, object := range forCortex(t, cpu) {
			text, data, bss := sections(t, run(t, size, object))
			assert.Zero(t, bss, "%s has variables of its own", name)
			flash[name] = text + data
			all += text + data
		}
		everything := program(t, need(t, "arm-none-eabi-gcc", "gcc-arm-none-eabi"),
			"-mcpu="+cpu, "-mthumb", "-Os", "-std=c99", "-I"+root, "-c", filepath.Join(root, "test", "everything.c"))
		_, _, ram := sections(t, run(t, size, everything)) // a client, and nothing else
		parts := flash["gosig_link"] + flash["gosig_session"] + flash["gosig_frame"] + flash["gosig_wire"] + flash["gosig_cbor"]
		t.Logf("%s: %d bytes of flash, of which link, envelopes and CBOR %d; %d bytes of RAM; %v", cpu, all, parts, ram, flash)
		assert.LessOrEqual(t, parts, 8<<10, "flash of link, envelopes and CBOR, %s", cpu)
		assert.LessOrEqual(t, all, map[string]int{"cortex-m3": 10<<10 + 512, "cortex-m0": 10<<10 + 768}[cpu], "flash of everything, %s", cpu)
		assert.LessOrEqual(t, ram, 4<<10, "RAM of a client, %s", cpu)
	}
}

var sizeLine = regexp.MustCompile(`(?m)^\s*(\d+)\s+(\d+)\s+(\d+)\s`)

// sections reads what "size" prints.
func sections(t *testing.T, out string) (text, data, bss int) {
	t.Helper()
	m := sizeLine.FindStringSubmatch(out)
	require.NotNil(t, m, out)
	for i, n := range []*int{&text, &data, &bss} {
		var err error
		*n, err = strconv.Atoi(m[1+i])
		require.NoError(t, err)
	}
	return text, data, bss
}

// readmeProgram is the first program that the page shows, as a file.
func readmeProgram(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	_, after, ok := strings.Cut(string(page), "```c\n#include \"gosig.h\"\n")
	require.True(t, ok)
	block, _, ok := strings.Cut(after, "```")
	require.True(t, ok)
	file := filepath.Join(t.TempDir(), "readme.c")
	require.NoError(t, os.WriteFile(file, []byte("#include \"gosig.h\"\n"+block), 0o600))
	return file
}

// TestReadme: what the page shows compiles, and the template for a vendor's library, as
// firmware too.
func TestReadme(t *testing.T) {
	t.Parallel()
	compile(t, host(t), join(warnings, []string{"-c", readmeProgram(t)})...)
	template := filepath.Join(root, "ports", "vendor", "gosig_vendor.c")
	for _, flag := range []string{"-DBOARD_HAS_NO_RANDOM", "-UBOARD_HAS_NO_RANDOM"} {
		compile(t, host(t), join(warnings, []string{flag, "-c", template})...)
		compile(t, need(t, "arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi"), join(warnings, []string{"-mcpu=cortex-m0", "-mthumb", flag, "-c", template})...)
	}
}
