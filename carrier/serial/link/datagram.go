package link

import "fmt"

// datagrams holds best-effort messages: each is one frame, sent once.
type datagrams struct {
	out, in queue
	turn    bool // a datagram went out last: data comes next
}

// queue is a ring of messages in buffers of its own.
type queue struct {
	slots [][]byte // the capacity of each is the MTU
	head  int
	size  int
}

func (d *datagrams) init(o *Options) {
	d.out.slots, d.in.slots = make([][]byte, o.Datagrams), make([][]byte, o.Datagrams)
	for i := range o.Datagrams {
		d.out.slots[i], d.in.slots[i] = make([]byte, 0, o.MTU), make([]byte, 0, o.MTU)
	}
}

func (d *datagrams) reset() {
	d.out.head, d.out.size = 0, 0
	d.in.head, d.in.size = 0, 0
}

func (q *queue) push(p []byte) bool {
	if q.size == len(q.slots) {
		return false
	}
	i := (q.head + q.size) % len(q.slots)
	q.slots[i] = append(q.slots[i][:0], p...)
	q.size++
	return true
}

// pop returns the oldest, which is good until the next push.
func (q *queue) pop() ([]byte, bool) {
	if q.size == 0 {
		return nil, false
	}
	p := q.slots[q.head]
	q.head = (q.head + 1) % len(q.slots)
	q.size--
	return p, true
}

// SendDatagram sends p once: it arrives whole, or not at all, and may overtake
// messages. It must fit into one frame. Errors: [ErrClosed], [ErrNoRoom] when too
// many wait, [ErrTooLarge]. p may be reused.
func (m *Machine) SendDatagram(p []byte) error {
	switch {
	case !m.sess.open:
		return ErrClosed
	case len(p) > m.sess.peer.MTU:
		return fmt.Errorf("%w: a datagram of %d bytes, a frame carries %d", ErrTooLarge, len(p), m.sess.peer.MTU)
	case !m.dg.out.push(p):
		m.stats.Dropped++
		return ErrNoRoom
	}
	return nil
}

// Datagram appends the oldest datagram that has come to dst, and reports false
// if there is none.
func (m *Machine) Datagram(dst []byte) ([]byte, bool) {
	p, ok := m.dg.in.pop()
	return append(dst, p...), ok
}
