package dtls

import (
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/transport/v5/deadline"
)

const (
	// largestDatagram is what pion/dtls reads at once.
	largestDatagram = 8192
	// inboxBytes is how much may wait in an inbox, and strangerBytes how much
	// before the handshake is over. What comes beyond it is dropped, as by any
	// network; it is sent again.
	inboxBytes    = 512 << 10
	strangerBytes = 32 << 10
)

// packet is a datagram and where it came from.
type packet struct {
	data *[]byte
	from *net.UDPAddr
}

// buffers are for datagrams of the usual size, a larger one makes its own.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, 2048)
	return &b
}}

// inbox holds the datagrams of one peer until they are read.
type inbox struct {
	deadline *deadline.Deadline
	wake     chan struct{} // 1: one sign is enough; never closed
	gone     chan struct{} // closed by close

	mu      sync.Mutex
	waiting []packet
	bytes   int
	limit   int
	closed  bool
}

func newInbox() *inbox {
	return &inbox{deadline: deadline.New(), wake: make(chan struct{}, 1), gone: make(chan struct{}), limit: strangerBytes}
}

// put copies a datagram into the inbox, unless that is full or closed.
func (b *inbox) put(d []byte, from *net.UDPAddr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.bytes+len(d) > b.limit {
		return
	}
	buf := buffers.Get().(*[]byte)
	*buf = append((*buf)[:0], d...)
	b.waiting = append(b.waiting, packet{buf, from})
	b.bytes += len(d)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take reads the oldest datagram, and waits for one until the deadline.
func (b *inbox) take(p []byte) (int, *net.UDPAddr, error) {
	for {
		if n, from, ok := b.next(p); ok {
			return n, from, nil
		}
		select {
		case <-b.wake:
		case <-b.gone:
			return 0, nil, net.ErrClosed
		case <-b.deadline.Done():
			return 0, nil, os.ErrDeadlineExceeded
		}
	}
}

func (b *inbox) next(p []byte) (int, *net.UDPAddr, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		return 0, nil, false
	}
	first := b.waiting[0]
	b.waiting[0] = packet{}
	b.waiting = b.waiting[1:]
	if len(b.waiting) == 0 {
		b.waiting = nil // else its memory would only ever grow
	}
	b.bytes -= len(*first.data)
	n := copy(p, *first.data)
	buffers.Put(first.data)
	return n, first.from, true
}

// trust makes room for a peer that is no stranger any more.
func (b *inbox) trust() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = inboxBytes
}

func (b *inbox) setDeadline(t time.Time) { b.deadline.Set(t) }

// close drops what waits and unblocks take.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed, b.waiting = true, nil
	close(b.gone)
}
