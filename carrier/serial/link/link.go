// Package link makes a noisy line reliable: messages go in at one end and come
// out at the other, whole, in order and once, or the session ends and both sides
// know. docs/serial-link.md specifies what crosses the line.
//
// A [Machine] is one end. It does no I/O, starts no goroutine and has no clock:
// whoever owns the port tells it which bytes have come and what time it is, and
// asks it what to write and when to ask again. So it runs over any port, and in
// tests under simulated time. Its memory is allocated by [New] and does not grow.
//
//	m := link.New(&link.Options{Baud: 115200, Nonce: rand.Uint32()})
//	for {
//		for frame := m.Output(now(), buf[:0]); len(frame) > 0; frame = m.Output(now(), buf[:0]) {
//			port.Write(frame)
//		}
//		in := readUntil(m.Deadline(now())) // what has come by then
//		for len(in) > 0 {
//			in = in[m.Input(now(), in):]
//			for msg, whole = m.Receive(msg); whole; msg, whole = m.Receive(msg[:0]) {
//				handle(msg)
//			}
//			if ev, ok := m.Event(); ok { ... } // a session was opened or lost
//		}
//	}
//
// Time is a duration since whatever instant the caller chose, and never goes
// back. A Machine is used by one goroutine at a time.
package link

import "time"

// Options say how one end of the line works. The zero value is good for tests;
// over a real line set Baud and Nonce.
type Options struct {
	// Baud is the line's speed in bits a second, ten of which make a byte.
	// [Machine.Output] hands out frames no faster than the line takes them,
	// so that no queue grows in the system and acknowledgements stay fresh.
	// By default 0: the caller calls Output when the port takes more.
	Baud int
	// Ahead is how long before the line falls idle the next frame may be
	// handed out; about as long as the caller may be late. By default 0.
	Ahead time.Duration
	// Nonce must differ from boot to boot, and between the two ends: it is how
	// a peer that has restarted is told from one that has not. Random is best.
	Nonce uint32
	// Role of this end, so that two of a kind are told what is wrong.
	Role Role

	// MTU is the most payload bytes in a frame, 32 to 4096. By default 246:
	// with its length a message of 244 bytes fills one block of COBS.
	// Both ends use the smaller of their two.
	MTU int
	// Window is how many frames may be on their way at once, and how many
	// can be held back until a missing one has come, 1 to 15. By default 15.
	Window int
	// TxBuffer is how many bytes may wait or be on their way. By default
	// Window times MTU, or what a message of MTU bytes needs if that is more.
	TxBuffer int
	// MaxMessage is the largest message that is accepted. By default 65,536;
	// at most 2^28-1. It costs no memory here: see [Machine.Receive].
	MaxMessage int
	// Datagrams is how many best-effort messages may wait, each way. By
	// default 4; a negative number turns them off.
	Datagrams int
	// Keepalive is the silence after which the peer is asked for a sign of
	// life; after 3.5 times as long the session is lost. Both ends use the
	// longer of their two. By default 1 s; 50 ms to 60 s, in milliseconds.
	// Where Baud is known it is at least what two of the longest frames take,
	// since nothing is heard of the peer while it sends one.
	Keepalive time.Duration

	version, minVersion byte // of the link; for tests of negotiation
}

// Role says what an end is for.
type Role byte

const (
	// RoleAny works with every peer.
	RoleAny Role = 0
	// RoleDial is the end that dials: a device, a client. Two of them refuse
	// each other.
	RoleDial Role = 1
	// RoleListen is the end that is dialled: a router. Two of them refuse
	// each other.
	RoleListen Role = 2
)

const (
	// Version of the link that this package speaks.
	Version = 1

	maxMTU       = 4096
	minMTU       = 32 // SYN frames of any version fit
	maxWindow    = 15 // what four bits of credit can say
	maxMessage   = 1<<28 - 1
	maxLengthLen = 4 // bytes of a message's length

	synEvery     = 250 * time.Millisecond // until the session is open
	synAtMost    = 20 * time.Millisecond  // when frames of no session come in
	ackSlack     = 60 * time.Millisecond  // in which a peer answers, beside what the line needs
	ackUnpaced   = 90 * time.Millisecond  // more of it where the line's speed is not known
	maxRetryWait = 1600 * time.Millisecond
	stuckAfter   = 30 * time.Second // the peer speaks, and acknowledges nothing
	stuckFrames  = 8                // and so many of the longest frames, for a slow line

	maxKeepalive = time.Minute
)

// Machine is one end of a line; see the package's comment for how to drive it.
type Machine struct {
	opt Options

	in   input   // bytes to frames
	tx   sender  // the stream going out
	rx   receive // the stream coming in
	dg   datagrams
	sess session

	event    Event
	hasEvent bool
	stats    Stats

	lineFree time.Duration // when the line has sent what was handed out
	scratch  scratch
}

// New returns a machine that begins to open a session at once. It panics where
// an option is out of its range, since options do not come from outside.
func New(options *Options) *Machine {
	m := &Machine{}
	if options != nil {
		m.opt = *options
	}
	m.opt.fill()
	m.in.init(m.opt.MTU)
	m.opt.Keepalive = max(m.opt.Keepalive, min(2*m.wireTime(m.in.longest()), maxKeepalive))
	m.tx.init(&m.opt)
	m.rx.init(&m.opt)
	m.dg.init(&m.opt)
	if m.sess.nonce = m.opt.Nonce; m.sess.nonce == 0 { // which means: not known
		m.freshNonce()
	}
	return m
}

func (o *Options) fill() {
	orElse(&o.MTU, 246, minMTU, maxMTU, "MTU")
	orElse(&o.Window, maxWindow, 1, maxWindow, "Window")
	orElse(&o.TxBuffer, max(o.Window*o.MTU, o.MTU+maxLengthLen), o.MTU, 1<<28, "TxBuffer")
	orElse(&o.MaxMessage, 1<<16, 1, maxMessage, "MaxMessage")
	orElse(&o.Keepalive, time.Second, 50*time.Millisecond, maxKeepalive, "Keepalive")
	orElse(&o.version, Version, 1, 255, "version")
	orElse(&o.minVersion, 1, 1, o.version, "minVersion")
	if o.Baud < 0 || o.Ahead < 0 || o.Role > RoleListen {
		panic("link: Options: Baud and Ahead must not be negative, Role must be one of the three")
	}
	switch {
	case o.Datagrams == 0:
		o.Datagrams = 4
	case o.Datagrams < 0:
		o.Datagrams = 0
	}
}

// orElse puts the default where nothing was chosen, and panics where too little
// or too much was.
func orElse[T int | byte | time.Duration](field *T, byDefault, least, most T, name string) {
	if *field == 0 {
		*field = byDefault
	}
	if *field < least || *field > most {
		panic("link: Options." + name + " is out of its range, see its comment")
	}
}

// wireTime returns how long the line takes for so many bytes; 0 if its speed is
// not known.
func (m *Machine) wireTime(size int) time.Duration {
	if m.opt.Baud == 0 {
		return 0
	}
	return time.Duration(size) * 10 * time.Second / time.Duration(m.opt.Baud)
}
