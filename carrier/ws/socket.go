package ws

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// gatherSize is room for what is put together before it goes out: a piece
	// with what package websocket kept of the one before, up to its 4 KiB.
	gatherSize = pieceSize + 8<<10
	// answersSize bounds the answers to pings that wait behind a message.
	answersSize = 4 << 10
	// farewell bounds how long Close may try to say good-bye to a peer that
	// does not read.
	farewell = 100 * time.Millisecond
)

// errNotRead is the end of a peer that asks for answers and reads none.
var errNotRead = errors.New("the peer does not read the answers to its pings")

// gathers are buffers of gatherSize: a connection has one only while it sends.
var gathers = sync.Pool{New: func() any {
	b := make([]byte, 0, gatherSize)
	return &b
}}

// socket is the connection below a websocket.Conn, which writes a message in
// pieces of 4 KiB. It makes one write of them, and keeps the answers to pings
// apart: whoever reads writes those, and must not wait for a Send that blocks.
type socket struct {
	net.Conn
	early []byte      // what was read beyond the HTTP handshake; used by the reader
	ahead readAhead   // used by the reader
	cut   atomic.Bool // a read has failed: what came to an end is the connection

	mu      sync.Mutex
	gather  *[]byte // the message being put together; nil: there is none
	sending bool    // from cork to the end of flush
	answers []byte  // written while a message was on its way out
}

// Read implements [net.Conn].
func (s *socket) Read(p []byte) (int, error) {
	if len(s.early) > 0 {
		n := copy(p, s.early)
		s.early = s.early[n:]
		return n, nil
	}
	n, err := s.ahead.read(s.Conn, p)
	if err != nil {
		s.cut.Store(true)
	}
	return n, err
}

// Write implements [net.Conn]. Between cork and flush it gathers.
func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.gather != nil:
		*s.gather = append(*s.gather, p...)
		return len(p), nil
	case !s.sending:
		return s.Conn.Write(p)
	case len(s.answers)+len(p) > answersSize:
		return 0, errNotRead
	}
	s.answers = append(s.answers, p...)
	return len(p), nil
}

// cork lets writes gather until flush.
func (s *socket) cork() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending, s.gather = true, gathers.Get().(*[]byte)
}

// flush writes what has gathered, without the lock, and the answers that were
// given meanwhile.
func (s *socket) flush() error {
	s.mu.Lock()
	message := s.gather
	s.gather = nil
	s.mu.Unlock()
	_, err := s.Conn.Write(*message)
	*message = (*message)[:0]
	gathers.Put(message)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending = false
	if err == nil && len(s.answers) > 0 {
		_, err = s.Conn.Write(s.answers)
	}
	s.answers = nil
	return err
}
