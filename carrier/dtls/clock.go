package dtls

import (
	"encoding/binary"
	"time"
)

// clock measures the round trip during a handshake: from the first datagram that
// asks for something to the first with the answer, which is known by the number
// of its message. What is lost meanwhile makes the time longer, never shorter,
// so the shortest is taken. Its methods are called under a lock of its owner.
type clock struct {
	asked    time.Time // zero: nothing is awaited
	answered int       // the highest number so far, and one
	shortest time.Duration
}

// wrote is told of a datagram that goes out.
func (c *clock) wrote() {
	if c.asked.IsZero() {
		c.asked = time.Now()
	}
}

// got is told of a datagram that came.
func (c *clock) got(d []byte) {
	number := messageOrder(d)
	if number <= c.answered {
		return
	}
	c.answered = number
	if c.asked.IsZero() {
		return // a client's first word
	}
	if took := max(time.Since(c.asked), 1); c.shortest == 0 || took < c.shortest {
		c.shortest = took
	}
	c.asked = time.Time{}
}

// messageOrder numbers the plain messages of a handshake, from 1; other
// datagrams are 0. A ChangeCipherSpec has no number and is the last of them.
func messageOrder(d []byte) int {
	if _, ok := handshakeType(d); ok {
		return int(binary.BigEndian.Uint16(d[messageNumber:])) + 1
	}
	if isRecord(d) && d[0] == typeCCS && epoch(d) == 0 {
		return 1 << 16
	}
	return 0
}
