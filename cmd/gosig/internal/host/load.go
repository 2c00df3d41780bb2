package host

import (
	"fmt"
	"io/fs"
	"runtime"
	"strconv"
	"strings"
)

// Load says how many tasks want to run.
type Load struct {
	One     float64 `json:"one"` // averages over 1, 5 and 15 minutes; 0 where the system has none
	Five    float64 `json:"five"`
	Fifteen float64 `json:"fifteen"`
	Tasks   int     `json:"tasks"` // threads of the machine, or goroutines of this process
	Source  string  `json:"source"`
}

// Load measures the load.
func (m *Meter) Load() (Load, error) {
	if m.proc == nil {
		return Load{Tasks: runtime.NumGoroutine(), Source: SourceRuntime}, nil
	}
	b, err := fs.ReadFile(m.proc, "loadavg")
	if err != nil {
		return Load{}, fmt.Errorf("measure the load: %w", err)
	}
	return parseLoadavg(string(b))
}

// parseLoadavg reads "0.20 0.18 0.12 1/80 11206".
func parseLoadavg(text string) (Load, error) {
	fields := strings.Fields(text)
	bad := func() (Load, error) {
		return Load{}, fmt.Errorf("measure the load: /proc/loadavg says %q", text)
	}
	if len(fields) < 4 {
		return bad()
	}
	var avg [3]float64
	for i := range avg {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return bad()
		}
		avg[i] = v
	}
	_, all, _ := strings.Cut(fields[3], "/")
	tasks, err := strconv.Atoi(all)
	if err != nil {
		return bad()
	}
	return Load{One: avg[0], Five: avg[1], Fifteen: avg[2], Tasks: tasks, Source: SourceProc}, nil
}

// parseUptime reads "350735.47 234388.90"; 0 when it cannot.
func parseUptime(text string) float64 {
	first, _, _ := strings.Cut(text, " ")
	v, err := strconv.ParseFloat(strings.TrimSpace(first), 64)
	if err != nil {
		return 0
	}
	return v
}
