package router_test

import (
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// ending is how an end goes in the middle of something.
type ending string

const (
	vanishes ending = "vanishes" // it is silent from now on, and its socket stays
	resets   ending = "resets"   // its socket is gone: TCP's RST, for UDP ICMP's port unreachable
	closes   ending = "closes"   // it says so, by what its carrier has for that
)

// relay is the way of one client to a listener, over TCP or UDP. It counts what
// one of the two sends, in pieces of up to 256 bytes or in datagrams, and comes to
// its end after so many. What closes then is that one, over the relay; otherwise the
// relay is what the other one takes for it.
type relay struct {
	after    int
	listener bool // it is the listener that goes, and the client otherwise
	ending
	over   chan struct{} // closed when so many pieces have been passed on
	passed int

	accepts   net.Listener // nil: UDP
	near, far net.Conn
	client    net.Addr // over UDP
	mu        sync.Mutex
	mute      bool
	wg        sync.WaitGroup
}

// newRelay leads a client that goes to addr. Its second result is what to dial
// instead.
func newRelay(t *testing.T, addr string, after int, how ending) (*relay, string) {
	return (&relay{after: after, ending: how}).to(t, addr)
}

// to begins. Its second result is what to dial instead of addr.
func (r *relay) to(t *testing.T, addr string) (*relay, string) {
	u, err := url.Parse(addr)
	require.NoError(t, err)
	r.over = make(chan struct{})
	if u.Scheme == "quic" || u.Scheme == "dtls" {
		near, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(t, err)
		r.near = near
		r.far, err = net.Dial("udp", u.Host)
		require.NoError(t, err)
		u.Host = near.LocalAddr().String()
		r.wg.Go(r.forth) // end with close
		r.wg.Go(r.back)
		return r, u.String()
	}
	r.accepts, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.far, err = net.Dial("tcp", u.Host)
	require.NoError(t, err)
	u.Host = r.accepts.Addr().String()
	r.wg.Go(func() { // ends with close
		near, err := r.accepts.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		r.near = near
		r.mu.Unlock()
		r.wg.Go(r.back)
		r.forth()
	})
	return r, u.String()
}

// forth passes on what the client sends.
func (r *relay) forth() {
	size := 256
	udp, isUDP := r.near.(*net.UDPConn)
	if isUDP {
		size = 1 << 16
	}
	buf := make([]byte, size)
	for {
		var n int
		var err error
		if isUDP {
			var from net.Addr
			n, from, err = udp.ReadFrom(buf)
			r.mu.Lock()
			r.client = from
			r.mu.Unlock()
		} else {
			n, err = r.near.Read(buf)
		}
		if err != nil {
			if !isUDP && !r.muted() {
				r.far.Close() // the client has closed
			}
			return
		}
		if n == 0 || r.muted() {
			continue
		}
		_, _ = r.far.Write(buf[:n]) // the listener may have closed
		if !r.listener {
			r.count(r.far)
		}
	}
}

// count ends the relay when a piece that counts was the last. left is what the
// other end has of the one that goes.
func (r *relay) count(left net.Conn) {
	if r.passed++; r.passed != r.after {
		return
	}
	r.mu.Lock()
	r.mute = r.ending != closes // who closes does so by itself
	r.mu.Unlock()
	if r.ending == resets {
		if tcp, ok := left.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		left.Close()
	}
	close(r.over)
}

func (r *relay) muted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mute
}

// back passes on what the listener sends.
func (r *relay) back() {
	buf := make([]byte, 1<<16)
	if r.listener && r.accepts != nil {
		buf = buf[:256]
	}
	for {
		n, err := r.far.Read(buf)
		if err != nil {
			if r.accepts != nil && !r.muted() {
				r.near.Close() // so that the client hears of it
			}
			return
		}
		r.mu.Lock()
		mute, client := r.mute, r.client
		r.mu.Unlock()
		switch udp, ok := r.near.(*net.UDPConn); {
		case mute:
		case ok:
			_, _ = udp.WriteTo(buf[:n], client) // lost otherwise
		default:
			_, _ = r.near.Write(buf[:n]) // the client may have closed
		}
		if r.listener && !mute {
			r.count(r.near)
		}
	}
}

func (r *relay) close() {
	if r.accepts != nil {
		r.accepts.Close()
	}
	r.far.Close()
	r.mu.Lock()
	near := r.near
	r.mu.Unlock()
	if near != nil {
		near.Close()
	}
	r.wg.Wait()
}
