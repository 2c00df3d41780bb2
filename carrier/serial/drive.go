package serial

import (
	"errors"
	"time"
)

// gather is how many bytes are written at once where the line has no speed.
const gather = 4 << 10

// leastStuck is how long at least a write may take.
const leastStuck = 2 * time.Second

var errStuck = errors.New("the port takes no bytes any more: is the other end stopped by flow control?")

// drive writes what the link has to say, when it is due.
func (p *port) drive() {
	timer := time.NewTimer(forever)
	defer timer.Stop()
	watchdog := time.AfterFunc(forever, func() { p.finish(errStuck) })
	defer watchdog.Stop()
	buf := make([]byte, 0, p.longest)
	for {
		out, wait, on := p.next(buf[:0])
		buf = out
		switch {
		case !on:
			p.finish(nil)
			return
		case len(out) > 0:
			watchdog.Reset(max(leastStuck, p.set.keepalive*7/2))
			n, err := p.rwc.Write(out)
			watchdog.Stop()
			if err == nil && n < len(out) {
				err = errShort
			}
			if err != nil {
				p.finish(explainGone(err))
				return
			}
		case wait > 0:
			timer.Reset(wait)
			select {
			case <-p.kick:
			case <-timer.C:
			case <-p.over:
				return
			}
		}
	}
}

var errShort = errors.New("it took a part of what was written")

// next returns what to write now or, if that is nothing, how long to wait for
// more. It reports false when there is nothing more to come.
func (p *port) next(buf []byte) (out []byte, wait time.Duration, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished {
		return buf, 0, false
	}
	now := p.now()
	p.settle()
	p.lingers(now)
	p.giveUp(now)
	if p.retired && p.conn == nil && !p.lastWord {
		p.m.Close() // no more than once
	}
	p.wake = 0
	for out = buf; len(out) == 0 || !p.set.paced && len(out) < gather; {
		before := len(out)
		if out = p.m.Output(now, out); len(out) == before {
			break
		}
	}
	if len(out) > 0 {
		p.lastWord = false
		return out, 0, true
	}
	due := p.m.Deadline(now)
	switch {
	case due < forever:
	case p.linger != nil && p.linger.told:
		p.closed()
		return out, 0, true // and look again
	case p.retired && p.conn == nil:
		return out, 0, false
	}
	if l := p.linger; l != nil && !l.told {
		due = min(due, l.quiet, l.ends)
	}
	if c := p.conn; c != nil && !c.isOpen() {
		due = min(due, p.set.patience)
	}
	p.wake = due
	return out, max(due-now, 0), true
}

// giveUp ends the attempt of whoever dials when nothing has come of it.
func (p *port) giveUp(now time.Duration) {
	if c := p.conn; c != nil && !c.isOpen() && now >= p.set.patience {
		p.endConn(c.unanswered(errTimeout(p.set.patience)))
	}
}
