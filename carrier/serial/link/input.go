package link

import (
	"bytes"
	"time"
)

// input cuts the bytes from the line at zeros.
type input struct {
	buf      []byte // since the last zero; its capacity is the longest frame
	overlong bool   // more came than fits: wait for a zero

	text     [256]byte // printable bytes between frames that nobody has taken
	textSize int
}

func (in *input) init(mtu int) { in.buf = make([]byte, 0, cobsBound(mtu+frameExtra)) }

// Input takes bytes that have come from the line, at most all of p, and returns
// how many it took. It takes fewer when an event waits to be taken: see what
// [Machine.Receive] and [Machine.Event] have, then give it the rest. p may be
// reused after the call.
func (m *Machine) Input(now time.Duration, p []byte) int {
	taken := 0
	for taken < len(p) && !m.hasEvent {
		rest := p[taken:]
		end := bytes.IndexByte(rest, 0)
		if end < 0 {
			m.add(rest)
			taken = len(p)
			break
		}
		m.add(rest[:end])
		taken += end + 1
		m.endOfFrame(now)
	}
	m.stats.BytesIn += uint64(taken)
	return taken
}

// add takes bytes without a zero. What is too long for a frame is none; of text,
// which comes without zeros from a device that knows nothing of frames, each
// bufferful is kept as such.
func (m *Machine) add(p []byte) {
	in := &m.in
	for len(p) > cap(in.buf)-len(in.buf) {
		in.overlong = true
		n := copy(in.buf[len(in.buf):cap(in.buf)], p)
		in.buf = in.buf[:len(in.buf)+n]
		if !in.stageText(in.buf) {
			return
		}
		m.keepText(len(in.buf))
		in.buf, p = in.buf[:0], p[n:]
	}
	in.buf = append(in.buf, p...)
}

// endOfFrame looks at what stood between two zeros.
func (m *Machine) endOfFrame(now time.Duration) {
	p, overlong := m.in.buf, m.in.overlong
	m.in.buf, m.in.overlong = m.in.buf[:0], false
	if len(p) == 0 {
		return // zeros are sent before and after every frame
	}
	text := m.in.stageText(p) // before parsing, which is done in place
	if !overlong {
		if f, ok := parseFrame(p); ok {
			m.stats.FramesIn++
			m.handle(now, &f, len(p)+2)
			return
		}
	}
	if text {
		m.keepText(len(p))
		return
	}
	if overlong {
		m.stats.Overlong++
	}
	m.damaged(now)
}

func (m *Machine) damaged(now time.Duration) {
	m.stats.Damaged++
	m.rx.expectHint(now + m.wireTime(m.in.longest()))
}

// longest returns how many bytes the longest frame has, both zeros included.
func (in *input) longest() int { return cap(in.buf) + 2 }

// stageText reports whether p looks like text, such as what a device prints while
// it starts, and puts a copy where it can be kept if it turns out to be no frame.
func (in *input) stageText(p []byte) bool {
	for _, b := range p {
		if (b < ' ' || b > '~') && b != '\n' && b != '\r' && b != '\t' && b != '\x1b' {
			return false
		}
	}
	copy(in.text[in.textSize:], p)
	return true
}

// keepText counts n bytes that have been staged as text.
func (m *Machine) keepText(n int) {
	m.in.textSize = min(m.in.textSize+n, len(m.in.text))
	m.stats.Text += uint64(n)
}

// Unended appends to dst what has come since the last zero if it looks like text,
// and returns the extended buffer. It may be the beginning of a frame; where no
// frame has ever come, it is how a device shows that knows none.
func (m *Machine) Unended(dst []byte) []byte {
	if !m.in.stageText(m.in.buf) {
		return dst
	}
	return append(dst, m.in.buf...)
}

// Text appends to dst the text that has come between frames, such as what a
// device prints while it starts, up to 256 bytes since the last call. It is data
// from outside: quote it before showing it.
func (m *Machine) Text(dst []byte) []byte {
	dst = append(dst, m.in.text[:m.in.textSize]...)
	m.in.textSize = 0
	return dst
}

// handle does what an undamaged frame says; took is its size on the line.
func (m *Machine) handle(now time.Duration, f *frame, took int) {
	switch {
	case m.sess.closed:
		return
	case f.kind == frameSYN || f.kind == frameSYNACK:
		m.handleSyn(now, f)
		return
	case f.kind == frameRST:
		m.handleRST(f)
		return
	case !m.sess.open:
		m.stats.Strange++
		m.sess.synSoon = true // whoever sends this does not know that we began anew
		return
	case f.sid != m.sess.peerID:
		m.stats.Strange++
		return
	}
	m.sess.heard = now
	m.rx.hintSet = false
	if len(f.payload) > m.opt.MTU || !m.tx.acknowledge(now, f, m.wireTime(took)) {
		m.reset(ReasonProtocol)
		return
	}
	m.inSession(now, f)
}

func (m *Machine) inSession(now time.Duration, f *frame) {
	if f.kind == frameDATA {
		if !m.rx.data(f.seq, f.payload) {
			m.stats.Duplicates++
		}
		return
	}
	m.rx.told(f.seq, 0)
	switch f.kind {
	case frameACK:
		m.sess.ponged(now)
	case framePING:
		m.rx.ackSoon = true
	case frameDGRAM:
		if !m.dg.in.push(f.payload) {
			m.stats.Dropped++
		}
	default:
		m.stats.Strange++ // of a later version: its header is good for us all the same
	}
}
