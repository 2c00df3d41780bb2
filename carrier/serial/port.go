package serial

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial/link"
)

// port is an open port and the link on it. Two goroutines serve it: one reads,
// the other asks the link what to write and sleeps until it has something to say.
// Both, and the calls of a conn, use the link under the port's lock.
//
//	read:  port --> Machine.Input --> Machine.Receive --> inbox of the conn
//	drive: Machine.Output --> port, Machine.Deadline --> sleep
//
// For whoever listens a port has one conn after another; for whoever dials it has
// one, which is there from the beginning.
type port struct {
	set  *settings
	rwc  io.ReadWriteCloser
	role link.Role
	once bool // for one session: it was dialled
	host host

	longest int // bytes of a frame
	enough  int // room for a Send that waits for some

	start time.Time
	kick  chan struct{} // capacity 1: drive is to look again; never closed
	over  chan struct{} // closed by finish

	mu       sync.Mutex
	m        *link.Machine
	conn     *conn         // of the session that is open, or of whoever dials
	linger   *linger       // conn was closed, and what it has sent is still going out
	retired  bool          // there is no further session
	lastWord bool          // the link has something to say before it is closed
	finished bool          // finish was called
	err      error         // why; nil if all is well
	wake     time.Duration // when drive looks again without a kick
	garbled  bool          // it was said that no frame is valid
	sessions int
}

// host is whoever has the port open. It is called with the port's lock held.
type host interface {
	// opened returns an open conn for a session that has begun, nil if it is
	// not wanted.
	opened(p *port, peer link.Peer) *conn
	// refused is told that there is a peer with which no session is possible.
	refused(p *port, ev link.Event)
	// garbled is told that bytes come of which no frame is valid, and what they
	// look like.
	garbled(found string)
}

// linger is the time in which what a closed conn has sent is acknowledged.
type linger struct {
	ends  time.Duration // at the latest
	quiet time.Duration // if nothing is acknowledged before
	room  int           // in the link's buffer: grows when something is
	told  bool          // the link is closed, and its last frame may be on its way
}

const (
	lingerAtMost = 10 * time.Second
	lingerQuiet  = 500 * time.Millisecond
	forever      = time.Duration(1) << 62 // more than any deadline but none
	garbledAfter = 1000                   // bytes without a valid frame
	chattyAfter  = 10000                  // bytes of text: a device may say much while it starts
	roomEnough   = 128                    // bytes for which a Send is woken, or less in a small buffer
)

func newPort(s *settings, rwc io.ReadWriteCloser, role link.Role, h host) *port {
	p := &port{
		set: s, rwc: rwc, role: role, host: h, start: time.Now(),
		kick: make(chan struct{}, 1), over: make(chan struct{}),
		m: link.New(s.linkOptions(role, rand.Uint32())),
	}
	p.longest, p.enough = p.m.FrameSize(), min(roomEnough, p.m.Room()/4)
	return p
}

func (p *port) now() time.Duration { return time.Since(p.start) }

// run serves the port until it fails or is retired, and closes it.
func (p *port) run() error {
	var wg sync.WaitGroup
	wg.Go(p.read)  // until the port is closed
	wg.Go(p.drive) // until over
	<-p.over
	ended := make(chan struct{})
	go func() { // ends when the port lets go of it
		_ = p.rwc.Close() // it has failed, or nobody needs it any more
		wg.Wait()
		close(ended)
	}()
	patience := time.NewTimer(closeWait)
	defer patience.Stop()
	select {
	case <-ended:
	case <-patience.C:
		return errors.Join(p.err, fmt.Errorf("the port does not close within %v: it is left alone", closeWait))
	}
	return p.err
}

// finish ends everything on the port. nil says that nothing is wrong.
func (p *port) finish(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished {
		return
	}
	p.finished, p.err = true, err
	if err == nil {
		err = net.ErrClosed
	}
	if p.conn != nil {
		p.take(true)
		p.endConn(err)
	}
	close(p.over)
}

// retire lets the port end when it has no conn any more. It reports whether it
// has one.
func (p *port) retire() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
	p.poke()
	return p.conn != nil && !p.finished
}

// poke makes drive look again.
func (p *port) poke() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// read gives the link what comes, until the port fails or is closed.
func (p *port) read() {
	buf := make([]byte, 4096)
	for {
		begun := time.Now()
		n, err := p.rwc.Read(buf)
		if n > 0 {
			p.input(buf[:n])
		}
		var timeout interface{ Timeout() bool }
		switch {
		case err == nil && n > 0:
		case err == nil, errors.As(err, &timeout) && timeout.Timeout() && !errors.Is(err, os.ErrClosed):
			if !p.pause(begun) {
				return
			}
		default:
			p.finish(explainGone(err))
			return
		}
	}
}

// pause keeps a port whose Read returns at once with nothing from taking all of a
// processor; it reports false when the port is over.
func (p *port) pause(begun time.Time) bool {
	const least = 10 * time.Millisecond
	wait := least - time.Since(begun)
	if wait < 0 {
		wait = 0
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.over:
		return false
	}
}

func (p *port) input(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for len(b) > 0 && !p.finished {
		n := p.m.Input(now, b)
		p.settle()
		b = b[n:]
	}
	if s := p.m.Stats(); !p.garbled && s.FramesIn == 0 && (s.BytesIn-s.Text > garbledAfter || s.Text > chattyAfter) {
		p.garbled = true
		p.host.garbled(p.found())
	}
	p.look(now)
}

// look wakes drive if the link has something to say earlier than was known, or
// what a closed conn has sent has arrived.
func (p *port) look(now time.Duration) {
	if p.m.Deadline(now) < p.wake || p.linger != nil && p.m.Idle() {
		p.poke()
	}
}

// settle takes out of the link what it has for this side.
func (p *port) settle() {
	for {
		p.take(p.m.Waits()) // with an event that tells of the end goes what is still there
		p.takeDatagrams()
		ev, ok := p.m.Event()
		if !ok {
			break
		}
		p.handle(ev)
	}
	if took, ok := p.m.Pong(); ok && p.conn != nil {
		select {
		case p.conn.pong <- took:
		default: // nobody has taken the one before
		}
	}
	if c := p.conn; c != nil && c.wants && p.m.Room() >= p.enough {
		c.wants = false
		signal(c.room)
	}
}

// take fills the inbox of the conn. With all it takes everything, since what is left
// would be lost.
func (p *port) take(all bool) {
	c := p.conn
	switch {
	case c == nil:
	case c.closed:
		c.in.discard(p.m)
	default:
		news, err := c.in.take(p.m, all)
		if news {
			signal(c.avail)
		}
		if err != nil {
			c.fail(fmt.Errorf("%w: an empty message", err))
			p.startLinger()
		}
	}
}

func (p *port) handle(ev link.Event) {
	switch ev.Kind {
	case link.Opened:
		p.sessions++
		if p.conn != nil {
			p.conn.open(ev.Peer)
		} else if p.conn = p.host.opened(p, ev.Peer); p.conn == nil {
			p.retired = true
		}
	case link.Lost:
		if p.conn != nil {
			p.endConn(p.conn.lost(ev.Reason))
		}
	case link.Refused:
		p.host.refused(p, ev)
	}
}

// endConn takes the conn away: its session is over. Whoever dialled has no other.
func (p *port) endConn(err error) {
	c := p.conn
	p.conn, p.linger = nil, nil
	p.retired = p.retired || p.once
	c.fail(err)
	close(c.gone)
}

// startLinger begins the end of the session of a conn that was closed.
func (p *port) startLinger() {
	now := p.now()
	if p.linger == nil {
		p.linger = &linger{ends: now + lingerAtMost, quiet: now + p.lingerQuiet(), room: p.m.Room()}
	}
	p.poke()
}

// lingerQuiet is how long nothing need be acknowledged while frames are on their
// way.
func (p *port) lingerQuiet() time.Duration {
	if !p.set.paced {
		return lingerQuiet
	}
	frame := p.longest * p.set.line.bitsPerByte()
	return lingerQuiet + 4*time.Duration(frame)*time.Second/time.Duration(p.set.line.Baud)
}

// lingers closes the link once everything is acknowledged, or that takes too
// long.
func (p *port) lingers(now time.Duration) {
	l := p.linger
	if l == nil || l.told {
		return
	}
	if room := p.m.Room(); room != l.room {
		l.room, l.quiet = room, now+p.lingerQuiet()
	}
	if p.m.Idle() || now >= min(l.quiet, l.ends) {
		l.told = true
		p.m.Close()
	}
}

// closed goes on when the link's last frame has gone out: to the next session, if
// there is one.
func (p *port) closed() {
	p.endConn(net.ErrClosed)
	if !p.retired {
		p.m = link.New(p.set.linkOptions(p.role, rand.Uint32()))
	}
}

// signal fills a channel of capacity 1.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// ErrRestarted is the end of a connection whose peer has begun a new session: it
// restarted, or it closed this one and the line lost the frame that said so.
var ErrRestarted = errors.New(link.ReasonRestarted.String())

// lostError says why a session has ended.
func lostError(reason link.Reason) error {
	switch reason {
	case link.ReasonTooLarge:
		return fmt.Errorf("%w: the session ended, %v", carrier.ErrFrameTooLarge, reason)
	case link.ReasonProtocol:
		return fmt.Errorf("%w: the session ended, %v", carrier.ErrProtocol, reason)
	case link.ReasonRestarted:
		return fmt.Errorf("the session ended: %w", ErrRestarted)
	}
	return fmt.Errorf("the session ended: %v", reason)
}
