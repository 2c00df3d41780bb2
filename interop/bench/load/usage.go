package load

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Usage is what this process has used so far.
type Usage struct {
	At     time.Time
	CPU    time.Duration // in user and system mode
	Allocs uint64        // objects on the heap
	Calls  uint64        // reads and writes; 0 where the system does not say
}

// Used returns what this process has used.
func Used() Usage {
	u := Usage{Allocs: allocated(), Calls: transfers(), At: time.Now()}
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) == nil {
		u.CPU = time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	}
	return u
}

// Share is what was used between two points for each of rate operations a
// second, under the names of a process.
func Share(from, to Usage, rate float64, names [3]string) Measured {
	ops := rate * to.At.Sub(from.At).Seconds()
	if ops <= 0 {
		return nil
	}
	m := Measured{
		names[0]: float64(to.CPU-from.CPU) / ops,
		names[1]: float64(to.Allocs-from.Allocs) / ops,
	}
	if to.Calls > 0 {
		m[names[2]] = float64(to.Calls-from.Calls) / ops
	}
	return m
}

// Names of what a process uses, for [Share].
var (
	OfLoad   = [3]string{LoadCPU, LoadAllocs, LoadCalls}
	OfServer = [3]string{ServerCPU, ServerAllocs, ServerCalls}
)

func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}

// transfers counts the system calls that read or write.
func transfers() (n uint64) {
	data, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if v, err := strconv.ParseUint(value, 10, 64); err == nil && (key == "syscr" || key == "syscw") {
			n += v
		}
	}
	return n
}

// Footprint is what a process occupies after a collection.
type Footprint struct {
	RSS        uint64 // resident bytes; 0 where the system does not say
	Heap       uint64 // live heap and stacks; without a collection, live heap at the last one
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

// Occupies is what this process occupies, without a collection.
func Occupies() Footprint {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	f := Footprint{RSS: resident(), Goroutines: runtime.NumGoroutine()}
	if sample[0].Value.Kind() == metrics.KindUint64 {
		f.Heap = sample[0].Value.Uint64()
	}
	return f
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
