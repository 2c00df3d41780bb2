package dtls

import "encoding/binary"

// What is read here of a datagram is only what decides where it goes; package
// pion/dtls reads it again and checks it.
//
//	0      1       3     5        11     13
//	+------+-------+-----+--------+------+-----
//	| type | 254 x |epoch|sequence|length| ...    a record of DTLS (RFC 6347 §4.1)
//	+------+-------+-----+--------+------+-----
//	+------+-------+-----+--------+-----+------+-----
//	|  25  | 254 x |epoch|sequence| CID |length| ... with a connection ID (RFC 9146 §4)
//	+------+-------+-----+--------+-----+------+-----
const (
	recordHeader    = 13
	messageHeader   = 12
	cidAt           = 11
	cidSize         = 8
	randomAt        = recordHeader + messageHeader + 2
	typeCCS         = 20
	typeAlert       = 21
	typeHandshake   = 22
	typeData        = 23
	typeCID         = 25
	messageHello    = 1
	messageServer   = 2
	versionMajor    = 254
	messageType     = recordHeader
	messageNumber   = recordHeader + 4
	fragmentOffset  = recordHeader + 6
	firstHelloBytes = randomAt + 32
)

// random is a ClientHello's: it tells one attempt at a handshake from another.
type random [32]byte

// connID is what this side gives its clients to put on their records.
type connID [cidSize]byte

// isRecord reports whether a datagram looks like DTLS at all.
func isRecord(d []byte) bool {
	return len(d) > recordHeader && d[0] >= typeCCS && d[0] <= typeCID && d[1] == versionMajor
}

func epoch(d []byte) uint16 { return binary.BigEndian.Uint16(d[3:]) }

// handshakeType returns the type of the first, unprotected handshake message of
// a datagram.
func handshakeType(d []byte) (byte, bool) {
	if !isRecord(d) || d[0] != typeHandshake || epoch(d) != 0 || len(d) < recordHeader+messageHeader {
		return 0, false
	}
	return d[messageType], true
}

// clientHello returns the random of a datagram that begins with a ClientHello or
// with its first fragment.
func clientHello(d []byte) (r random, ok bool) {
	kind, ok := handshakeType(d)
	if !ok || kind != messageHello || len(d) < firstHelloBytes {
		return r, false
	}
	if d[fragmentOffset] != 0 || d[fragmentOffset+1] != 0 || d[fragmentOffset+2] != 0 {
		return r, false
	}
	copy(r[:], d[randomAt:])
	return r, true
}

// addressed returns the connection ID on the first record of a datagram.
func addressed(d []byte) (id connID, ok bool) {
	if !isRecord(d) || d[0] != typeCID || len(d) < cidAt+cidSize {
		return id, false
	}
	copy(id[:], d[cidAt:])
	return id, true
}

// unwrapped returns the alert in a datagram with which pion/dtls breaks off a
// handshake once it knows its peer's connection ID: it puts that on the alert
// although nothing is encrypted yet, which no peer can read. Other datagrams it
// returns as they are.
func unwrapped(d []byte) []byte {
	const head = recordHeader + cidSize
	if len(d) != head+3 || !isRecord(d) || d[0] != typeCID || epoch(d) != 0 || d[head+2] != typeAlert {
		return d
	}
	alert := make([]byte, 0, recordHeader+2)
	alert = append(append(alert, typeAlert), d[1:cidAt]...)
	return append(alert, 0, 2, d[head], d[head+1])
}

// sealed reports whether a datagram consists of protected records only. All else
// is worthless once a handshake is over, and pion/dtls ends a connection over
// some of it, which anyone can send in another's name.
func sealed(d []byte, cid int) bool {
	return every(d, cid, func(record []byte) bool { return epoch(record) != 0 })
}

// plausible reports whether a datagram holds only records that a handshake may
// bring.
func plausible(d []byte, cid int) bool {
	return every(d, cid, func(record []byte) bool {
		return epoch(record) != 0 || record[0] == typeHandshake || record[0] == typeCCS || record[0] == typeAlert
	})
}

// every reports whether a datagram is made of whole records and all of them
// satisfy ok. cid is the size of the connection IDs on them.
func every(d []byte, cid int, ok func(record []byte) bool) bool {
	for first := true; len(d) > 0 || first; first = false {
		head := recordHeader
		if len(d) > 0 && d[0] == typeCID {
			head += cid
		}
		if len(d) <= head || !isRecord(d) {
			return false
		}
		end := head + int(binary.BigEndian.Uint16(d[head-2:]))
		if end > len(d) || !ok(d) {
			return false
		}
		d = d[end:]
	}
	return true
}
