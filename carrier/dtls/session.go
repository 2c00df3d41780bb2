package dtls

import (
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// session is what a listening socket has for one handshake and the connection
// that comes of it: a net.PacketConn for pion/dtls. Its states:
//
//	unproven --ServerHello goes out--> proven --handshake over--> settled
//
// A ServerHello goes out only after the client has returned the cookie, by which
// it has shown that it receives what is sent to its address.
type session struct {
	ep     *endpoint
	id     connID
	random random
	box    *inbox

	addr  atomic.Pointer[net.UDPAddr] // where the client is; changes with a connection ID
	cause atomic.Pointer[error]       // why this side ended it

	// onProven is called once, by whoever sends the ServerHello.
	onProven func()

	closing sync.Once

	// Guarded by ep.mu.
	proven, settled, quiet bool
	clock                  clock
}

var (
	errReplaced = errors.New("the peer has made a new connection from the same address: this one was its old one")
	errCrowded  = errors.New("given up for the sake of newer handshakes: too many are under way at once")
)

// ReadFrom implements net.PacketConn.
func (s *session) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := s.box.take(p)
	if err != nil {
		return 0, nil, err
	}
	return n, from, nil
}

// WriteTo implements net.PacketConn. pion/dtls writes to another address once
// the client has proved, by a record with its connection ID, to have moved.
func (s *session) WriteTo(p []byte, to net.Addr) (int, error) {
	addr, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, net.InvalidAddrError("not of UDP")
	}
	if kind, ok := handshakeType(p); ok {
		s.ep.answering(s, kind == messageServer)
	}
	if old := s.addr.Load(); addr != old && addr.AddrPort() != old.AddrPort() {
		s.ep.moved(s, addr)
	}
	_, err := s.ep.udp.WriteToUDPAddrPort(p, addr.AddrPort())
	if err != nil && passing(err) {
		err = nil // lost, as by any network
	}
	return len(p), err
}

// passing reports whether an error of writing says nothing about the next
// datagram.
func passing(err error) bool {
	for _, e := range []error{
		syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.ENOBUFS,
		syscall.EPERM, syscall.EMSGSIZE, syscall.EAGAIN,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Close implements net.PacketConn: nothing reaches the session any more.
func (s *session) Close() error {
	s.closing.Do(func() {
		s.box.close()
		s.ep.remove(s)
	})
	return nil
}

// end closes the session for a reason of this side.
func (s *session) end(why error) {
	s.cause.CompareAndSwap(nil, &why)
	s.Close()
}

// LocalAddr implements net.PacketConn.
func (s *session) LocalAddr() net.Addr { return s.ep.udp.LocalAddr() }

// SetDeadline implements net.PacketConn.
func (s *session) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }

// SetReadDeadline implements net.PacketConn.
func (s *session) SetReadDeadline(t time.Time) error {
	s.box.setDeadline(t)
	return nil
}

// SetWriteDeadline implements net.PacketConn. A datagram never waits for long.
func (s *session) SetWriteDeadline(time.Time) error { return nil }

// release implements link.
func (s *session) release() { s.ep.await() }

// settle implements link.
func (s *session) settle() { s.ep.settle(s) }

// hush implements link.
func (s *session) hush() { s.ep.hush(s) }

// roundTrip implements link.
func (s *session) roundTrip() time.Duration {
	s.ep.mu.Lock()
	defer s.ep.mu.Unlock()
	return s.clock.shortest
}

// reason implements link.
func (s *session) reason() error {
	if why := s.cause.Load(); why != nil {
		return *why
	}
	return nil
}

// address is what is known about one address: the connection in use and the
// handshakes under way, oldest first.
type address struct {
	current  *session
	attempts []*session
}

// attemptsPerAddress bounds them. More than one is needed so that a spoofed
// ClientHello does not push out the honest one.
const attemptsPerAddress = 4

func (a *address) find(r random) *session {
	if a.current != nil && a.current.random == r {
		return a.current
	}
	for _, s := range a.attempts {
		if s.random == r {
			return s
		}
	}
	return nil
}

func (a *address) drop(s *session) {
	if a.current == s {
		a.current = nil
	}
	if i := slices.Index(a.attempts, s); i >= 0 {
		a.attempts = slices.Delete(a.attempts, i, i+1)
	}
}

func (a *address) empty() bool { return a.current == nil && len(a.attempts) == 0 }
