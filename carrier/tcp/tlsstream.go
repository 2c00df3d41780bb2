package tcp

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/gosig/gosig/carrier"
)

// tlsStream is the byte stream that a tlsConn's frames cross. It gives package
// stream the means to move many records with one system call, and closes in
// bounded time: [tls.Conn.Close] waits up to 5 s for a peer that does not read.
type tlsStream struct {
	*tls.Conn
	raw *records
}

// ReadMore implements [stream.MoreReader].
func (s *tlsStream) ReadMore(p []byte) (n int, err error) {
	s.raw.atOnce = true
	defer func() { s.raw.atOnce = false }()
	for n < len(p) && err == nil && s.raw.whole() {
		var k int
		k, err = s.Conn.Read(p[n:])
		n += k
	}
	if err == errNotYet { //nolint:errorlint // crypto/tls passes it on as it is
		err = nil
	}
	return n, err
}

// ReadLazily implements [stream.LazyReader].
func (s *tlsStream) ReadLazily(from carrier.BufferSource) (buf []byte, n int, err error) {
	for {
		if err := s.raw.await(); err != nil {
			return nil, 0, err
		}
		buf = from.Take()
		buf = buf[:cap(buf)]
		if s.raw.err != nil {
			n, err = s.Conn.Read(buf)
			return buf, n, err
		}
		if n, err = s.ReadMore(buf); n > 0 || err != nil {
			return buf, n, err
		}
		from.Return() // TLS had something to say to itself
	}
}

// Cork and Uncork implement [stream.Corker].
func (s *tlsStream) Cork()         { s.raw.cork() }
func (s *tlsStream) Uncork() error { return s.raw.uncork() }

// Close closes; a write under way is broken off, as [tls.Conn] does.
func (s *tlsStream) Close() error {
	if s.raw.writing() {
		s.raw.Close() // there is no way to say good-bye in the middle of a record
	}
	t := time.AfterFunc(farewell, func() { s.raw.Close() })
	defer t.Stop()
	if err := s.Conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		s.raw.Close() // the good-bye was not taken; the conn is gone all the same
	}
	return nil
}
