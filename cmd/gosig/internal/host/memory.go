package host

import (
	"fmt"
	"io/fs"
	"runtime"
	"strconv"
	"strings"
)

// Memory says how much memory there is and how much of it is in use.
type Memory struct {
	UsedPercent    float64 `json:"used_percent"`
	UsedBytes      uint64  `json:"used_bytes"`
	TotalBytes     uint64  `json:"total_bytes"`
	AvailableBytes uint64  `json:"available_bytes"`
	Source         string  `json:"source"`
}

// Memory measures the memory.
func (m *Meter) Memory() (Memory, error) {
	if m.proc == nil {
		return runtimeMemory(), nil
	}
	b, err := fs.ReadFile(m.proc, "meminfo")
	if err != nil {
		return Memory{}, fmt.Errorf("measure the memory: %w", err)
	}
	return parseMeminfo(string(b))
}

// parseMeminfo reads lines like "MemTotal:  8039884 kB". MemAvailable is
// missing from kernels before 3.14; MemFree is the nearest to it there.
func parseMeminfo(text string) (Memory, error) {
	kB := map[string]uint64{}
	for line := range strings.Lines(text) {
		key, rest, _ := strings.Cut(line, ":")
		if fields := strings.Fields(rest); len(fields) > 0 {
			if v, err := strconv.ParseUint(fields[0], 10, 64); err == nil {
				kB[key] = v
			}
		}
	}
	available, ok := kB["MemAvailable"]
	if !ok {
		available = kB["MemFree"]
	}
	if kB["MemTotal"] == 0 || available > kB["MemTotal"] {
		return Memory{}, fmt.Errorf("measure the memory: /proc/meminfo without a usable MemTotal")
	}
	mem := newMemory(kB["MemTotal"]*1024, available*1024)
	mem.Source = SourceProc
	return mem, nil
}

// runtimeMemory is what this process obtained from the system, and how much of
// that it does not use at present.
func runtimeMemory() Memory {
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	mem := newMemory(ms.Sys, min(ms.Sys, ms.HeapIdle))
	mem.Source = SourceRuntime
	return mem
}

func newMemory(total, available uint64) Memory {
	used := total - available
	return Memory{
		TotalBytes: total, AvailableBytes: available, UsedBytes: used,
		UsedPercent: round(100*float64(used)/float64(total), 1),
	}
}
