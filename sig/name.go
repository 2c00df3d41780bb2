package sig

import (
	"fmt"
	"strings"
)

// Name is the name of a sender, an event or a method: segments of the
// characters A-Z a-z 0-9 _ . : @ ~ - separated by "/", at most [MaxNameBytes]
// bytes and [MaxNameSegments] segments, such as "house/kitchen" or "temp".
//
// In a [Pattern] a segment may also be "*" (any one segment) or "**" (any
// number of segments, none included).
type Name string

// Any is the pattern that every name matches. As an event pattern it matches
// the reserved events as well: a broadcast subscription hears #connect.
const Any Name = "**"

// The reserved events. The system emits them; nobody else can.
const (
	// EventConnect says that a sender has connected; its payload is a Presence.
	EventConnect Name = "#connect"
	// EventDisconnect says that a sender has left; its payload is a Presence
	// with the reason.
	EventDisconnect Name = "#disconnect"
	// EventLost says that events were dropped on their way to the subscription
	// that receives it; its payload is a [Lost].
	EventLost Name = "#lost"
)

// Limits of a name and of each of the two parts of a pattern.
const (
	MaxNameBytes    = 255
	MaxNameSegments = 16
)

// wildOne and wildMany are the two wildcard segments of a pattern.
const (
	wildOne  = "*"
	wildMany = "**"
)

// Validate reports why n cannot be the name of a sender, an event or a method
// of a user's: the error is an [ErrBadName] that quotes n. Reserved names
// (those that begin with "#") and wildcards are refused.
func (n Name) Validate() error { return n.validate(false) }

// Reserved reports whether n belongs to the system: it begins with "#".
func (n Name) Reserved() bool { return strings.HasPrefix(string(n), "#") }

// exact reports whether n, read as a pattern, can match only itself.
func (n Name) exact() bool { return strings.IndexByte(string(n), '*') < 0 }

func (n Name) validate(wildcards bool) error {
	switch {
	case n == "":
		return badName(n, "it is empty")
	case len(n) > MaxNameBytes:
		return badName(n, fmt.Sprintf("it has %d bytes, at most %d are allowed", len(n), MaxNameBytes))
	case n.Reserved():
		return badName(n, `names that begin with "#" are reserved`)
	}
	segments, rest, more := 0, string(n), true
	for more {
		var seg string
		seg, rest, more = strings.Cut(rest, "/")
		if segments++; segments > MaxNameSegments {
			return badName(n, fmt.Sprintf("it has more than %d segments", MaxNameSegments))
		}
		if why := badSegment(seg, wildcards); why != "" {
			return badName(n, why)
		}
	}
	return nil
}

// badSegment says what is wrong with one segment, or nothing.
func badSegment(seg string, wildcards bool) string {
	switch {
	case seg == "":
		return `it has an empty segment: "/" stands between two segments, not before, after or twice`
	case wildcards && (seg == wildOne || seg == wildMany):
		return ""
	}
	for _, c := range seg {
		switch {
		case nameChar(c):
		case c == '*' && wildcards:
			return `"*" and "**" must be whole segments`
		case c == '*':
			return "wildcards are for patterns only"
		default:
			return fmt.Sprintf("it contains %q, allowed are A-Z a-z 0-9 _ . : @ ~ -", c)
		}
	}
	return ""
}

func nameChar(c rune) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.ContainsRune("_.:@~-", c)
}

// badName quotes at most a valid name's length of n: n may come from a peer.
func badName(n Name, why string) error {
	if len(n) > MaxNameBytes {
		n = n[:MaxNameBytes] + "..."
	}
	return NewError(CodeBadName, fmt.Sprintf("%q: %s", string(n), why))
}
