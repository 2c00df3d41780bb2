package host

import (
	"fmt"
	"io/fs"
	"math"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
)

// CPU says how busy the processors were since the call before.
type CPU struct {
	Percent float64 `json:"percent"` // of all cores together, 0..100
	Cores   int     `json:"cores"`
	Source  string  `json:"source"`
}

// cpuTimes are counters that only grow; the unit does not matter.
type cpuTimes struct{ busy, total float64 }

// CPU measures the processors.
func (m *Meter) CPU() (CPU, error) {
	now, source, err := m.cpuTimes()
	if err != nil {
		return CPU{}, err
	}
	m.mu.Lock()
	before := m.cpu
	m.cpu = now
	m.mu.Unlock()
	return CPU{Percent: percentBusy(before, now), Cores: runtime.NumCPU(), Source: source}, nil
}

func (m *Meter) cpuTimes() (cpuTimes, string, error) {
	if m.proc == nil {
		return runtimeCPU(), SourceRuntime, nil
	}
	b, err := fs.ReadFile(m.proc, "stat")
	if err != nil {
		return cpuTimes{}, "", fmt.Errorf("measure the processors: %w", err)
	}
	t, err := parseStat(string(b))
	return t, SourceProc, err
}

func percentBusy(before, now cpuTimes) float64 {
	total, busy := now.total-before.total, now.busy-before.busy
	if total <= 0 || busy < 0 {
		return 0 // counters of a guest can step back
	}
	return round(100*busy/total, 1)
}

// parseStat reads the first line of /proc/stat:
//
//	cpu  user nice system idle iowait irq softirq steal guest guest_nice
//
// guest times are contained in user and nice already.
func parseStat(text string) (cpuTimes, error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 5 || fields[0] != "cpu" {
		return cpuTimes{}, fmt.Errorf("measure the processors: /proc/stat begins with %q", line)
	}
	var t cpuTimes
	for i, f := range fields[1:] {
		v, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return cpuTimes{}, fmt.Errorf("measure the processors: /proc/stat: %w", err)
		}
		if i >= 8 {
			break
		}
		t.total += float64(v)
		if i != 3 && i != 4 { // idle, iowait
			t.busy += float64(v)
		}
	}
	return t, nil
}

// runtimeCPU asks the Go runtime how much processor time this process used.
func runtimeCPU() cpuTimes {
	samples := []metrics.Sample{{Name: "/cpu/classes/total:cpu-seconds"}, {Name: "/cpu/classes/idle:cpu-seconds"}}
	runtime.GC() // the runtime brings these counters up to date with each collection
	metrics.Read(samples)
	total, idle := samples[0].Value, samples[1].Value
	if total.Kind() != metrics.KindFloat64 || idle.Kind() != metrics.KindFloat64 {
		return cpuTimes{}
	}
	return cpuTimes{busy: total.Float64() - idle.Float64(), total: total.Float64()}
}

// round keeps so many decimals: more would claim a precision nobody measured.
func round(v float64, decimals int) float64 {
	p := math.Pow10(decimals)
	return math.Round(v*p) / p
}
