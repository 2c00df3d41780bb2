package host

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// Kernel says how often the kernel changed from one task to another, and how
// many tasks were started.
type Kernel struct {
	SwitchesPerSecond float64 `json:"switches_per_second"` // since the call before
	ForksPerSecond    float64 `json:"forks_per_second"`
	Switches          uint64  `json:"switches"` // since the machine started
	Forks             uint64  `json:"forks"`
	Source            string  `json:"source"`
}

// Kernel measures the kernel. Where there is no /proc nothing is known, and
// Source says so.
func (m *Meter) Kernel() (Kernel, error) {
	if m.proc == nil {
		return Kernel{Source: SourceRuntime + ": no counters of the kernel"}, nil
	}
	b, err := fs.ReadFile(m.proc, "stat")
	if err != nil {
		return Kernel{}, fmt.Errorf("measure the kernel: %w", err)
	}
	k, err := parseKernel(string(b))
	if err != nil {
		return Kernel{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if seconds := now.Sub(m.kernelRead).Seconds(); !m.kernelRead.IsZero() && seconds > 0 {
		k.SwitchesPerSecond = rate(m.kernel.Switches, k.Switches, seconds)
		k.ForksPerSecond = rate(m.kernel.Forks, k.Forks, seconds)
	}
	m.kernel, m.kernelRead = k, now
	return k, nil
}

// parseKernel reads the lines "ctxt 1990473" and "processes 2915" of /proc/stat.
func parseKernel(text string) (Kernel, error) {
	k := Kernel{Source: SourceProc}
	missing := 2
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		to := map[string]*uint64{"ctxt": &k.Switches, "processes": &k.Forks}[name]
		if to == nil {
			continue
		}
		v, err := strconv.ParseUint(rest, 10, 64)
		if err != nil {
			return Kernel{}, fmt.Errorf("measure the kernel: /proc/stat says %q", line)
		}
		*to = v
		missing--
	}
	if missing > 0 {
		return Kernel{}, fmt.Errorf("measure the kernel: /proc/stat without ctxt or processes")
	}
	return k, nil
}

// Uptime says how long the machine has been up.
type Uptime struct {
	UpSeconds float64 `json:"up_seconds"`
	Source    string  `json:"source"`
}

// started is when this process began, for systems that tell no more.
var started = time.Now()

// Uptime measures the time since the machine, or else this process, was started.
func (m *Meter) Uptime() (Uptime, error) {
	if m.proc == nil {
		return Uptime{UpSeconds: m.now().Sub(started).Seconds(), Source: SourceRuntime}, nil
	}
	b, err := fs.ReadFile(m.proc, "uptime")
	if err != nil {
		return Uptime{}, fmt.Errorf("measure the uptime: %w", err)
	}
	up := parseUptime(string(b))
	if up <= 0 {
		return Uptime{}, fmt.Errorf("measure the uptime: /proc/uptime says %q", b)
	}
	return Uptime{UpSeconds: up, Source: SourceProc}, nil
}
