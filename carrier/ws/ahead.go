package ws

import (
	"net"
	"sync"

	"github.com/gosig/gosig/carrier/stream"
)

// aheadSize is how much is read from a socket at once.
const aheadSize = 128 << 10

// chunks are buffers of aheadSize: a connection has one only while there is
// something in it.
var chunks = sync.Pool{New: func() any {
	b := make([]byte, aheadSize)
	return &b
}}

// readAhead reads more from a socket than package websocket asks for, which reads
// the header of a message by 4 KiB and no further than to its end: two system calls
// for each message.
type readAhead struct {
	socket     stream.LazyReader // nil: nothing was read yet
	chunk      *[]byte           // nil: everything is handed out
	start, end int               // of what is not, in chunk
	err        error             // to be met behind it
}

func (a *readAhead) read(nc net.Conn, p []byte) (int, error) {
	if a.start == a.end && a.err == nil {
		tcp, ok := nc.(*net.TCPConn)
		if !ok || len(p) >= aheadSize {
			return nc.Read(p) // what lies over TLS would keep a chunk while it waits
		}
		if a.socket == nil {
			a.socket = stream.NewSocketReader(tcp)
		}
		buf, n, err := a.socket.ReadLazily(a)
		if buf == nil || n == 0 {
			a.Return()
			return 0, err
		}
		a.start, a.end, a.err = 0, n, err
	}
	if a.start == a.end {
		err := a.err
		a.err = nil
		return 0, err
	}
	n := copy(p, (*a.chunk)[a.start:a.end])
	if a.start += n; a.start == a.end {
		a.Return()
	}
	return n, nil
}

// Take implements [carrier.BufferSource].
func (a *readAhead) Take() []byte {
	a.chunk = chunks.Get().(*[]byte)
	return *a.chunk
}

// Return implements [carrier.BufferSource].
func (a *readAhead) Return() {
	if a.chunk != nil {
		chunks.Put(a.chunk)
		a.chunk = nil
	}
}
