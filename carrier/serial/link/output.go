package link

import (
	"encoding/binary"
	"time"
)

// action is what goes out next.
type action byte

const (
	nothing action = iota
	sendRST
	sendSYN
	sendSYNACK
	sendGaps // an ACK before its turn: something is missing
	sendAgain
	sendDatagram
	sendNew
	sendACK
	sendPING
)

const never = time.Duration(1<<63 - 1)

// Output appends to dst at most one frame, which the caller writes to the line
// as a whole, and returns dst. Call it until it appends nothing; then again after
// Input, after sending, and at [Machine.Deadline]. It grows dst if it must; room
// for [Machine.FrameSize] bytes is always enough.
func (m *Machine) Output(now time.Duration, dst []byte) []byte {
	m.tick(now)
	if m.hasEvent || now < m.paced() {
		return dst
	}
	before := len(dst)
	dst = m.emit(now, m.choose(now), dst)
	if n := len(dst) - before; n > 0 {
		m.stats.FramesOut++
		m.stats.BytesOut += uint64(n)
	}
	return dst
}

// FrameSize returns how many bytes the longest frame takes.
func (m *Machine) FrameSize() int { return m.in.longest() }

// paced returns the time before which the line is to be given nothing.
func (m *Machine) paced() time.Duration { return m.lineFree - m.opt.Ahead }

// Deadline returns when Output may have something to do though nothing comes in
// and nothing is sent; now if it has already.
func (m *Machine) Deadline(now time.Duration) time.Duration {
	switch {
	case m.hasEvent:
		return now
	case m.choose(now) != nothing:
		return max(now, m.paced())
	case m.sess.closed:
		return never
	case !m.sess.open:
		return max(now, m.synAt())
	}
	at := min(m.downAt(), m.pingAt(), m.expiresAt(), m.stuckAt())
	if m.rx.hintSet {
		at = min(at, m.rx.hint)
	}
	return max(now, at)
}

// tick does what is due.
func (m *Machine) tick(now time.Duration) {
	switch {
	case m.hasEvent || !m.sess.open:
		return
	case now >= m.downAt():
		m.lose(ReasonSilent)
		return
	case now >= m.stuckAt():
		m.reset(ReasonStuck)
		return
	}
	if now >= m.expiresAt() {
		m.sess.ping = !m.tx.expire(now)
	}
	if m.rx.hintSet && now >= m.rx.hint {
		m.rx.hintSet, m.rx.ackNow = false, true
	}
	m.sess.ping = m.sess.ping || now >= m.pingAt()
}

// choose returns what goes out now, if the line takes anything.
func (m *Machine) choose(now time.Duration) action {
	s := &m.sess
	switch {
	case s.rst != 0:
		return sendRST
	case s.closed:
		return nothing
	case !s.open:
		return m.chooseSYN(now)
	case s.answer:
		return sendSYNACK
	case m.rx.ackNow:
		return sendGaps
	case m.tx.lost > 0:
		return sendAgain
	}
	data := m.tx.canSend()
	switch {
	case m.dg.out.size > 0 && !(data && m.dg.turn):
		return sendDatagram
	case data:
		return sendNew
	case m.rx.ackSoon:
		return sendACK
	case m.sess.ping:
		return sendPING
	}
	return nothing
}

func (m *Machine) chooseSYN(now time.Duration) action {
	if s := &m.sess; s.synNow || !s.synSent || now >= m.synAt() {
		return sendSYN
	}
	return nothing
}

// emit appends the frame that was chosen.
func (m *Machine) emit(now time.Duration, what action, dst []byte) []byte {
	before := len(dst)
	var seq byte
	switch what {
	case nothing:
		return dst
	case sendRST:
		dst = m.emitRST(dst)
	case sendSYN:
		m.sess.synNow, m.sess.synSoon, m.sess.synSent, m.sess.synLast = false, false, true, now
		dst = m.emitSYN(dst, frameSYN)
	case sendSYNACK:
		m.sess.answer = false
		dst = m.emitSYN(dst, frameSYNACK)
	case sendGaps, sendACK:
		dst = m.emitInSession(dst, frameACK, m.tx.next, nil, nil)
	case sendPING:
		m.sess.ping, m.sess.pinged = false, now
		m.sess.pinging(max(m.lineFree, now))
		dst = m.emitInSession(dst, framePING, m.tx.next, nil, nil)
	case sendDatagram:
		p, _ := m.dg.out.pop()
		m.dg.turn = true
		dst = m.emitInSession(dst, frameDGRAM, m.tx.next, p, nil)
	case sendAgain:
		seq, _ = m.tx.oldestLost()
		m.stats.Resent++
		dst = m.emitData(dst, seq)
	case sendNew:
		seq = m.tx.cut(now)
		m.dg.turn = false
		dst = m.emitData(dst, seq)
	}
	m.lineFree = max(m.lineFree, now) + m.wireTime(len(dst)-before)
	if what == sendAgain || what == sendNew {
		m.tx.transmitted(seq, m.lineFree)
	}
	return dst
}

func (m *Machine) emitData(dst []byte, seq byte) []byte {
	p, more := m.tx.bytes(m.tx.at(seq))
	return m.emitInSession(dst, frameDATA, seq, p, more)
}

// emitInSession appends a frame of the session. Each acknowledges.
func (m *Machine) emitInSession(dst []byte, kind frameType, seq byte, p, more []byte) []byte {
	r := &m.rx
	f := frame{kind: kind, credit: r.credit(), seq: seq, ack: r.want, sid: m.sess.sid, payload: p}
	// ackNow without a gap: something damaged came last, whatever it was.
	if f.gaps = r.gap() || r.ackNow; f.gaps {
		f.bitmap = r.bitmap()
	}
	r.ackNow, r.ackSoon, r.granted = false, false, r.first+r.window
	return appendFrame(dst, &f, more, &m.scratch)
}

func (m *Machine) emitSYN(dst []byte, kind frameType) []byte {
	p := &m.scratch.body
	s := m.ownSyn()
	s.put(p)
	return appendFrame(dst, &frame{kind: kind, payload: p[:]}, nil, &m.scratch)
}

func (m *Machine) emitRST(dst []byte) []byte {
	p := m.scratch.body[:rstSize]
	binary.LittleEndian.PutUint32(p, m.sess.rstNonce)
	p[4], p[5] = byte(m.sess.rst), m.opt.version
	m.sess.rst = 0
	return appendFrame(dst, &frame{kind: frameRST, payload: p}, nil, &m.scratch)
}

// synAt returns when the next SYN goes out of its own accord.
func (m *Machine) synAt() time.Duration {
	if m.sess.synSoon {
		return m.sess.synLast + synAtMost
	}
	return m.sess.synLast + synEvery
}

// downAt returns when a session is lost in which nothing comes.
func (m *Machine) downAt() time.Duration { return m.sess.heard + m.sess.keepalive*7/2 }

// pingAt returns when the peer is asked for a sign of life.
func (m *Machine) pingAt() time.Duration {
	return max(m.sess.heard, m.sess.pinged) + m.sess.keepalive
}

// stuckAt returns when a session is lost in which nothing is acknowledged.
func (m *Machine) stuckAt() time.Duration {
	if m.tx.outstanding() == 0 {
		return never
	}
	return m.tx.progress + stuckAfter + stuckFrames*m.wireTime(m.in.longest())
}

// expiresAt returns until when an answer is waited for: the frame that the peer
// is sending when ours arrives, and the next one, which acknowledges.
func (m *Machine) expiresAt() time.Duration {
	s := &m.tx
	if s.lost > 0 || s.outstanding() == 0 && (s.waiting() == 0 || s.canSend()) {
		return never
	}
	wait := ackSlack + 2*m.wireTime(m.in.longest())
	if m.opt.Baud == 0 {
		wait += ackUnpaced
	}
	return s.timer + min(wait<<min(s.retries, 8), max(wait, maxRetryWait))
}
