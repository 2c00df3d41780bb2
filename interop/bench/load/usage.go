package load

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// CPU is the processor time this process has used, in user and system mode.
func CPU() time.Duration {
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// Footprint is what a process occupies after a collection.
type Footprint struct {
	RSS        uint64 // resident bytes; 0 where the system does not say
	Heap       uint64 // live heap and stacks
	Goroutines int
}

// Occupied collects garbage and returns what this process occupies.
func Occupied() Footprint {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Footprint{RSS: resident(), Heap: m.HeapInuse + m.StackInuse, Goroutines: runtime.NumGoroutine()}
}

func resident() uint64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}
