package sig

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// Code says what kind of error an [Error] is. Codes cross the wire: they are
// append-only, and a peer may send one that this version does not know.
type Code uint16

// The codes. 0 means no error.
const (
	CodeNoSender       Code = 1
	CodeNoMethod       Code = 2
	CodeHandler        Code = 3
	CodeTimeout        Code = 4
	CodeCancelled      Code = 5
	CodeDenied         Code = 6
	CodeBusy           Code = 7
	CodeConnectionLost Code = 8
	CodeBadPayload     Code = 9
	CodeNameTaken      Code = 10
	CodeNotDeclared    Code = 11
	CodeLimit          Code = 12
	CodeClosed         Code = 13
	CodeBadName        Code = 14
	CodeTypeMismatch   Code = 15
	CodeNotConnected   Code = 16
	CodeProtocol       Code = 17
	CodeVersion        Code = 18
	CodeNoCodec        Code = 19
	CodeRing           Code = 20
	CodeTooLarge       Code = 21
)

// What callers compare with, by [errors.Is]: it looks at the code only.
var (
	// ErrNoSender: no sender of that name is connected.
	ErrNoSender error = &Error{Code: CodeNoSender}
	// ErrNoMethod: the sender has neither this method nor a default handler.
	ErrNoMethod error = &Error{Code: CodeNoMethod}
	// ErrHandler: the request handler failed; the text and the number are its
	// own, see [Fail].
	ErrHandler error = &Error{Code: CodeHandler}
	// ErrTimeout: the deadline passed; also matches [context.DeadlineExceeded].
	ErrTimeout error = &Error{Code: CodeTimeout}
	// ErrCancelled: the caller gave up; also matches [context.Canceled].
	ErrCancelled error = &Error{Code: CodeCancelled}
	// ErrDenied: a rule forbids it.
	ErrDenied error = &Error{Code: CodeDenied}
	// ErrBusy: there is no room for it now.
	ErrBusy error = &Error{Code: CodeBusy}
	// ErrConnectionLost: the connection, or the sender, went away in between.
	ErrConnectionLost error = &Error{Code: CodeConnectionLost}
	// ErrBadPayload: a payload cannot be encoded, decoded or converted.
	ErrBadPayload error = &Error{Code: CodeBadPayload}
	// ErrNameTaken: the name belongs to somebody else.
	ErrNameTaken error = &Error{Code: CodeNameTaken}
	// ErrNotDeclared: the sender does not declare this event.
	ErrNotDeclared error = &Error{Code: CodeNotDeclared}
	// ErrLimit: a limit was reached; the text names it.
	ErrLimit error = &Error{Code: CodeLimit}
	// ErrClosed: it has been closed; also matches [net.ErrClosed].
	ErrClosed error = &Error{Code: CodeClosed}
	// ErrBadName: not a valid name or pattern; the text quotes it.
	ErrBadName error = &Error{Code: CodeBadName}
	// ErrTypeMismatch: values of the one type can never become the other.
	ErrTypeMismatch error = &Error{Code: CodeTypeMismatch}
	// ErrNotConnected: the sender has disconnected, or the line is down and
	// was configured to refuse.
	ErrNotConnected error = &Error{Code: CodeNotConnected}
	// ErrProtocol: the peer broke the protocol.
	ErrProtocol error = &Error{Code: CodeProtocol}
	// ErrVersion: the peers share no protocol version.
	ErrVersion error = &Error{Code: CodeVersion}
	// ErrNoCodec: the peers share no codec.
	ErrNoCodec error = &Error{Code: CodeNoCodec}
	// ErrRing: the connection would close a ring of routers.
	ErrRing error = &Error{Code: CodeRing}
	// ErrTooLarge: a frame or a payload is over the limit.
	ErrTooLarge error = &Error{Code: CodeTooLarge}
)

// codeTexts begin the message of each error; the index is the code.
var codeTexts = [...]string{
	0:                  "no error",
	CodeNoSender:       "no such sender",
	CodeNoMethod:       "no such method",
	CodeHandler:        "handler failed",
	CodeTimeout:        "timeout",
	CodeCancelled:      "cancelled",
	CodeDenied:         "denied",
	CodeBusy:           "busy",
	CodeConnectionLost: "connection lost",
	CodeBadPayload:     "bad payload",
	CodeNameTaken:      "name taken",
	CodeNotDeclared:    "event not declared",
	CodeLimit:          "limit reached",
	CodeClosed:         "closed",
	CodeBadName:        "bad name",
	CodeTypeMismatch:   "type mismatch",
	CodeNotConnected:   "not connected",
	CodeProtocol:       "protocol error",
	CodeVersion:        "no common protocol version",
	CodeNoCodec:        "no common codec",
	CodeRing:           "ring of routers",
	CodeTooLarge:       "too large",
}

// String says the code in words; a code of a newer peer as "error code 57".
func (c Code) String() string {
	if int(c) < len(codeTexts) {
		return codeTexts[c]
	}
	return fmt.Sprintf("error code %d", uint16(c))
}

// Error is an error that can cross the wire: both sides see the same one.
type Error struct {
	Code Code
	// Text says what happened, without repeating the code's own words.
	Text string
	// App is the number a request handler gave, see [Fail].
	App int64
}

// NewError makes an error of the given kind. The text continues the code's own
// words: NewError(CodeNoSender, `"kitchen"`) says `no such sender: "kitchen"`.
func NewError(code Code, text string) *Error { return &Error{Code: code, Text: text} }

// Fail makes the error by which a request handler tells its caller a number
// and a text of its own. The caller finds both in an [Error]:
//
//	var e *sig.Error
//	if errors.As(err, &e) && e.App == 404 { ... }
func Fail(app int64, text string) error { return &Error{Code: CodeHandler, Text: text, App: app} }

// Error begins with the words of the code.
func (e *Error) Error() string {
	text := e.Code.String()
	if e.Text != "" {
		text += ": " + e.Text
	}
	if e.App != 0 {
		text = fmt.Sprintf("%s (%d)", text, e.App)
	}
	return text
}

// Is matches every error of the same code, and the errors of the standard
// library that mean the same.
func (e *Error) Is(target error) bool {
	if t, ok := target.(*Error); ok {
		return t.Code == e.Code && (t.Text == "" || t.Text == e.Text) && (t.App == 0 || t.App == e.App)
	}
	switch e.Code {
	case CodeTimeout:
		return target == context.DeadlineExceeded
	case CodeCancelled:
		return target == context.Canceled
	case CodeClosed:
		return target == net.ErrClosed
	}
	return false
}

// CodeOf finds the code of err: 0 for nil, the code of the first [Error] it
// wraps, the matching code for the errors of package context and
// [net.ErrClosed], and CodeHandler for all else.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.DeadlineExceeded):
		return CodeTimeout
	case errors.Is(err, context.Canceled):
		return CodeCancelled
	case errors.Is(err, net.ErrClosed):
		return CodeClosed
	}
	return CodeHandler
}

// AsError turns any error into one that can cross the wire; nil stays nil. An
// error that merely wraps an [Error] keeps its own, longer text.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*Error); ok {
		return e
	}
	var inner *Error
	if !errors.As(err, &inner) {
		return standardError(err)
	}
	return &Error{Code: inner.Code, Text: err.Error(), App: inner.App}
}

// standardError leaves out a text that only repeats the code.
func standardError(err error) *Error {
	if err == context.DeadlineExceeded || err == context.Canceled || err == net.ErrClosed {
		return &Error{Code: CodeOf(err)}
	}
	return &Error{Code: CodeOf(err), Text: err.Error()}
}
