// Package host measures the machine it runs on: processor, memory, load, network,
// kernel and sockets, as the system itself counts them.
//
// On Linux the numbers are read from /proc and describe the whole machine. On
// other systems they come from the Go runtime and describe this process only.
// Every measurement carries a Source that says which of the two it is, so
// that nobody takes one for the other.
//
//	m := host.New()
//	cpu, err := m.CPU()
//	fmt.Println(cpu.Percent, cpu.Source)
package host

import (
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Where a measurement comes from.
const (
	SourceProc    = "/proc"                 // the kernel's counters: the whole machine
	SourceRuntime = "runtime, this process" // Go's own counters: this process only
)

// Meter measures this host. Rates and percentages are those since the call
// before, so that two users of one Meter would disturb each other: each takes
// its own. A Meter is safe for concurrent use.
type Meter struct {
	proc fs.FS            // nil where there is no /proc
	now  func() time.Time // a test's own clock

	mu      sync.Mutex
	cpu     cpuTimes
	net     Net
	netRead time.Time

	kernel     Kernel
	kernelRead time.Time
}

// New returns a Meter for this host.
func New() *Meter {
	m := &Meter{now: time.Now}
	if _, err := os.Stat("/proc/stat"); err == nil {
		m.proc = os.DirFS("/proc")
	}
	// The first call has something to compare with; what fails here fails
	// again there and is returned there.
	_, _ = m.CPU()
	_, _ = m.Net()
	_, _ = m.Kernel()
	return m
}

// Info describes the machine itself.
type Info struct {
	Host          string  `json:"host"`
	OS            string  `json:"os"`
	Arch          string  `json:"arch"`
	Kernel        string  `json:"kernel,omitempty"`
	Cores         int     `json:"cores"`
	Go            string  `json:"go"`
	UptimeSeconds float64 `json:"uptime_seconds,omitempty"`
	Source        string  `json:"source"`
}

// Info returns what does not change, or hardly, and how long the machine has
// been up where the system tells.
func (m *Meter) Info() Info {
	name, _ := os.Hostname() // an unknown name stays empty
	in := Info{
		Host: name, OS: runtime.GOOS, Arch: runtime.GOARCH,
		Cores: runtime.NumCPU(), Go: runtime.Version(), Source: SourceRuntime,
	}
	if m.proc == nil {
		return in
	}
	in.Source = SourceProc
	if b, err := fs.ReadFile(m.proc, "sys/kernel/osrelease"); err == nil {
		in.Kernel = strings.TrimSpace(string(b))
	}
	if b, err := fs.ReadFile(m.proc, "uptime"); err == nil {
		in.UptimeSeconds = parseUptime(string(b))
	}
	return in
}
