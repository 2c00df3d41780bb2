package wire

import "fmt"

// Role is a side of a connection: the client dialled, the server listened.
type Role uint8

// The two sides.
const (
	RoleClient Role = 0
	RoleServer Role = 1
)

// String returns the role's name.
func (r Role) String() string {
	switch r {
	case RoleClient:
		return "client"
	case RoleServer:
		return "server"
	}
	return fmt.Sprintf("role %d", uint8(r))
}

// State is how far a connection has come, as one side sees it. What it sends
// itself moves it as well as what it receives.
//
//	       HELLO             WELCOME          GOODBYE sent
//	Start --------> Greeted ---------> Open ---------------> Closing
//	  |                |                ^ |                     |
//	  |      CHALLENGE v        WELCOME | |                     |
//	  |              Asked -> Proved ---+ |                     |
//	  |                |  AUTH   |        |                     |
//	  +----------------+---------+--------+---------------------+--> over
//	           ABORT sent or received, GOODBYE received, conn lost
//
// Greeted begins for the client when it has sent its HELLO, and for the server
// when it has received it; so do Asked and Proved with CHALLENGE and AUTH. Open
// begins for the server when it has sent its WELCOME, and for the client when it
// has received it.
type State uint8

// The states.
const (
	Start   State = iota // the conn is there, nothing has passed
	Greeted              // HELLO has passed
	Asked                // CHALLENGE has passed: the client must prove who it is
	Proved               // AUTH has passed
	Open                 // WELCOME has passed
	Closing              // this side has said GOODBYE; what the other sent before it knew still arrives
)

// String returns the state's name.
func (s State) String() string {
	switch s {
	case Start:
		return "start"
	case Greeted:
		return "greeted"
	case Asked:
		return "asked"
	case Proved:
		return "proved"
	case Open:
		return "open"
	case Closing:
		return "closing"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// legal has a bit for each type that may be received from a role in a state
// (protocol.md §5). What is not in it is illegal.
var legal = [...][2]uint32{
	Start: {
		RoleClient: set(TypeHello),
		RoleServer: set(TypeAbort),
	},
	Greeted: {
		RoleClient: set(TypeAbort),
		RoleServer: set(TypeWelcome, TypeChallenge, TypeAbort),
	},
	Asked: {
		RoleClient: set(TypeAuth, TypeAbort),
		RoleServer: set(TypeAbort),
	},
	Proved: {
		RoleClient: set(TypeAbort),
		RoleServer: set(TypeWelcome, TypeAbort),
	},
	Open:    {RoleClient: openClient, RoleServer: openServer},
	Closing: {RoleClient: openClient, RoleServer: openServer},
}

var (
	openBoth = set(TypeAbort, TypeConnect, TypeDisconnect, TypeRoute, TypeEvent, TypeLost, TypeCredit,
		TypeRequest, TypeReply, TypeCancel, TypePing, TypePong, TypeSync, TypeSynced, TypeGoodbye, TypeNodes, TypeFragment, TypeNumbered, TypeLossy)
	openClient = openBoth | set(TypeSubscribe, TypeUnsubscribe)
	openServer = openBoth | set(TypeConnected, TypeRefused, TypeWant)
)

func set(types ...Type) (bits uint32) {
	for _, t := range types {
		bits |= 1 << t
	}
	return bits
}

// Legal reports whether a side in the given state may receive a frame of type
// t from the other side, whose role is from. All else is a protocol error.
func Legal(state State, from Role, t Type) bool {
	return int(state) < len(legal) && from <= RoleServer && t <= lastType && legal[state][from]&(1<<t) != 0
}
