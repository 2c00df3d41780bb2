package router

import "sync"

// Read buffers grow with the load of a connection: an idle one holds 4 KiB, a
// busy one 256 KiB. A buffer whose events went to handlers comes back through
// the pool when the last has been handled.
const (
	smallBuffer = 4 << 10
	largeBuffer = 256 << 10
)

var (
	smallPool = sync.Pool{New: func() any { b := make([]byte, smallBuffer); return &b }}
	largePool = sync.Pool{New: func() any { b := make([]byte, largeBuffer); return &b }}
)

func newBuffer(large bool) []byte {
	if large {
		return *largePool.Get().(*[]byte)
	}
	return *smallPool.Get().(*[]byte)
}

func freeBuffer(b []byte) {
	b = b[:cap(b)]
	if scribble {
		for i := range b {
			b[i] = 0xdb
		}
	}
	switch len(b) {
	case smallBuffer:
		smallPool.Put(&b)
	case largeBuffer:
		largePool.Put(&b)
	}
}
