package quic_test

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
)

// path is a network between clients and a router: a relay of UDP packets that
// takes its time. It is one client's path; a second client would be mixed up
// with the first.
type path struct {
	delay time.Duration // each way
	rate  int           // bytes a second, each way; 0: no limit
	queue int           // bytes that may wait for the rate; more are dropped
	loss  float64       // 0 to 1

	front  *net.UDPConn
	router *net.UDPAddr
	wg     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	back   *net.UDPConn // the client's address as the router sees it
	client *net.UDPAddr
	free   [2]time.Time // when the line of a direction has sent what waits
	cut    bool         // nothing passes any more
	seed   *rand.Rand
}

// open puts the path before a listener and returns the URL to dial.
func (p *path) open(t testing.TB, ln carrier.Listener) string {
	return "quic://" + p.to(t, hostPort(ln))
}

// to puts the path before an address and returns the one to use instead.
func (p *path) to(t testing.TB, addr string) string {
	var err error
	p.router, err = net.ResolveUDPAddr("udp", addr)
	require.NoError(t, err)
	p.front, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	p.seed = rand.New(rand.NewPCG(1, 2))
	p.rebind(t)
	p.wg.Go(func() { p.forth() }) // ends with front
	t.Cleanup(p.close)
	return p.front.LocalAddr().String()
}

// rebind gives the client another address in the eyes of the router, as a NAT
// does that has forgotten it.
func (p *path) rebind(t testing.TB) {
	back, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	p.mu.Lock()
	old := p.back
	p.back = back
	p.mu.Unlock()
	p.wg.Go(func() { p.backwards(back) }) // ends with back
	if old != nil {
		old.Close()
	}
}

// reroute sends what comes from the client to another listener.
func (p *path) reroute(t testing.TB, ln carrier.Listener) {
	to, err := net.ResolveUDPAddr("udp", hostPort(ln))
	require.NoError(t, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.router = to
}

// vanish lets nothing pass from now on.
func (p *path) vanish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
}

func (p *path) close() {
	p.mu.Lock()
	p.closed = true
	p.back.Close()
	p.front.Close()
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *path) forth() {
	buf := make([]byte, 2048)
	for {
		n, from, err := p.front.ReadFromUDP(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.client = from
		p.mu.Unlock()
		p.pass(0, buf[:n], func(b []byte) {
			p.mu.Lock()
			back, to := p.back, p.router
			p.mu.Unlock()
			_, _ = back.WriteToUDP(b, to) // a network may lose it
		})
	}
}

func (p *path) backwards(back *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		n, err := back.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		client := p.client
		p.mu.Unlock()
		p.pass(1, buf[:n], func(b []byte) { _, _ = p.front.WriteToUDP(b, client) })
	}
}

// pass delivers a packet when the line has had the time for it.
func (p *path) pass(direction int, b []byte, deliver func([]byte)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.cut || p.loss > 0 && p.seed.Float64() < p.loss {
		return
	}
	now := time.Now()
	at := now
	if p.rate > 0 {
		free := p.free[direction]
		if free.Before(now) {
			free = now
		}
		if p.queue > 0 && int(free.Sub(now).Seconds()*float64(p.rate)) > p.queue {
			return // the queue is full
		}
		p.free[direction] = free.Add(time.Duration(float64(len(b)) / float64(p.rate) * float64(time.Second)))
		at = p.free[direction]
	}
	wait := at.Add(p.delay).Sub(now)
	if wait <= 0 {
		p.mu.Unlock()
		deliver(b)
		p.mu.Lock()
		return
	}
	packet := append([]byte(nil), b...)
	time.AfterFunc(wait, func() { deliver(packet) })
}
