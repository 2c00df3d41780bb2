//go:build !race

package link_test

import (
	"testing"
	"time"

	"github.com/gosig/gosig/carrier/serial/link"
)

// TestAllocs: whatever comes, a machine allocates nothing after New.
func TestAllocs(t *testing.T) {
	garbage := randomBytes(1<<20, 3)
	m := opened(t, link.Options{})
	buf, msg := make([]byte, 0, m.FrameSize()), make([]byte, 0, 4096)
	now := time.Duration(0)
	allocs := testing.AllocsPerRun(5, func() {
		for p := garbage; len(p) > 0; p = p[m.Input(now, p):] {
			m.Event()
		}
		for range 50 {
			now += 100 * time.Millisecond
			_ = m.Send(msg[:100])
			_ = m.SendDatagram(msg[:100])
			m.Output(now, buf)
			m.Receive(msg)
			m.Datagram(msg)
			m.Event()
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations in a run, want none", allocs)
	}
}
