package wire

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// The counterparts of reader's methods.

func appendHead(dst []byte, t Type, flag Flags, set bool) []byte {
	if set {
		return append(dst, byte(t)|byte(flag))
	}
	return append(dst, byte(t))
}

func appendUint(dst []byte, v uint64) []byte { return binary.AppendUvarint(dst, v) }

func appendZigzag(dst []byte, v int64) []byte {
	return binary.AppendUvarint(dst, uint64(v)<<1^uint64(v>>63))
}

func appendName(dst []byte, s string) []byte {
	return append(appendUint(dst, uint64(len(s))), s...)
}

// appendText appends a text that may come from anywhere, for example a
// handler's error: a peer must not end the connection because of it.
func appendText(dst []byte, s string) []byte {
	if len(s) > MaxText {
		// The cut may split a character; the rest of it is dropped, not replaced.
		s = s[:MaxText]
		for i := 1; i <= utf8.UTFMax && i <= len(s); i++ {
			if utf8.RuneStart(s[len(s)-i]) {
				if !utf8.FullRuneInString(s[len(s)-i:]) {
					s = s[:len(s)-i]
				}
				break
			}
		}
	}
	// One "?" for each run of bad bytes: the result is never longer than s.
	return appendName(dst, strings.ToValidUTF8(s, "?"))
}

func appendNames(dst []byte, list []string) []byte {
	dst = appendUint(dst, uint64(len(list)))
	for _, s := range list {
		dst = appendName(dst, s)
	}
	return dst
}

func appendNodes(dst []byte, list []Node) []byte {
	dst = appendUint(dst, uint64(len(list)))
	for _, n := range list {
		dst = appendName(append(dst, n.ID[:]...), n.Name)
	}
	return dst
}

func appendToken(dst []byte, t Token) []byte {
	if t == (Token{}) {
		return append(dst, 0)
	}
	return append(append(dst, byte(len(t))), t[:]...)
}

func appendLimits(dst []byte, l Limits) []byte {
	dst = appendUint(dst, uint64(l.MaxFrame))
	dst = appendUint(dst, uint64(l.MaxRequests))
	dst = appendUint(dst, uint64(l.KeepaliveMS))
	dst = appendUint(dst, uint64(l.WindowEvents))
	return appendUint(dst, uint64(l.WindowBytes))
}
