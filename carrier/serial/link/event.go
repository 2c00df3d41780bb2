package link

import (
	"errors"
	"fmt"
	"time"
)

// Event says that a session was opened, lost or refused.
type Event struct {
	Kind   EventKind
	Reason Reason // of Lost and Refused
	Peer   Peer   // of Opened: what was agreed; of Refused: what is known
}

// EventKind says what has happened.
type EventKind byte

const (
	// Opened: the peer has proved that it is there now; a session began.
	Opened EventKind = iota + 1
	// Lost: the session ended. What was sent and not acknowledged may or may
	// not have arrived. The machine tries to open the next one by itself.
	Lost
	// Refused: there is a peer, and no session is possible with it until one
	// of the two changes. The machine keeps trying.
	Refused
)

// Reason says why there is no session, or no more. The numbers cross the line.
type Reason byte

const (
	// ReasonRestarted: the peer began anew.
	ReasonRestarted Reason = 1
	// ReasonSilent: nothing valid came for 3.5 times the keepalive.
	ReasonSilent Reason = 2
	// ReasonStuck: the peer speaks and acknowledges nothing for 30 s.
	ReasonStuck Reason = 3
	// ReasonClosed: the other end, or this one, was closed.
	ReasonClosed Reason = 4
	// ReasonProtocol: a frame that is not damaged says what cannot be.
	ReasonProtocol Reason = 5
	// ReasonTooLarge: a message over the limit that was agreed.
	ReasonTooLarge Reason = 6
	// ReasonVersion: the versions of the link have none in common.
	ReasonVersion Reason = 7
	// ReasonRole: both ends dial, or both listen.
	ReasonRole Reason = 8
)

var reasons = [...]string{
	ReasonRestarted: "the peer restarted",
	ReasonSilent:    "the peer is silent",
	ReasonStuck:     "the peer speaks and acknowledges nothing",
	ReasonClosed:    "closed",
	ReasonProtocol:  "the link's protocol was violated",
	ReasonTooLarge:  "a message is larger than was agreed",
	ReasonVersion:   "the peer's version of the link has none in common with this one: update the older of the two",
	ReasonRole:      "both ends have the same role: one must dial, the other listen",
}

// String says it in words.
func (r Reason) String() string {
	if int(r) < len(reasons) && reasons[r] != "" {
		return reasons[r]
	}
	return fmt.Sprintf("reason %d", byte(r))
}

// Peer is what the two ends agreed, the smaller of both where there is a choice.
type Peer struct {
	Version    int           // of the link
	MTU        int           // most payload bytes in a frame, both ways
	Window     int           // most frames on their way to the peer
	MaxMessage int           // largest message that the peer accepts
	Keepalive  time.Duration // the longer of both
	Role       Role          // of the peer
}

// Errors of sending.
var (
	// ErrClosed: there is no session, or the message's session has ended.
	ErrClosed = errors.New("link: no session is open")
	// ErrTooLarge: the peer does not accept messages of this size.
	ErrTooLarge = errors.New("link: the message is larger than the peer accepts")
	// ErrNoRoom: the buffer is full; try again when frames were acknowledged.
	ErrNoRoom = errors.New("link: the transmit buffer is full")
	// ErrInside: the message before has not been written to its end.
	ErrInside = errors.New("link: the message before is not complete")
)

// Stats count what has happened since New.
type Stats struct {
	BytesIn    uint64 // from the line
	BytesOut   uint64 // to the line
	FramesIn   uint64 // whole and undamaged, of whatever session
	FramesOut  uint64
	Damaged    uint64 // runs of bytes that are no frame, text excepted
	Overlong   uint64 // of these, longer than any frame
	Text       uint64 // bytes of text between frames
	Strange    uint64 // undamaged frames of no session of ours, or of a type that is not known
	Echoes     uint64 // our own SYN came back: the line is looped
	Resent     uint64 // DATA frames sent again
	Duplicates uint64 // DATA frames that had come before
	Dropped    uint64 // datagrams that found no room, both ways
	Sessions   uint64 // opened
}

// Stats returns the counters.
func (m *Machine) Stats() Stats { return m.stats }

// Event takes the event that waits, if there is one. While it waits the machine
// does nothing: Input takes no bytes, Output gives none; and Receive still gives
// what had come in the session that was lost. Taking a Lost event throws the rest
// of that away, so call Receive first, until it gives nothing more.
func (m *Machine) Event() (Event, bool) {
	if !m.hasEvent {
		return Event{}, false
	}
	m.hasEvent = false
	if m.event.Kind == Lost {
		m.rx.reset()
		m.dg.reset()
	}
	return m.event, true
}

// Waits reports whether there is an event to be taken.
func (m *Machine) Waits() bool { return m.hasEvent }

func (m *Machine) raise(ev Event) { m.event, m.hasEvent = ev, true }
