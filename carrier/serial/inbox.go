package serial

import (
	"encoding/binary"
	"io"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial/link"
)

// inbox holds the messages that have come, as frames of a batch:
//
//	      head                  tail
//	       v                     v
//	+------+-----------+---------+--------------+
//	| gone | n | frame | n | ... | 0 | so far   |
//	+------+-----------+---------+--------------+
//
// What comes last may be a message of which only a part is there; its length is
// filled in when it is whole.
type inbox struct {
	buf        []byte
	head, tail int
}

const (
	// enough is how many bytes of whole frames wait before no more are taken
	// from the link, which then grants the peer no more credit.
	enough = 16 << 10
	// spare is how much memory an empty inbox keeps.
	spare = 64 << 10
)

// full reports whether nothing more is taken for now.
func (in *inbox) full() bool { return in.tail-in.head >= enough }

// inside reports whether a part of a message is there.
func (in *inbox) inside() bool { return len(in.buf) > in.tail+carrier.FrameOverhead }

// take takes what the link has of messages, and reports whether one became whole.
// With all it takes everything. An empty message is an error: it is no frame.
func (in *inbox) take(m *link.Machine, all bool) (news bool, err error) {
	for all || !in.full() {
		if len(in.buf) == in.tail {
			in.buf = append(in.buf, 0, 0, 0, 0)
		}
		var whole bool
		if in.buf, whole = m.Receive(in.buf); !whole {
			break
		}
		size := len(in.buf) - in.tail - carrier.FrameOverhead
		if size == 0 {
			in.buf = in.buf[:in.tail]
			return news, carrier.ErrProtocol
		}
		binary.BigEndian.PutUint32(in.buf[in.tail:], uint32(size))
		in.tail = len(in.buf)
		news = true
	}
	return news, nil
}

// some reports whether there is a whole frame.
func (in *inbox) some() bool { return in.tail > in.head }

// hand returns frames, copied into dst where they fit, as [carrier.Conn] says.
func (in *inbox) hand(dst []byte, limit int) ([]byte, error) {
	frames, _, err := carrier.Split(in.buf[in.head:in.tail], cap(dst), limit)
	if err != nil {
		return nil, err
	}
	dst = append(dst[:0], frames...)
	in.head += len(frames)
	in.tidy()
	return dst, nil
}

// tidy moves what is left to the front once most before it is gone.
func (in *inbox) tidy() {
	switch rest := len(in.buf) - in.head; {
	case rest == 0 && cap(in.buf) > spare:
		*in = inbox{}
	case in.head > rest:
		copy(in.buf, in.buf[in.head:])
		in.buf, in.tail, in.head = in.buf[:rest], in.tail-in.head, 0
	}
}

// discard takes messages for nobody, so that the peer goes on being acknowledged.
func (in *inbox) discard(m *link.Machine) {
	for whole := true; whole; {
		in.buf, whole = m.Receive(in.buf[:0])
	}
	in.buf, in.head, in.tail = in.buf[:0], 0, 0
}

// end is what Receive returns when the peer has closed.
func (in *inbox) end() error {
	if in.inside() {
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}
