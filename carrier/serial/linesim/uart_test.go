package linesim

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestUART: at the sender's speed a UART receives what was sent, a little beside
// it as well, and far from it nothing of it.
func TestUART(t *testing.T) {
	sent := make([]byte, 512)
	for i := range sent {
		sent[i] = byte(i * 7)
	}
	for _, row := range []struct {
		ratio float64
		right bool
	}{{1, true}, {1.03, true}, {0.97, true}, {1.2, false}, {0.5, false}, {2, false}, {1. / 12, false}, {12, false}} {
		u := newUART()
		got := u.receive(u.idle(nil), sent, row.ratio)
		got = u.idle(got)
		assert.Equal(t, row.right, bytes.Equal(got, sent), "a ratio of %v", row.ratio)
		assert.Less(t, len(got), int(13*row.ratio*512), "no more than fits, at a ratio of %v", row.ratio)
	}
	u := newUART()
	for _, b := range sent { // with pauses
		assert.Equal(t, []byte{b}, u.idle(u.receive(nil, []byte{b}, 1)))
	}
}

// TestUARTBreak: a break is one byte, and it has no stop bit.
func TestUARTBreak(t *testing.T) {
	u := newUART()
	assert.Empty(t, u.bit(nil, 0, 30))
	assert.Empty(t, u.idle(nil))
	assert.Equal(t, []byte("x"), u.idle(u.receive(nil, []byte("x"), 1)))
}
