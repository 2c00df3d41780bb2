// Package wire turns the envelopes of the gosig protocol into bytes and back.
//
// It is for whoever speaks the protocol: package router, tests, tools that
// read captures. It does no I/O, keeps no state and starts no goroutine, and
// it promises that whatever bytes a peer sends, a decoder returns an [*Error]
// with a code for the peer instead of panicking, and that memory follows the
// bytes that were received, never a length or a count that was declared.
//
// A frame is one envelope. Its first byte holds the [Type] in the low five
// bits and the [Flags] in the high three; the fields follow without gaps.
// docs/protocol.md specifies each of them; testdata/vectors holds examples
// that other languages' tests can read.
//
//	   0          1
//	+-----+-----+------------------------ - -
//	|flags| type| fields, as the type says
//	| 3b  | 5b  |
//	+-----+-----+------------------------ - -
//
// One call each way:
//
//	frame := wire.Subscribe{Sender: "kitchen", Event: "**"}.Append(nil)
//	var s wire.Subscribe
//	err := s.Decode(frame)
//
// Append methods append the bare envelope to dst and return it; the length
// that goes before it on a stream belongs to package carrier. They do not
// check names and lists, which are the caller's and were checked where they
// came in; a text (a reason, the message of an error) is cut to [MaxText]
// bytes and made valid UTF-8, because it may come from anywhere.
//
// Decode methods overwrite every field. After an error the envelope's content
// is unspecified. Strings are copies; the Payload of [Request] and [Reply]
// and the one returned by [ParseEvent] share the frame's memory.
package wire
