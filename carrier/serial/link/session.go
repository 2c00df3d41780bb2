package link

import (
	"encoding/binary"
	"time"
)

// session is the handshake and what it agreed.
//
//	          New
//	           |
//	           v     SYN or SYNACK with our nonce as its echo
//	     +---------+ ------------------------------> +------+
//	+--> | opening |                                 | open | --+ DATA, ACK,
//	|    +---------+ <------------------------------ +------+ <-+ PING, DGRAM
//	|     |  SYN each   a new nonce of the peer, RST,            of this sid
//	+-----+  250 ms     silence: Lost, and a new nonce of ours
//
// A session is a pair of nonces. Each end takes a new nonce whenever it leaves a
// session, so that no pair comes twice, and believes a peer's nonce only together
// with the echo of its own: an old frame, from a buffer somewhere, opens nothing.
type session struct {
	open   bool
	closed bool // by Close: nothing more comes
	nonce  uint32
	theirs uint32 // the peer's nonce as far as we know, else 0
	sid    byte   // of the frames that we send
	peerID byte   // of the frames that the peer sends
	peer   Peer

	answer    bool          // a SYNACK is wanted
	synNow    bool          // a SYN is wanted before its time
	synSoon   bool          // and if the last one was not just now
	synLast   time.Duration // when the last SYN went out
	synSent   bool          // there was one
	rst       Reason        // an RST is wanted
	rstNonce  uint32        // for whom
	refused   uint32        // the peer's nonce that we refused last, to say it once
	refusedBy uint32        // our nonce that a peer refused last
	heard     time.Duration // when the last frame of the session came
	pinged    time.Duration // when the last PING went out
	ping      bool          // a PING is wanted
	asking    bool          // by Ping
	awaited   bool          // and its answer
	answered  bool          // which has come
	asked     time.Duration // when that PING began
	took      time.Duration // until the answer
	keepalive time.Duration
}

// freshNonce takes the next nonce; the step is odd, so that each comes once in
// 2^32 sessions.
func (m *Machine) freshNonce() {
	m.sess.nonce += 0x9E3779B9
	if m.sess.nonce == 0 {
		m.sess.nonce += 0x9E3779B9
	}
}

// sid returns the number that marks a session's frames in one direction: seven
// bits of both nonces, and a bit that tells the directions apart, so that what
// an echoing line returns is not taken for the peer's.
func sid(from, to uint32) byte {
	x := from ^ to
	x ^= x >> 16
	x ^= x >> 8
	id := byte(x) & 0x7f
	if from > to {
		id |= 0x80
	}
	return id
}

// syn is the payload of SYN and SYNACK.
type syn struct {
	nonce, echo         uint32
	version, minVersion byte
	window              byte
	role                Role
	mtu                 uint16
	keepalive           uint16 // ms
	maxMessage          uint32
}

func (m *Machine) ownSyn() syn {
	return syn{
		nonce: m.sess.nonce, echo: m.sess.theirs,
		version: m.opt.version, minVersion: m.opt.minVersion,
		window: byte(m.opt.Window), role: m.opt.Role,
		mtu: uint16(m.opt.MTU), keepalive: uint16(m.opt.Keepalive / time.Millisecond),
		maxMessage: uint32(m.opt.MaxMessage),
	}
}

func (s *syn) put(p *[synSize]byte) {
	le := binary.LittleEndian
	le.PutUint32(p[0:], s.nonce)
	le.PutUint32(p[4:], s.echo)
	p[8], p[9], p[10], p[11] = s.version, s.minVersion, s.window, byte(s.role)
	le.PutUint16(p[12:], s.mtu)
	le.PutUint16(p[14:], s.keepalive)
	le.PutUint32(p[16:], s.maxMessage)
}

// parseSyn reports false for what no version sends. A later version may put
// more at the end.
func parseSyn(p []byte) (s syn, ok bool) {
	if len(p) < synSize {
		return s, false
	}
	le := binary.LittleEndian
	s = syn{
		nonce: le.Uint32(p), echo: le.Uint32(p[4:]),
		version: p[8], minVersion: p[9], window: p[10], role: Role(p[11]),
		mtu: le.Uint16(p[12:]), keepalive: le.Uint16(p[14:]), maxMessage: le.Uint32(p[16:]),
	}
	ok = s.nonce != 0 && s.version >= s.minVersion && s.window > 0 && s.window <= maxWindow && s.mtu >= minMTU
	return s, ok
}

// handleSyn is what SYN and SYNACK do.
func (m *Machine) handleSyn(now time.Duration, f *frame) {
	s, ok := parseSyn(f.payload)
	switch {
	case !ok:
		m.stats.Strange++
		return
	case s.nonce == m.sess.nonce:
		m.stats.Echoes++
		return
	case f.kind == frameSYNACK && s.echo != m.sess.nonce:
		m.stats.Strange++ // it answers an earlier life of ours
		return
	}
	if reason := m.judge(&s); reason != 0 {
		m.refuse(&s, reason)
		return
	}
	if m.sess.open && s.nonce == m.sess.theirs {
		// Not a sign of life: a peer that we cannot reach asks for ever.
		m.sess.answer = m.sess.answer || f.kind == frameSYN
		return
	}
	if m.sess.open {
		m.lose(ReasonRestarted)
	}
	m.sess.theirs = s.nonce
	if s.echo != m.sess.nonce {
		m.sess.synNow = true // the peer is there, and has not heard of us
		return
	}
	m.open(now, &s)
	m.sess.answer = f.kind == frameSYN
}

// judge returns why no session is possible with the peer, or 0.
func (m *Machine) judge(s *syn) Reason {
	switch {
	case min(s.version, m.opt.version) < max(s.minVersion, m.opt.minVersion):
		return ReasonVersion
	case s.role != RoleAny && s.role == m.opt.Role:
		return ReasonRole
	default:
		return 0
	}
}

func (m *Machine) refuse(s *syn, reason Reason) {
	m.sess.rst, m.sess.rstNonce = reason, s.nonce
	known := s.nonce == m.sess.refused
	m.sess.refused = s.nonce
	switch {
	case m.sess.open:
		m.lose(reason)
	case !known:
		m.raise(Event{Kind: Refused, Reason: reason, Peer: Peer{Version: int(s.version), Role: s.role}})
	}
}

func (m *Machine) open(now time.Duration, s *syn) {
	m.sess.open, m.sess.ping, m.sess.heard = true, false, now
	m.sess.synNow, m.sess.synSoon = false, false
	m.sess.asking, m.sess.awaited, m.sess.answered = false, false, false
	m.sess.sid, m.sess.peerID = sid(m.sess.nonce, s.nonce), sid(s.nonce, m.sess.nonce)
	m.sess.keepalive = max(m.opt.Keepalive, time.Duration(s.keepalive)*time.Millisecond)
	m.sess.peer = Peer{
		Version:    int(min(s.version, m.opt.version)),
		MTU:        min(int(s.mtu), m.opt.MTU),
		Window:     int(s.window),
		MaxMessage: int(min(s.maxMessage, maxMessage)),
		Keepalive:  m.sess.keepalive,
		Role:       s.role,
	}
	m.rx.reset()
	m.dg.reset()
	m.tx.start(now, &m.sess.peer)
	m.stats.Sessions++
	m.raise(Event{Kind: Opened, Peer: m.sess.peer})
}

// lose ends the session, and begins to look for the next one.
func (m *Machine) lose(reason Reason) {
	m.sess.open, m.sess.answer = false, false
	m.sess.theirs = 0
	m.freshNonce()
	m.sess.synNow = true
	m.tx.stop()
	m.rx.ackNow, m.rx.ackSoon, m.rx.hintSet = false, false, false
	m.raise(Event{Kind: Lost, Reason: reason})
}

// reset ends the session and tells the peer why.
func (m *Machine) reset(reason Reason) {
	m.sess.rst, m.sess.rstNonce = reason, m.sess.theirs
	m.lose(reason)
}

// handleRST believes an RST only if it names our nonce, so that one that was
// meant for an earlier session ends nothing.
func (m *Machine) handleRST(f *frame) {
	if len(f.payload) < rstSize || binary.LittleEndian.Uint32(f.payload) != m.sess.nonce {
		m.stats.Strange++
		return
	}
	reason := Reason(f.payload[4])
	switch {
	case m.sess.open:
		m.lose(reason)
	case reason != ReasonClosed && m.sess.refusedBy != m.sess.nonce:
		m.sess.refusedBy = m.sess.nonce
		m.raise(Event{Kind: Refused, Reason: reason, Peer: Peer{Version: int(f.payload[5])}})
	}
}

// Close ends the session and tells the peer, once, in the next frame that Output
// gives; what was not acknowledged is given up. Nothing else happens after it.
func (m *Machine) Close() {
	if m.sess.closed {
		return
	}
	m.sess.closed = true
	m.sess.rst, m.sess.rstNonce = 0, 0
	if m.sess.theirs != 0 {
		m.sess.rst, m.sess.rstNonce = ReasonClosed, m.sess.theirs
	}
	m.sess.open = false
	m.tx.stop()
	m.rx.reset()
	m.dg.reset()
	m.hasEvent = false
}

// Open reports whether a session is open, and what was agreed.
func (m *Machine) Open() (Peer, bool) { return m.sess.peer, m.sess.open }
