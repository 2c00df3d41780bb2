package linesim

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Port is a serial port that a program can open by its path, and the wire that
// leads away from it: what the program writes is read here, and the other way
// round. It is a pseudo-terminal, which keeps no time: attach it to a [Line].
//
// While no program has the port open, what is written to it gets lost, as at a
// UART that nobody listens to. Read and Write wait, or lose, while the port is
// unplugged.
type Port struct {
	path string // of the link; "": the terminal's own
	done chan struct{}

	mu     sync.Mutex
	master *os.File // nil while unplugged
	name   string   // /dev/pts/N
	plug   chan struct{}
	closed bool
}

// NewPort returns a port. Its path is a symbolic link that stays the same when
// the port is unplugged and comes back; "" for a port whose path is the
// terminal's own, which may then change. It needs Linux.
func NewPort(path string) (*Port, error) {
	p := &Port{path: path, done: make(chan struct{}), plug: make(chan struct{})}
	if err := p.Plug(); err != nil {
		return nil, err
	}
	return p, nil
}

// Path is what a program opens.
func (p *Port) Path() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.path != "" {
		return p.path
	}
	return p.name
}

// Unplug takes the port away, as when a USB adapter is pulled out: its path is
// gone, and who has it open can only close it.
func (p *Port) Unplug() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unplug()
}

func (p *Port) unplug() {
	if p.master == nil {
		return
	}
	if p.path != "" {
		_ = os.Remove(p.path) // somebody else may have removed it
	}
	_ = p.master.Close() // whoever reads or writes is told
	p.master = nil
}

// Plug brings the port back.
func (p *Port) Plug() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return os.ErrClosed
	}
	if p.master != nil {
		return nil
	}
	master, name, err := OpenPTY()
	if err != nil {
		return err
	}
	if p.path != "" {
		if err := os.Symlink(name, filepath.Clean(p.path)); err != nil {
			return errors.Join(err, master.Close())
		}
	}
	p.master, p.name = master, name
	close(p.plug)
	p.plug = make(chan struct{})
	return nil
}

// Close takes the port away for good. It is safe to call again.
func (p *Port) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unplug()
	if !p.closed {
		p.closed = true
		close(p.done)
	}
	return nil
}

// Read returns what a program has written to the port, and waits for it.
func (p *Port) Read(buf []byte) (int, error) {
	for {
		master, plugged, err := p.current()
		if err != nil {
			return 0, io.EOF
		}
		if master != nil {
			if n, err := master.Read(buf); err == nil && n > 0 {
				return n, nil
			}
			// Nobody has it open, or it was unplugged.
			plugged = nil
		}
		if !p.wait(plugged) {
			return 0, io.EOF
		}
	}
}

// Write gives bytes to the program that has the port open; without one they get
// lost. It waits for room.
func (p *Port) Write(b []byte) (int, error) {
	master, _, err := p.current()
	if err != nil {
		return 0, err
	}
	if master == nil || hungUp(master) {
		return len(b), nil
	}
	if n, err := master.Write(b); err != nil && n < len(b) {
		return len(b), nil // it was unplugged, and they with it
	}
	return len(b), nil
}

// Baud returns the speed to which a program has set the port; 0 if it is not
// known.
func (p *Port) Baud() int {
	master, _, err := p.current()
	if err != nil || master == nil {
		return 0
	}
	return speedOf(master)
}

// Unsent returns how many bytes a program has written to the port that have not left
// it: a UART's send buffer.
func (p *Port) Unsent() int {
	master, _, err := p.current()
	if err != nil || master == nil {
		return 0
	}
	return unread(master)
}

// current returns the terminal, or what tells when there is one.
func (p *Port) current() (*os.File, <-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, os.ErrClosed
	}
	return p.master, p.plug, nil
}

// reopenEvery is how often a port is looked at that no program has open.
const reopenEvery = 5 * time.Millisecond

// wait waits for plugged, or a little if that is nil; it reports false when the
// port was closed.
func (p *Port) wait(plugged <-chan struct{}) bool {
	var timeout <-chan time.Time
	if plugged == nil {
		timer := time.NewTimer(reopenEvery)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-plugged:
	case <-timeout:
	case <-p.done:
		return false
	}
	return true
}
