package wire

import "fmt"

// The codes of errors that cross the wire. The numbers are append-only and
// the same as package sig's. 0 means no error; a code that a side does not
// know it passes on with its text.
const (
	CodeOK             uint16 = 0
	CodeNoSender       uint16 = 1
	CodeNoMethod       uint16 = 2
	CodeHandler        uint16 = 3
	CodeTimeout        uint16 = 4
	CodeCancelled      uint16 = 5
	CodeDenied         uint16 = 6
	CodeBusy           uint16 = 7
	CodeConnectionLost uint16 = 8
	CodeBadPayload     uint16 = 9
	CodeNameTaken      uint16 = 10
	CodeNotDeclared    uint16 = 11
	CodeLimit          uint16 = 12
	CodeClosed         uint16 = 13
	CodeBadName        uint16 = 14
	CodeTypeMismatch   uint16 = 15
	CodeNotConnected   uint16 = 16
	CodeProtocol       uint16 = 17
	CodeVersion        uint16 = 18
	CodeNoCodec        uint16 = 19
	CodeRing           uint16 = 20
	CodeTooLarge       uint16 = 21
)

var codeNames = [...]string{
	CodeOK: "ok", CodeNoSender: "no such sender", CodeNoMethod: "no such method", CodeHandler: "handler failed",
	CodeTimeout: "timeout", CodeCancelled: "cancelled", CodeDenied: "denied", CodeBusy: "busy",
	CodeConnectionLost: "connection lost", CodeBadPayload: "bad payload", CodeNameTaken: "name taken",
	CodeNotDeclared: "event not declared", CodeLimit: "limit reached", CodeClosed: "closed",
	CodeBadName: "bad name", CodeTypeMismatch: "type mismatch", CodeNotConnected: "not connected",
	CodeProtocol: "protocol violation", CodeVersion: "no common version", CodeNoCodec: "no common codec",
	CodeRing: "ring of routers", CodeTooLarge: "too large",
}

// CodeName returns what a code means in a few words.
func CodeName(code uint16) string {
	if int(code) >= len(codeNames) {
		return fmt.Sprintf("code %d", code)
	}
	return codeNames[code]
}

// The reasons of a LOST. The numbers are append-only and the same as package
// sig's; 0 is not a reason.
const (
	LossQueueFull  uint8 = 1 // a subscription's queue was full
	LossSlowPeer   uint8 = 2 // a router's buffer for a peer was full
	LossInbound    uint8 = 3 // a client's inbound buffer was full
	LossConnection uint8 = 4 // a connection was lost on the way
	LossBadPayload uint8 = 5 // the payload could not be encoded, decoded or transcoded
	LossOffline    uint8 = 6 // the buffer for the time without a connection was full
	LossReentry    uint8 = 7 // too many events emitted from inside handlers
	LossDatagram   uint8 = 8 // a datagram did not arrive, or too late
)

// Error is a frame's violation of the protocol: what the peer that sent it is
// told (as the code and the reason of ABORT or GOODBYE) before the connection
// ends.
type Error struct {
	Code uint16 // CodeProtocol, CodeTooLarge, CodeVersion or CodeLimit
	Text string // what is wrong, naming the envelope and the field
}

// Error returns the text after the code's name.
func (e *Error) Error() string { return CodeName(e.Code) + ": " + e.Text }

func violation(code uint16, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}
