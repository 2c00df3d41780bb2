package dtls_test

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// path is a network between a client and a listener: to the listener it looks
// like one host, whoever dials it. It loses datagrams, by a seeded sequence, and
// can change its own address as a NAT does.
type path struct {
	t       testing.TB
	to      netip.AddrPort
	near    *net.UDPConn
	down    atomic.Bool
	mtu     atomic.Int64 // larger datagrams are lost; 0: none
	dropped atomic.Int64

	mu     sync.Mutex
	far    *net.UDPConn
	client netip.AddrPort
	chance *rand.Rand
	loss   float64
	alter  func(d []byte) // changes what the listener sends; nil: nothing is changed
	wg     sync.WaitGroup
}

// newPath leads to the listener at addr, and ends with the test.
func newPath(t testing.TB, addr string, seed uint64, loss float64) *path {
	u, err := url.Parse(addr)
	require.NoError(t, err)
	p := &path{t: t, to: netip.MustParseAddrPort(u.Host), loss: loss, chance: rand.New(rand.NewPCG(seed, seed))}
	p.near, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	p.wg.Go(p.forth) // ends when near is closed
	p.rebind()
	t.Cleanup(func() {
		p.near.Close()
		p.mu.Lock()
		p.far.Close()
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

// addr is what a client dials.
func (p *path) addr() string { return "dtls://" + p.near.LocalAddr().String() }

// rebind changes the address under which the listener sees the client.
func (p *path) rebind() {
	far, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(p.t, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.far != nil {
		p.far.Close()
	}
	p.far = far
	p.wg.Go(func() { p.back(far) }) // ends when far is closed
}

// say sends a datagram to the listener from the client's address.
func (p *path) say(d []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.far.WriteToUDPAddrPort(d, p.to)
	require.NoError(p.t, err)
}

// reply sends a datagram to the client from the listener's address.
func (p *path) reply(d []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.near.WriteToUDPAddrPort(d, p.client)
	require.NoError(p.t, err)
}

func (p *path) forth() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := p.near.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.client = from
		if !p.loses(n) {
			_, _ = p.far.WriteToUDPAddrPort(buf[:n], p.to) // lost as well
		}
		p.mu.Unlock()
	}
}

func (p *path) back(far *net.UDPConn) {
	buf := make([]byte, 1<<16)
	for {
		n, _, err := far.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		if p.alter != nil {
			p.alter(buf[:n])
		}
		if !p.loses(n) {
			_, _ = p.near.WriteToUDPAddrPort(buf[:n], p.client) // lost as well
		}
		p.mu.Unlock()
	}
}

// loses decides over one datagram. The caller holds p.mu.
func (p *path) loses(n int) bool {
	if mtu := int(p.mtu.Load()); mtu > 0 && n > mtu || p.down.Load() || p.chance.Float64() < p.loss {
		p.dropped.Add(1)
		return true
	}
	return false
}
