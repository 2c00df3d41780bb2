package host

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strconv"
	"strings"
)

// Process says how large this process is.
type Process struct {
	Goroutines int    `json:"goroutines"`
	HeapBytes  uint64 `json:"heap_bytes"` // in use
	GCs        uint32 `json:"gcs"`        // garbage collections so far
	Source     string `json:"source"`
}

// Process measures this process; it never fails.
func (m *Meter) Process() (Process, error) {
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	return Process{runtime.NumGoroutine(), ms.HeapAlloc, ms.NumGC, SourceRuntime}, nil
}

// Sockets counts the sockets in use.
type Sockets struct {
	All    int    `json:"all"` // of every kind
	TCP    int    `json:"tcp"` // over IPv4, as is UDP
	UDP    int    `json:"udp"`
	Source string `json:"source"`
}

// Sockets measures the sockets. Where the system does not tell, nothing is known,
// and Source says so.
func (m *Meter) Sockets() (Sockets, error) {
	if m.proc == nil {
		return Sockets{Source: SourceRuntime + ": no sockets"}, nil
	}
	b, err := fs.ReadFile(m.proc, "net/sockstat")
	if errors.Is(err, fs.ErrNotExist) { // as in some containers
		return Sockets{Source: SourceProc + ": no sockstat"}, nil
	}
	if err != nil {
		return Sockets{}, fmt.Errorf("measure the sockets: %w", err)
	}
	return parseSockstat(string(b))
}

// parseSockstat reads lines like "sockets: used 42" and "TCP: inuse 5 orphan 0".
func parseSockstat(text string) (Sockets, error) {
	s := Sockets{Source: SourceProc}
	missing := 3
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		to := map[string]*int{"sockets: used": &s.All, "TCP: inuse": &s.TCP, "UDP: inuse": &s.UDP}[f[0]+" "+f[1]]
		if to == nil {
			continue
		}
		v, err := strconv.Atoi(f[2])
		if err != nil {
			return Sockets{}, fmt.Errorf("measure the sockets: /proc/net/sockstat says %q", line)
		}
		*to = v
		missing--
	}
	if missing > 0 {
		return Sockets{}, errors.New("measure the sockets: /proc/net/sockstat lacks one of sockets, TCP, UDP")
	}
	return s, nil
}
