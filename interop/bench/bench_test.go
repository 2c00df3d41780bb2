package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/interop/bench/load"
	"github.com/gosig/gosig/interop/bench/peer"
)

// TestMain lets the test binary stand in for the program that starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 {
		if is, err := runChild(os.Args[1]); is {
			exit(err)
		}
	}
	os.Exit(m.Run())
}

func TestTinyRun(t *testing.T) {
	folder := t.TempDir()
	var out bytes.Buffer
	err := bench([]string{
		"--only", "^(pubsub-16B-1to1|pubsub-1KiB-1to10-mixed|tls-16B-1to1|request-1|inproc-emit-1)$",
		"--systems", "gosig,nats,floor", "--reps", "2", "--measure", "100ms", "--warm", "50ms",
		"--json", filepath.Join(folder, "a.json"), "--markdown", filepath.Join(folder, "a.md"), "--profile", filepath.Join(folder, "p"),
	}, &out)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, name := range []string{
		"pubsub-16B-1to1-vs-nats", "pubsub-16B-1to1-server-cpu-vs-floor", "pubsub-1KiB-1to10-mixed-vs-nats",
		"tls-16B-1to1-vs-floor", "request-1-p50-vs-nats", "inproc-typed-emit-1-vs-loop",
	} {
		assert.Contains(t, out.String(), "ratio "+name+" ")
	}
	assert.True(t, strings.HasPrefix(lines[len(lines)-1], "ratio "), "the last lines are ratios: %q", lines[len(lines)-1])
	for _, name := range []string{"a.json", "a.md", "p/request-1-gosig-server.pprof", "p/request-1-gosig-load.pprof"} {
		info, err := os.Stat(filepath.Join(folder, name))
		if assert.NoError(t, err) {
			assert.Positive(t, info.Size(), name)
		}
	}
}

func TestIdleRun(t *testing.T) {
	s := idle(50, true)
	s.systems = []string{"gosig", "nats"}
	o := options{repetitions: 1, measure: time.Millisecond}
	res, err := o.measureAll([]scenario{s})
	require.NoError(t, err)
	for _, system := range s.systems {
		require.NotNil(t, res.Cell(s.name, system))
		assert.Empty(t, res.Cell(s.name, system).Errors)
		assert.Positive(t, res.Cell(s.name, system).Values(load.Goroutines)[0], "goroutines a connection of %s", system)
	}
}

// TestSteadyRun: a router's memory stays as it is while signals flow. In so short a run
// a few buffers more double its heap; to keep what passes would take far more.
func TestSteadyRun(t *testing.T) {
	s := steadily()
	s.slower = 30
	o := options{repetitions: 1, measure: 100 * time.Millisecond, warm: 100 * time.Millisecond}
	res, err := o.measureAll([]scenario{s})
	require.NoError(t, err)
	cell := res.Cell(s.name, ours)
	require.NotNil(t, cell)
	require.Empty(t, cell.Errors)
	assert.Less(t, cell.Values(load.RSSGrowth)[0], 1.5)
	assert.Less(t, cell.Values(load.HeapGrowth)[0], 3.0)
	assert.Positive(t, cell.Values(load.Rate)[0])

	o, err = parse(nil)
	require.NoError(t, err)
	for _, s := range o.chosen() {
		assert.False(t, s.asked, "%s takes minutes", s.name)
	}
}

func TestNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range scenarios() {
		assert.False(t, seen[s.name], "two scenarios are called %s", s.name)
		seen[s.name] = true
		for _, system := range s.systems {
			if _, err := peer.Find(system); !s.inproc {
				assert.NoError(t, err, s.name)
			}
		}
	}
	for name := range quickSystems {
		assert.True(t, seen[name], "--quick has %s, which does not exist", name)
	}
	ratios := make(map[string]bool)
	for _, c := range comparisons(scenarios()) {
		assert.False(t, ratios[c.Name], "two ratios are called %s", c.Name)
		ratios[c.Name] = true
	}
	for name := range goals {
		assert.True(t, ratios[name], "the goal of %s is compared with nothing", name)
	}
}

func TestQuickHasTheRatiosOthersLookFor(t *testing.T) {
	ratios := make(map[string]bool)
	for _, c := range comparisons(quickOnes(scenarios())) {
		ratios[c.Name] = true
	}
	for _, name := range []string{
		"pubsub-16B-1to1-vs-nats", "pubsub-16B-1to1-vs-floor", "pubsub-1KiB-1to1-vs-nats", "pubsub-16B-1to10-vs-nats",
		"request-64-vs-nats", "request-1-p50-vs-nats", "request-1-p50-vs-grpc", "inproc-typed-emit-1-vs-loop",
	} {
		assert.True(t, ratios[name], name)
	}
}

func TestFlags(t *testing.T) {
	o, err := parse([]string{"--quick"})
	require.NoError(t, err)
	total := time.Duration(0)
	for _, s := range o.chosen() {
		if !s.inproc {
			total += time.Duration(o.repetitions*len(s.systems)) * (o.measure + o.warm)
		}
	}
	assert.Less(t, total, 40*time.Second, "--quick has to end within 50 s")
	_, err = parse([]string{"--only", "("})
	assert.ErrorContains(t, err, "--only")
	o, err = parse([]string{"--systems", "nats", "--only", "^request-64$"})
	require.NoError(t, err)
	require.Len(t, o.chosen(), 1)
	assert.Equal(t, []string{"nats"}, o.chosen()[0].systems)
	var out bytes.Buffer
	require.NoError(t, bench([]string{"--list", "--quick"}, &out))
	assert.Contains(t, out.String(), "request-1: gosig nats floor grpc\n")
	assert.Error(t, bench([]string{"--only", "nothing at all"}, &out))
}

func TestFailuresAreReported(t *testing.T) {
	s := requests(2)
	s.systems = []string{"mochi"} // answers no requests
	res, err := options{repetitions: 1, measure: time.Millisecond}.measureAll([]scenario{s})
	require.NoError(t, err)
	assert.ErrorContains(t, res.Failed(), "request-2, mochi: ")
}

func TestStayAwakeEnds(t *testing.T) {
	p, err := start(childAwake)
	require.NoError(t, err)
	p.stop()
	assert.True(t, p.cmd.ProcessState.Success(), p.cmd.ProcessState.String())
}
