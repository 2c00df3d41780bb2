package host

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestCPUCountsWhatWasBusySinceTheCallBefore(t *testing.T) {
	proc := fstest.MapFS{"stat": file("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1 1 1\n")}
	m := &Meter{proc: proc, now: time.Now}
	_, err := m.CPU()
	require.NoError(t, err)

	proc["stat"] = file("cpu  120 0 105 760 115 0 0 0 50 0\n")
	got, err := m.CPU()
	require.NoError(t, err)
	assert.Equal(t, 25.0, got.Percent, "25 of 100 ticks were neither idle nor iowait; guest is in user already")
	assert.Equal(t, SourceProc, got.Source)
}

func TestMemory(t *testing.T) {
	m := &Meter{proc: fstest.MapFS{"meminfo": file("MemTotal:  1000 kB\nMemFree: 100 kB\nMemAvailable:  250 kB\n")}}
	got, err := m.Memory()
	require.NoError(t, err)
	assert.Equal(t, Memory{
		UsedPercent: 75, UsedBytes: 750 * 1024, TotalBytes: 1000 * 1024, AvailableBytes: 250 * 1024, Source: SourceProc,
	}, got)

	m = &Meter{proc: fstest.MapFS{"meminfo": file("MemTotal:  1000 kB\nMemFree: 100 kB\n")}}
	got, err = m.Memory()
	require.NoError(t, err)
	assert.Equal(t, 90.0, got.UsedPercent, "a kernel without MemAvailable: MemFree")
}

func TestLoad(t *testing.T) {
	m := &Meter{proc: fstest.MapFS{"loadavg": file("0.20 0.18 0.12 1/80 11206\n")}}
	got, err := m.Load()
	require.NoError(t, err)
	assert.Equal(t, Load{One: 0.2, Five: 0.18, Fifteen: 0.12, Tasks: 80, Source: SourceProc}, got)
}

func TestNetSumsInterfacesAndTellsRates(t *testing.T) {
	const heading = "Inter-|   Receive      |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes packets\n"
	proc := fstest.MapFS{"net/dev": file(heading +
		"    lo: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n  eth0:  1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n")}
	clock := time.Unix(1000, 0)
	m := &Meter{proc: proc, now: func() time.Time { return clock }}
	got, err := m.Net()
	require.NoError(t, err)
	assert.Equal(t, Net{RxBytes: 1001, TxBytes: 2001, RxPackets: 11, TxPackets: 21, Interfaces: 2, Source: SourceProc}, got)

	clock = clock.Add(2 * time.Second)
	proc["net/dev"] = file(heading + "    lo: 3001 10 0 0 0 0 0 0 2001 20 0 0 0 0 0 0\n")
	got, err = m.Net()
	require.NoError(t, err)
	assert.Equal(t, 1000.0, got.RxBytesPerSecond)
	assert.Equal(t, 0.0, got.TxBytesPerSecond)
}

func TestKernelTellsRates(t *testing.T) {
	proc := fstest.MapFS{"stat": file("cpu 1 2 3 4\nctxt 1000\nbtime 5\nprocesses 10\n")}
	clock := time.Unix(1000, 0)
	m := &Meter{proc: proc, now: func() time.Time { return clock }}
	got, err := m.Kernel()
	require.NoError(t, err)
	assert.Equal(t, Kernel{Switches: 1000, Forks: 10, Source: SourceProc}, got)
	clock = clock.Add(2 * time.Second)
	proc["stat"] = file("ctxt 1500\nprocesses 16\n")
	got, err = m.Kernel()
	require.NoError(t, err)
	assert.Equal(t, Kernel{SwitchesPerSecond: 250, ForksPerSecond: 3, Switches: 1500, Forks: 16, Source: SourceProc}, got)
}

func TestSockets(t *testing.T) {
	m := &Meter{proc: fstest.MapFS{"net/sockstat": file("sockets: used 42\nTCP: inuse 5 orphan 0 tw 1\nUDP: inuse 2 mem 1\nRAW: inuse 0\n")}}
	got, err := m.Sockets()
	require.NoError(t, err)
	assert.Equal(t, Sockets{All: 42, TCP: 5, UDP: 2, Source: SourceProc}, got)
	m = &Meter{proc: fstest.MapFS{}}
	got, err = m.Sockets()
	require.NoError(t, err)
	assert.Contains(t, got.Source, "no sockstat")
}

func TestBrokenFilesAreErrorsNotNumbers(t *testing.T) {
	for _, row := range []struct{ name, file, text string }{
		{"empty stat", "stat", ""},
		{"words in stat", "stat", "cpu one two three four\n"},
		{"empty meminfo", "meminfo", ""},
		{"more available than there is", "meminfo", "MemTotal: 1 kB\nMemAvailable: 2 kB\n"},
		{"short loadavg", "loadavg", "0.1 0.2"},
		{"words in loadavg", "loadavg", "a b c d"},
		{"short net/dev", "net/dev", "lo: 1 2 3\n"},
		{"no ctxt in stat", "kernel", "cpu 1 2 3 4\nprocesses 1\n"},
		{"words in ctxt", "kernel", "ctxt many\nprocesses 1\n"},
		{"short sockstat", "net/sockstat", "sockets: used 3\nTCP: inuse 1\n"},
		{"words in sockstat", "net/sockstat", "sockets: used many\n"},
		{"empty uptime", "uptime", ""},
		{"words in net/dev", "net/dev", "lo: a 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := &Meter{proc: fstest.MapFS{row.file: file(row.text)}, now: time.Now}
			var err error
			switch row.file {
			case "stat":
				_, err = m.CPU()
			case "meminfo":
				_, err = m.Memory()
			case "loadavg":
				_, err = m.Load()
			case "kernel":
				m.proc = fstest.MapFS{"stat": file(row.text)}
				_, err = m.Kernel()
			case "net/sockstat":
				_, err = m.Sockets()
			case "uptime":
				_, err = m.Uptime()
			default:
				_, err = m.Net()
			}
			require.Error(t, err)
		})
	}
}

func TestWithoutProcTheSourceSaysSo(t *testing.T) {
	m := &Meter{now: time.Now}
	cpu, err := m.CPU()
	require.NoError(t, err)
	mem, err := m.Memory()
	require.NoError(t, err)
	load, err := m.Load()
	require.NoError(t, err)
	up, err := m.Uptime()
	require.NoError(t, err)
	assert.Equal(t, SourceRuntime, up.Source)
	assert.Positive(t, up.UpSeconds)
	kernel, err := m.Kernel()
	require.NoError(t, err)
	assert.Contains(t, kernel.Source, SourceRuntime)
	sockets, err := m.Sockets()
	require.NoError(t, err)
	assert.Contains(t, sockets.Source, SourceRuntime)
	assert.Equal(t, SourceRuntime, cpu.Source)
	assert.Equal(t, SourceRuntime, mem.Source)
	assert.Equal(t, SourceRuntime, load.Source)
	assert.Equal(t, SourceRuntime, m.Info().Source)
	assert.NotZero(t, mem.TotalBytes)
}

func TestThisHost(t *testing.T) {
	m := New()
	cpu, err := m.CPU()
	require.NoError(t, err)
	assert.GreaterOrEqual(t, cpu.Percent, 0.0)
	assert.LessOrEqual(t, cpu.Percent, 100.0)
	mem, err := m.Memory()
	require.NoError(t, err)
	assert.Greater(t, mem.TotalBytes, mem.AvailableBytes)
	_, err = m.Load()
	require.NoError(t, err)
	_, err = m.Net()
	require.NoError(t, err)
	_, err = m.Kernel()
	require.NoError(t, err)
	_, err = m.Sockets()
	require.NoError(t, err)
	up, err := m.Uptime()
	require.NoError(t, err)
	assert.Positive(t, up.UpSeconds)
	process, err := m.Process()
	require.NoError(t, err)
	assert.Positive(t, process.Goroutines)
	assert.Positive(t, process.HeapBytes)
	assert.NotZero(t, m.Info().Cores)
}
