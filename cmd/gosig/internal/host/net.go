package host

import (
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"strings"
)

// Net counts what went over all network interfaces together, the loopback
// included: in a container it is often the only one with traffic.
type Net struct {
	RxBytesPerSecond float64 `json:"rx_bytes_per_second"` // since the call before
	TxBytesPerSecond float64 `json:"tx_bytes_per_second"`
	RxBytes          uint64  `json:"rx_bytes"` // since the interfaces came up
	TxBytes          uint64  `json:"tx_bytes"`
	RxPackets        uint64  `json:"rx_packets"`
	TxPackets        uint64  `json:"tx_packets"`
	Interfaces       int     `json:"interfaces"`
	Source           string  `json:"source"`
}

// Net measures the network. Where there is no /proc only the number of
// interfaces is known, and Source says so.
func (m *Meter) Net() (Net, error) {
	if m.proc == nil {
		ifs, err := net.Interfaces()
		if err != nil {
			return Net{}, fmt.Errorf("measure the network: %w", err)
		}
		return Net{Interfaces: len(ifs), Source: SourceRuntime + ": interfaces only, no counters"}, nil
	}
	b, err := fs.ReadFile(m.proc, "net/dev")
	if err != nil {
		return Net{}, fmt.Errorf("measure the network: %w", err)
	}
	n, err := parseNetDev(string(b))
	if err != nil {
		return Net{}, err
	}
	return m.withRates(n), nil
}

func (m *Meter) withRates(n Net) Net {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if seconds := now.Sub(m.netRead).Seconds(); !m.netRead.IsZero() && seconds > 0 {
		n.RxBytesPerSecond = rate(m.net.RxBytes, n.RxBytes, seconds)
		n.TxBytesPerSecond = rate(m.net.TxBytes, n.TxBytes, seconds)
	}
	m.net, m.netRead = n, now
	return n
}

func rate(before, now uint64, seconds float64) float64 {
	if now < before {
		return 0 // an interface has gone, and its counters with it
	}
	return round(float64(now-before)/seconds, 0)
}

// parseNetDev reads /proc/net/dev: two lines of heading, then for each
// interface "name: 8 numbers received, 8 numbers sent", bytes and packets
// being the first two of each.
func parseNetDev(text string) (Net, error) {
	n := Net{Source: SourceProc}
	for line := range strings.Lines(text) {
		name, rest, found := strings.Cut(line, ":")
		if !found {
			continue // heading
		}
		f := strings.Fields(rest)
		if len(f) < 16 {
			return Net{}, fmt.Errorf("measure the network: /proc/net/dev: %q has %d numbers, not 16", strings.TrimSpace(name), len(f))
		}
		for i, sum := range map[int]*uint64{0: &n.RxBytes, 1: &n.RxPackets, 8: &n.TxBytes, 9: &n.TxPackets} {
			v, err := strconv.ParseUint(f[i], 10, 64)
			if err != nil {
				return Net{}, fmt.Errorf("measure the network: /proc/net/dev: %w", err)
			}
			*sum += v
		}
		n.Interfaces++
	}
	return n, nil
}
