package dtls

import (
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// socketBuffer is asked of the kernel for a socket that serves many peers.
const socketBuffer = 4 << 20

// endpoint is a listening UDP socket: it hands each datagram to the session it
// is for, and begins one for a ClientHello that belongs to none.
//
// Nobody is believed early. A ClientHello from the address of a connection
// begins an attempt beside it, and the connection ends only when that attempt
// has become a connection of its own: a client that rebooted gets in at once,
// and one who writes another's address on a letter throws nobody out.
type endpoint struct {
	udp   *net.UDPConn
	limit int            // handshakes under way
	begin func(*session) // starts a session's handshake; must not block

	quit chan struct{} // closed by close
	done chan struct{} // closed when the socket is read no more

	mu        sync.Mutex
	closed    bool // no new sessions
	addresses map[netip.AddrPort]*address
	ids       map[connID]*session
	half      []*session // whose handshake is not over, oldest first
	alive     int        // sessions that are not closed
}

// newEndpoint takes over udp. Its reader ends when it is closed and the last
// session as well.
func newEndpoint(udp *net.UDPConn, limit int, begin func(*session)) *endpoint {
	_ = udp.SetReadBuffer(socketBuffer) // as much as the system allows
	ep := &endpoint{
		udp: udp, limit: limit, begin: begin,
		quit: make(chan struct{}), done: make(chan struct{}),
		addresses: make(map[netip.AddrPort]*address), ids: make(map[connID]*session),
	}
	go ep.read()
	return ep
}

func (ep *endpoint) read() {
	defer close(ep.done)
	buf := make([]byte, largestDatagram)
	for {
		n, from, err := ep.udp.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
			ep.route(buf[:n], from)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			ep.pause()
		}
	}
}

// pause keeps an error that stays from becoming a busy loop.
func (ep *endpoint) pause() {
	t := time.NewTimer(10 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ep.quit: // connections may live on: the next read tells
	}
}

// route hands a datagram to those it may be for.
func (ep *endpoint) route(d []byte, from netip.AddrPort) {
	if !isRecord(d) {
		return
	}
	for _, s := range ep.dispatch(d, from) {
		s.end(errCrowded)
	}
}

// dispatch returns the sessions that have to give way.
func (ep *endpoint) dispatch(d []byte, from netip.AddrPort) (crowded []*session) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if id, ok := addressed(d); ok {
		if s := ep.ids[id]; s != nil {
			s.deliver(d, from)
		}
		return nil
	}
	a := ep.addresses[from]
	if r, ok := clientHello(d); ok {
		return ep.hello(a, r, d, from)
	}
	if a == nil {
		return nil
	}
	for _, s := range a.attempts {
		if s.proven {
			s.deliver(d, from)
		}
	}
	if a.current != nil {
		a.current.deliver(d, from)
	}
	return nil
}

// deliver puts what can be of use into the inbox. The caller holds ep.mu.
func (s *session) deliver(d []byte, from netip.AddrPort) {
	useful := plausible
	switch {
	case s.quiet:
		useful = sealed
	case !s.settled:
		d = unwrapped(d)
	}
	if !useful(d, cidSize) {
		return
	}
	addr := s.addr.Load()
	if addr.AddrPort() != from {
		addr = net.UDPAddrFromAddrPort(from)
	}
	if !s.settled {
		s.clock.got(d)
	}
	s.box.put(d, addr)
}

// hello takes a ClientHello and returns the sessions that have to give way to
// it. The caller holds ep.mu.
func (ep *endpoint) hello(a *address, r random, d []byte, from netip.AddrPort) []*session {
	if a != nil {
		if s := a.find(r); s != nil {
			s.deliver(d, from)
			return nil
		}
	}
	if ep.closed {
		return nil
	}
	if a == nil {
		a = &address{}
		ep.addresses[from] = a
	}
	s := &session{ep: ep, random: r, box: newInbox()}
	rand.Read(s.id[:])
	s.addr.Store(net.UDPAddrFromAddrPort(from))
	a.attempts = append(a.attempts, s)
	ep.ids[s.id] = s
	ep.half = append(ep.half, s)
	ep.alive++
	s.deliver(d, from)
	ep.begin(s)
	return ep.crowded(a)
}

// crowded returns the oldest attempts where there are too many, of one address
// or of all. Those whose address is proven have half of the places, so that neither
// forged addresses nor real ones that stall can take them all; within its half
// each has the time until the others behind it have filled it. The caller holds
// ep.mu.
func (ep *endpoint) crowded(a *address) []*session {
	if len(a.attempts) > attemptsPerAddress {
		return []*session{a.attempts[0]}
	}
	if len(ep.half) <= ep.limit {
		return nil
	}
	unproven := 0
	for _, s := range ep.half {
		if !s.proven {
			unproven++
		}
	}
	victims := unproven <= ep.limit/2 // the proven ones?
	for _, s := range ep.half {
		if s.proven == victims {
			return []*session{s}
		}
	}
	return nil
}

// answering notes that a session sends a message of the handshake.
func (ep *endpoint) answering(s *session, serverHello bool) {
	ep.mu.Lock()
	s.clock.wrote()
	first := serverHello && !s.proven
	s.proven = s.proven || serverHello
	ep.mu.Unlock()
	if first {
		s.onProven()
	}
}

// settle makes an attempt whose handshake is over the connection of its address.
func (ep *endpoint) settle(s *session) {
	ep.mu.Lock()
	a := ep.addresses[s.addr.Load().AddrPort()]
	if s.settled || a == nil {
		ep.mu.Unlock()
		return
	}
	s.settled = true
	ep.forget(s)
	a.drop(s)
	old := a.current
	a.current = s
	ep.mu.Unlock()
	s.box.trust()
	if old != nil {
		old.end(errReplaced)
	}
}

// hush lets nothing but protected records through from now on: the peer has
// shown that it has got this side's last message of the handshake.
func (ep *endpoint) hush(s *session) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	s.quiet = true
}

// moved follows a client to another address. If that has a connection already,
// both go on: records carry connection IDs.
func (ep *endpoint) moved(s *session, to *net.UDPAddr) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	ep.leave(s)
	s.addr.Store(to)
	a := ep.addresses[to.AddrPort()]
	if a == nil {
		a = &address{}
		ep.addresses[to.AddrPort()] = a
	}
	if a.current == nil {
		a.current = s
	}
}

// leave takes a session out of its address. The caller holds ep.mu.
func (ep *endpoint) leave(s *session) {
	at := s.addr.Load().AddrPort()
	if a := ep.addresses[at]; a != nil {
		if a.drop(s); a.empty() {
			delete(ep.addresses, at)
		}
	}
}

// forget takes a session out of those whose handshake is not over. The caller
// holds ep.mu.
func (ep *endpoint) forget(s *session) {
	if i := slices.Index(ep.half, s); i >= 0 {
		ep.half = slices.Delete(ep.half, i, i+1)
	}
}

// remove takes out a session that was closed, once for each.
func (ep *endpoint) remove(s *session) {
	ep.mu.Lock()
	ep.leave(s)
	ep.forget(s)
	delete(ep.ids, s.id)
	ep.alive--
	last := ep.closed && ep.alive == 0
	ep.mu.Unlock()
	if last {
		ep.udp.Close()
	}
}

// close begins no sessions any more. Those that exist live on, and so does the
// socket until the last has been closed.
func (ep *endpoint) close() {
	ep.mu.Lock()
	first := !ep.closed
	ep.closed = true
	last := first && ep.alive == 0
	ep.mu.Unlock()
	if first {
		close(ep.quit)
	}
	if last {
		ep.udp.Close()
	}
}

// await waits for the end of the reader if nothing is left for it to read. The
// reader itself ends sessions and must not wait.
func (ep *endpoint) await() {
	ep.mu.Lock()
	over := ep.closed && ep.alive == 0
	ep.mu.Unlock()
	if over {
		<-ep.done
	}
}
