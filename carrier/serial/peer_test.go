package serial_test

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/link"
)

// peer is the other end, driven by hand: for what this package would not send.
type peer struct {
	t     testing.TB
	m     *link.Machine
	port  io.ReadWriteCloser
	in    chan []byte
	start time.Time
	lost  bool
}

// newPeer returns a peer that has a session.
func newPeer(t *testing.T, d *desk, path string) *peer {
	t.Helper()
	port, err := d.open(t.Context(), serial.Line{Path: path})
	require.NoError(t, err)
	p := &peer{t: t, m: link.New(&link.Options{Nonce: 77, Role: link.RoleDial}), port: port, in: make(chan []byte, 100), start: time.Now()}
	beside(t, port, func() {
		for {
			buf := make([]byte, 4096)
			n, err := port.Read(buf)
			if err != nil {
				return
			}
			p.in <- buf[:n]
		}
	})
	for range 100 {
		p.run(10 * time.Millisecond)
		if _, open := p.m.Open(); open {
			return p
		}
	}
	t.Fatal("no session")
	return nil
}

// turn takes what has come and says what there is to say.
func (p *peer) turn() {
	for {
		select {
		case b := <-p.in:
			for len(b) > 0 {
				b = b[p.m.Input(time.Since(p.start), b):]
				p.take()
			}
			continue
		default:
		}
		p.take()
		out := p.m.Output(time.Since(p.start), nil)
		if len(out) == 0 {
			return
		}
		if _, err := p.port.Write(out); err != nil {
			return
		}
	}
}

func (p *peer) take() {
	for whole := true; whole; {
		_, whole = p.m.Receive(nil)
	}
	if ev, ok := p.m.Event(); ok && ev.Kind == link.Lost {
		p.lost = true
	}
}

// run does so for a while.
func (p *peer) run(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Millisecond) {
		p.turn()
	}
}
