package acl

import "slices"

// Verb is what a principal wants to do.
type Verb string

// The verbs. The sender and the name that a question is about are, for
//
//	emit       one's own sender and the event it emits
//	subscribe  whose event one receives, and the event
//	request    the sender one asks, and the method
//	respond    one's own sender and the method it answers
//	observe    the sender one may know of; no name: it covers #connect,
//	           #disconnect and the snapshot of who is there
//	admin      the sender that an operation is about, "" if it is about none;
//	           and the operation
const (
	Emit      Verb = "emit"
	Subscribe Verb = "subscribe"
	Request   Verb = "request"
	Respond   Verb = "respond"
	Observe   Verb = "observe"
	Admin     Verb = "admin"
)

// verbs has them in the order in which they are listed.
var verbs = [...]Verb{Emit, Subscribe, Request, Respond, Observe, Admin}

// Verbs returns all verbs.
func Verbs() []Verb { return slices.Clone(verbs[:]) }

// index is the verb's place in verbs, or -1.
func (v Verb) index() int { return slices.Index(verbs[:], v) }
