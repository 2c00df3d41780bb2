package dtls

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// socket is a client's UDP socket: a net.PacketConn for pion/dtls. It is
// connected, so that the system reports a port where nobody listens.
type socket struct {
	*net.UDPConn
	remote   net.Addr
	answered chan struct{} // closed by the first datagram of DTLS
	noise    atomic.Bool   // something came that is no DTLS
	quiet    atomic.Bool   // only protected records pass
	cause    atomic.Pointer[error]

	first sync.Once // closes answered
	mu    sync.Mutex
	clock clock
}

func newSocket(udp *net.UDPConn) *socket {
	return &socket{UDPConn: udp, remote: udp.RemoteAddr(), answered: make(chan struct{})}
}

// ReadFrom implements net.PacketConn.
func (s *socket) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, err := s.Read(p)
		if err != nil {
			return 0, nil, s.failed(err)
		}
		if s.useful(p[:n]) {
			return n, s.remote, nil
		}
	}
}

func (s *socket) useful(d []byte) bool {
	if s.quiet.Load() {
		return sealed(d, 0)
	}
	if kind, ok := handshakeType(d); !plausible(d, 0) || ok && kind == messageHello {
		s.noise.Store(true) // our own ClientHello: it is an echo service
		return false
	}
	s.mu.Lock()
	s.clock.got(d)
	s.mu.Unlock()
	s.first.Do(func() { close(s.answered) })
	return true
}

// WriteTo implements net.PacketConn.
func (s *socket) WriteTo(p []byte, _ net.Addr) (int, error) {
	if !s.quiet.Load() {
		s.mu.Lock()
		s.clock.wrote()
		s.mu.Unlock()
	}
	_, err := s.Write(p)
	if err != nil && s.quiet.Load() && passing(err) {
		return len(p), nil // lost, as by any network
	}
	return len(p), s.failed(err)
}

// failed ends a connection whose peer has no socket any more, so that this does
// not look like an end that the peer has announced.
func (s *socket) failed(err error) error {
	if err != nil && s.quiet.Load() && refused(err) {
		s.end(fmt.Errorf("the peer's port is closed: it has ended or was restarted (%w)", err))
	}
	return err
}

// release implements link.
func (s *socket) release() {}

// settle implements link.
func (s *socket) settle() {}

// hush implements link.
func (s *socket) hush() { s.quiet.Store(true) }

// roundTrip implements link.
func (s *socket) roundTrip() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock.shortest
}

// end implements link.
func (s *socket) end(why error) {
	s.cause.CompareAndSwap(nil, &why)
	s.Close()
}

// reason implements link.
func (s *socket) reason() error {
	if why := s.cause.Load(); why != nil {
		return *why
	}
	return nil
}
