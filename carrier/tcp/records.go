package tcp

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/gosig/gosig/carrier/stream"
)

// records lies between TLS and its socket. [tls.Conn] reads and writes one
// record at a time, of 16 KiB at most, with a system call each; here one call
// moves as many as have gathered.
//
//	socket --one read--> [record record rec]  --a record at a time--> tls.Conn
//	tls.Conn --a record at a time--> [record record]  --one write--> socket
//
// Never handing out more than is left of one record, it knows whether TLS can
// read another without waiting.
type records struct {
	net.Conn // the socket

	// Of the goroutine that reads.
	socket     stream.LazyReader
	chunk      *chunk // what was read; nil: everything is handed out
	start, end int    // of that, in chunk
	rest       int    // bytes left of the record being handed out
	err        error  // the socket's, to be met behind what was read
	atOnce     bool   // a Read that would have to wait fails with errNotYet

	mu     sync.Mutex
	joined *chunk // what waits to be written
	filled int    // bytes of it
	corked bool   // wait for more
}

const (
	recordHeader = 5
	// largestRecord is a record of TLS 1.2 at its largest; of 1.3 they are smaller.
	largestRecord = recordHeader + 16<<10 + 2048
	// fullRecord is a record of 16 KiB of TLS 1.3.
	fullRecord = recordHeader + 16<<10 + 17
)

// chunk has room for a few records. Connections have one only while there is
// something in it.
type chunk [8 * fullRecord]byte

var chunks = sync.Pool{New: func() any { return new(chunk) }}

func newRecords(nc net.Conn) *records {
	return &records{Conn: nc, socket: stream.NewSocketReader(nc)}
}

// NetConn is the socket, for package stream.
func (r *records) NetConn() net.Conn { return r.Conn }

// errNotYet is temporary to [tls.Conn]: it goes on where it was.
var errNotYet net.Error = notYet{}

type notYet struct{}

func (notYet) Error() string   { return "no whole record has arrived" }
func (notYet) Timeout() bool   { return true }
func (notYet) Temporary() bool { return true }

// Read is for TLS: it hands out what there is of one record.
func (r *records) Read(p []byte) (int, error) {
	if r.atOnce && !r.whole() {
		return 0, errNotYet
	}
	want := 1
	if r.rest == 0 {
		want = recordHeader
	}
	for r.end-r.start < want && r.err == nil {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	if r.start == r.end {
		return 0, r.err
	}
	if r.rest == 0 {
		r.rest = r.next()
	}
	n := copy(p, r.chunk[r.start:min(r.end, r.start+r.rest)])
	r.start += n
	r.rest -= n
	if r.start == r.end {
		r.letGo()
	}
	return n, nil
}

// next is the size of the record whose header is the next to be handed out; at
// the end of the stream, of what there is of it.
func (r *records) next() int {
	if r.end-r.start < recordHeader {
		return r.end - r.start
	}
	return recordHeader + int(binary.BigEndian.Uint16(r.chunk[r.start+3:]))
}

// whole reports whether TLS can read a record without waiting. One that is too
// large is refused by its header.
func (r *records) whole() bool {
	have := r.end - r.start
	if r.rest > 0 {
		return have >= r.rest
	}
	if have < recordHeader {
		return false
	}
	n := r.next()
	return have >= n || n > largestRecord
}

// await waits until TLS can read without waiting, be it an error.
func (r *records) await() error {
	for !r.whole() && r.err == nil {
		if err := r.fill(); err != nil {
			return err
		}
	}
	return nil
}

// fill reads once, behind what is there. An error that will be met again is kept.
func (r *records) fill() error {
	if r.chunk == nil {
		return r.fillLazily()
	}
	if r.start > 0 {
		r.end = copy(r.chunk[:], r.chunk[r.start:r.end])
		r.start = 0
	}
	n, err := r.Conn.Read(r.chunk[r.end:])
	r.end += n
	return r.note(n, err)
}

// fillLazily reads into a chunk that is taken when there is something to read.
func (r *records) fillLazily() error {
	_, n, err := r.socket.ReadLazily((*chunkSource)(r))
	if n > 0 {
		r.start, r.end = 0, n
	} else if r.chunk != nil {
		r.letGo()
	}
	return r.note(n, err)
}

// note keeps an error; that a deadline has passed concerns one call only.
func (r *records) note(n int, err error) error {
	if err == nil {
		return nil
	}
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		if n > 0 {
			return nil
		}
		return err
	}
	r.err = err
	return nil
}

func (r *records) letGo() {
	chunks.Put(r.chunk)
	r.chunk, r.start, r.end = nil, 0, 0
}

// chunkSource is the [carrier.BufferSource] of fillLazily.
type chunkSource records

func (s *chunkSource) Take() []byte {
	if s.chunk == nil {
		s.chunk = chunks.Get().(*chunk)
	}
	return s.chunk[:]
}

func (s *chunkSource) Return() { (*records)(s).letGo() }

// Write is for TLS: a record or more.
func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.corked {
		return r.Conn.Write(p)
	}
	if r.joined == nil {
		r.joined = chunks.Get().(*chunk)
	}
	if r.filled+len(p) > len(r.joined) {
		if err := r.flushLocked(); err != nil {
			return 0, err
		}
	}
	if len(p) > len(r.joined) {
		return r.Conn.Write(p)
	}
	r.filled += copy(r.joined[r.filled:], p)
	return len(p), nil
}

// writing reports whether a write is under way.
func (r *records) writing() bool {
	if !r.mu.TryLock() {
		return true
	}
	defer r.mu.Unlock()
	return r.corked
}

// cork lets what is written wait for more, until uncork.
func (r *records) cork() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.corked = true
}

// uncork writes what has gathered.
func (r *records) uncork() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.corked = false
	err := r.flushLocked()
	if r.joined != nil {
		chunks.Put(r.joined)
		r.joined = nil
	}
	return err
}

func (r *records) flushLocked() error {
	if r.filled == 0 {
		return nil
	}
	_, err := r.Conn.Write(r.joined[:r.filled])
	r.filled = 0
	return err
}
