package dtls

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// message is a datagram with one plain message of a handshake.
func message(kind, number byte) []byte {
	d := make([]byte, firstHelloBytes)
	copy(d, []byte{typeHandshake, versionMajor, 253})
	d[12] = byte(len(d) - recordHeader)
	d[messageType], d[messageNumber+1] = kind, number
	return d
}

// TestClock: the shortest time from a question to its answer, whatever is sent
// again in between.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock
		c.wrote()
		time.Sleep(250 * time.Millisecond)
		c.wrote() // again
		time.Sleep(50 * time.Millisecond)
		c.got(message(3, 0))
		assert.Equal(t, 300*time.Millisecond, c.shortest)
		c.wrote()
		time.Sleep(10 * time.Millisecond)
		c.got(message(3, 0)) // once more, no answer to what was written last
		assert.Equal(t, 300*time.Millisecond, c.shortest)
		time.Sleep(30 * time.Millisecond)
		c.got(message(messageServer, 1))
		assert.Equal(t, 40*time.Millisecond, c.shortest)
		c.wrote()
		time.Sleep(20 * time.Millisecond)
		c.got([]byte{typeCCS, versionMajor, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1})
		assert.Equal(t, 20*time.Millisecond, c.shortest)

		var server clock
		server.got(message(messageHello, 0))
		assert.Zero(t, server.shortest, "a client's first word answers nothing")
	})
}

func TestRetransmission(t *testing.T) {
	for roundTrip, want := range map[time.Duration]time.Duration{
		0: shortestRTO, 40 * time.Millisecond: 380 * time.Millisecond,
		600 * time.Millisecond: 1500 * time.Millisecond, time.Minute: longestRTO,
	} {
		assert.Equal(t, want, retransmission(roundTrip), roundTrip)
	}
}

// FuzzRecords: whatever comes, looking at it ends no process, and what is called
// sealed or plausible consists of whole records.
func FuzzRecords(f *testing.F) {
	f.Add(message(messageHello, 0))
	f.Add([]byte{typeCID, versionMajor, 253, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0, 3, 2, 42, typeAlert})
	f.Add([]byte{typeData, versionMajor, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, d []byte) {
		_, isHello := clientHello(d)
		_, _ = addressed(d)
		_ = messageOrder(d)
		if isHello && sealed(d, cidSize) {
			t.Error("a ClientHello is not protected")
		}
		for _, cid := range []int{0, cidSize} {
			whole := every(d, cid, func([]byte) bool { return true })
			if !whole && (sealed(d, cid) || plausible(d, cid)) {
				t.Error("a datagram passes that is not made of whole records")
			}
		}
		if plain := unwrapped(d); len(plain) != len(d) && !plausible(plain, 0) {
			t.Errorf("unwrapped to %x", plain)
		}
	})
}
