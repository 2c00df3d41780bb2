package router

import (
	"sync"
	"sync/atomic"

	"github.com/gosig/gosig/carrier"
)

// Buffers grow with the load of a connection: an idle one reads into 4 KiB, a
// busy one into 256 KiB, and what is to be written gathers in 64 KiB. The largest is for
// frames up to the usual Limits.MaxFrame.
const (
	smallBuffer   = 4 << 10
	mediumBuffer  = 64 << 10
	largeBuffer   = 256 << 10
	largestBuffer = 1<<20 + carrier.FrameOverhead
)

// buffer is memory that one read has filled, or in which gathers what is to be
// written. Who gets a part of it without a copy, a peer's queue or the handlers
// here, holds it as well, and it goes back to its pool when the last lets go.
type buffer struct {
	bytes   []byte
	holders atomic.Int32
	pool    *sync.Pool // nil: of a size that is not kept
}

var smallPool, mediumPool, largePool, largestPool sync.Pool

// newBuffer returns a buffer of the smallest size that is kept and has room for
// n bytes, or of just n bytes.
func newBuffer(n int) *buffer {
	switch size := sizeOf(n); size {
	case smallBuffer:
		return pooled(&smallPool, size)
	case mediumBuffer:
		return pooled(&mediumPool, size)
	case largeBuffer:
		return pooled(&largePool, size)
	case largestBuffer:
		return pooled(&largestPool, size)
	}
	return bufferOf(make([]byte, n))
}

// sizeOf is the smallest size that is kept of buffers with room for n bytes, or n.
func sizeOf(n int) int {
	switch {
	case n <= smallBuffer:
		return smallBuffer
	case n <= mediumBuffer:
		return mediumBuffer
	case n <= largeBuffer:
		return largeBuffer
	case n <= largestBuffer:
		return largestBuffer
	}
	return n
}

func pooled(pool *sync.Pool, size int) *buffer {
	b, _ := pool.Get().(*buffer)
	if b == nil {
		b = &buffer{bytes: make([]byte, size), pool: pool}
	}
	b.holders.Store(1)
	return b
}

// bufferOf makes a buffer of memory that comes from elsewhere.
func bufferOf(bytes []byte) *buffer {
	b := &buffer{bytes: bytes}
	b.holders.Store(1)
	return b
}

// hold lets one more have the buffer; it is freed once for each.
func (b *buffer) hold() *buffer {
	b.holders.Add(1)
	return b
}

// alone reports whether the caller is the only one who has the buffer.
func (b *buffer) alone() bool { return b.holders.Load() == 1 }

// free lets go of the buffer. It may be nil.
func (b *buffer) free() {
	if b == nil || b.holders.Add(-1) > 0 {
		return
	}
	if scribble {
		for i := range b.bytes {
			b.bytes[i] = 0xdb
		}
	}
	if b.pool != nil {
		b.pool.Put(b)
	}
}
