package wire

import "fmt"

// Version is the newest protocol version this package speaks, and MinVersion
// the oldest (protocol.md §4.2).
const (
	Version    uint8 = 1
	MinVersion uint8 = 1
)

// Magic is what a HELLO begins with, after its type byte.
const Magic = "gsig"

// Bounds of what a frame may contain (protocol.md §11).
const (
	MaxName = 255  // bytes of a name, a pattern, a codec's or a node's name
	MaxText = 1024 // bytes of a reason, an error's text, an identity
	MaxList = 4096 // elements of any list
)

// Type says which envelope a frame is. The numbers are append-only; 0 and
// 29 to 31 are reserved, and a frame of a reserved type is an error.
type Type uint8

// The envelopes.
const (
	TypeHello       Type = 1
	TypeWelcome     Type = 2
	TypeAbort       Type = 3
	TypeChallenge   Type = 4
	TypeAuth        Type = 5
	TypeConnect     Type = 6
	TypeConnected   Type = 7
	TypeDisconnect  Type = 8
	TypeSubscribe   Type = 9
	TypeUnsubscribe Type = 10
	TypeRefused     Type = 11
	TypeWant        Type = 12
	TypeRoute       Type = 13
	TypeEvent       Type = 14
	TypeLost        Type = 15
	TypeCredit      Type = 16
	TypeRequest     Type = 17
	TypeReply       Type = 18
	TypeCancel      Type = 19
	TypePing        Type = 20
	TypePong        Type = 21
	TypeSync        Type = 22
	TypeSynced      Type = 23
	TypeGoodbye     Type = 24
	TypeNodes       Type = 25
	TypeFragment    Type = 26
	TypeNumbered    Type = 27
	TypeLossy       Type = 28

	lastType = TypeLossy
)

var typeNames = [...]string{
	TypeHello: "HELLO", TypeWelcome: "WELCOME", TypeAbort: "ABORT", TypeChallenge: "CHALLENGE", TypeAuth: "AUTH",
	TypeConnect: "CONNECT", TypeConnected: "CONNECTED", TypeDisconnect: "DISCONNECT",
	TypeSubscribe: "SUBSCRIBE", TypeUnsubscribe: "UNSUBSCRIBE", TypeRefused: "REFUSED",
	TypeWant: "WANT", TypeRoute: "ROUTE", TypeEvent: "EVENT", TypeLost: "LOST", TypeCredit: "CREDIT",
	TypeRequest: "REQUEST", TypeReply: "REPLY", TypeCancel: "CANCEL",
	TypePing: "PING", TypePong: "PONG", TypeSync: "SYNC", TypeSynced: "SYNCED",
	TypeGoodbye: "GOODBYE", TypeNodes: "NODES", TypeFragment: "FRAGMENT", TypeNumbered: "NUMBERED", TypeLossy: "LOSSY",
}

// String returns the envelope's name as in docs/protocol.md.
func (t Type) String() string {
	if t == 0 || t > lastType {
		return fmt.Sprintf("reserved type %d", uint8(t))
	}
	return typeNames[t]
}

// Flags are the high three bits of a frame's first byte, where they stand. A
// bit that the envelope does not define must be clear.
type Flags uint8

// The flags, each of the envelopes it names.
const (
	FlagDefault Flags = 0x20 // CONNECT: the sender has a default handler
	FlagFresh   Flags = 0x40 // CONNECT: nothing of it has been emitted yet
	FlagHidden  Flags = 0x80 // CONNECT: the receiver does not show that it is there; FeatureHidden
	FlagYours   Flags = 0x20 // DISCONNECT: the number is one the receiver assigned
	FlagOn      Flags = 0x20 // WANT: wanted; clear: no longer wanted
	FlagLossy   Flags = 0x40 // SUBSCRIBE, WANT: the events may be lost rather than be late; FeatureLossyInterest
	FlagBegin   Flags = 0x20 // ROUTE: the receiver begins to get the route; a jump of the number is no loss
	FlagPeriod  Flags = 0x40 // ROUTE, NUMBERED: the events are NUMBERED, of this period; FeatureLossyInterest
	FlagHeld    Flags = 0x20 // EVENT, NUMBERED: held back by its emitter; takes and returns credit
	FlagMore    Flags = 0x20 // FRAGMENT: another one follows; clear: the envelope is whole

	typeMask byte = 0x1f
	flagMask byte = 0xe0
)

// legalFlags holds the flags each envelope defines; absent: none.
var legalFlags = [32]Flags{
	TypeConnect:    FlagDefault | FlagFresh | FlagHidden,
	TypeDisconnect: FlagYours,
	TypeSubscribe:  FlagLossy,
	TypeWant:       FlagOn | FlagLossy,
	TypeRoute:      FlagBegin | FlagPeriod,
	TypeEvent:      FlagHeld,
	TypeFragment:   FlagMore,
	TypeNumbered:   FlagHeld | FlagPeriod,
}

// TypeOf returns the type and the flags of a frame. An empty frame has the
// reserved type 0. The type may be a reserved one and the flags undefined:
// [Legal] and the decoders say so.
func TypeOf(frame []byte) (Type, Flags) {
	if len(frame) == 0 {
		return 0, 0
	}
	return Type(frame[0] & typeMask), Flags(frame[0] & flagMask)
}

// Features is a set of optional abilities. What both sides offer is in force;
// bits that a side does not know it ignores (protocol.md §4.4).
type Features uint64

// The features. Bits are append-only.
const (
	FeatureHeld      Features = 1 << 0 // held-back events: EVENT's flag and CREDIT
	FeatureNodes     Features = 1 << 1 // lists of nodes and NODES: this side is a router that may have others behind it
	FeatureFragments Features = 1 << 2 // FRAGMENT: large envelopes in pieces, with others between them
	FeatureDatagrams Features = 1 << 3 // LOSSY, and NUMBERED: events that travel in datagrams
	FeatureAuth      Features = 1 << 4 // CHALLENGE and AUTH: the client can prove who it is, the server asks
	// FeatureHidden: CONNECT may be hidden, for a sender that the client may get
	// events from, or ask, but not know of otherwise.
	FeatureHidden Features = 1 << 5
	// FeatureLossyInterest: SUBSCRIBE and WANT may say that events may be lost, and
	// a route may be NUMBERED for a while.
	FeatureLossyInterest Features = 1 << 6
)

// NodeID identifies one registry for as long as it lives. It is random and
// never zero.
type NodeID [16]byte

// String returns the ID in hexadecimal.
func (id NodeID) String() string { return fmt.Sprintf("%x", id[:]) }

// Token proves that a connection comes from the node that was given it in an
// earlier WELCOME. The zero token means none.
type Token [16]byte

// Node is a router that can be reached through the one that names it.
type Node struct {
	ID   NodeID
	Name string
}

// Limits are a side's bounds for one connection. What holds is the minimum of
// both sides' ([Limits.Min]); 0 means that a side has no bound of its own.
type Limits struct {
	MaxFrame     uint32 // bytes of a frame; at least MinMaxFrame
	MaxRequests  uint32 // requests in flight in each direction
	KeepaliveMS  uint32 // milliseconds of silence before a PING
	WindowEvents uint32 // held-back events outstanding for each route
	WindowBytes  uint32 // bytes of their payloads; one event may always be outstanding
}

// MinMaxFrame is the smallest bound of a frame that a peer may ask for.
const MinMaxFrame = 512

// DefaultLimits holds the values that apply where neither side has a bound.
var DefaultLimits = Limits{
	MaxFrame:     1 << 20,
	MaxRequests:  128,
	KeepaliveMS:  15_000,
	WindowEvents: 256,
	WindowBytes:  64 << 10,
}

// Min returns what holds between a side with limits l and one with limits m:
// field by field the smaller of the two, where 0 is no bound.
func (l Limits) Min(m Limits) Limits {
	return Limits{
		MaxFrame:     minBound(l.MaxFrame, m.MaxFrame),
		MaxRequests:  minBound(l.MaxRequests, m.MaxRequests),
		KeepaliveMS:  minBound(l.KeepaliveMS, m.KeepaliveMS),
		WindowEvents: minBound(l.WindowEvents, m.WindowEvents),
		WindowBytes:  minBound(l.WindowBytes, m.WindowBytes),
	}
}

func minBound(a, b uint32) uint32 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
