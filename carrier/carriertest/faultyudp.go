package carriertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/gosig/gosig/carrier"
)

// LossyUDP puts a bad network under a carrier over UDP: what is dialled through
// it reaches the listener by a path that loses, doubles, swaps and delays
// datagrams, in both directions, as Faults say; their cuts and stalls do not
// concern it. The path is on this machine, at an address of its own in place of
// the host and port dialled, and ends a moment after its connection.
//
// A carrier that makes datagrams reliable passes [Test] over it.
func LossyUDP(c carrier.Carrier, seed uint64, faults *Faults) *LossyUDPCarrier {
	return &LossyUDPCarrier{Carrier: c, seed: seed, faults: *faults}
}

// LossyUDPCarrier is a carrier over a bad network, see [LossyUDP].
type LossyUDPCarrier struct {
	carrier.Carrier
	seed   uint64
	faults Faults
	tally

	mu      sync.Mutex
	dialled uint64
}

// Dial dials over a path of its own.
func (l *LossyUDPCarrier) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	l.mu.Lock()
	l.dialled++
	n := l.dialled
	l.mu.Unlock()
	p, err := l.open(addr.Host, n)
	if err != nil {
		return nil, err
	}
	through := *addr
	through.Host = p.near.LocalAddr().String()
	c, err := l.Carrier.Dial(ctx, &through)
	if err != nil {
		p.linger()
		return nil, err
	}
	f := &faultyConn{Conn: c, f: &FaultyCarrier{}, done: make(chan struct{}), cutAt: -1}
	f.dice = &dice{faults: &f.f.faults, reliable: true, ordered: true}
	f.after = p.linger
	return f.withAbilities(), nil
}

// path carries datagrams between a client, which is whoever sends to near first,
// and a server.
type path struct {
	near, far *net.UDPConn
	delay     time.Duration

	mu     sync.Mutex
	client *net.UDPAddr
}

// grace is how long a path serves on after its connection was closed, so that
// the other end hears of that.
const grace = 100 * time.Millisecond

func (l *LossyUDPCarrier) open(target string, n uint64) (*path, error) {
	to, err := net.ResolveUDPAddr("udp", target)
	if err != nil {
		return nil, fmt.Errorf("path to %s: %w", target, err)
	}
	near, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("path to %s: %w", target, err)
	}
	far, err := net.DialUDP("udp", nil, to)
	if err != nil {
		near.Close()
		return nil, fmt.Errorf("path to %s: %w", target, err)
	}
	p := &path{near: near, far: far, delay: l.faults.Delay}
	up := newDice(&l.faults, &l.tally, rand.New(rand.NewPCG(l.seed, 2*n)))
	down := newDice(&l.faults, &l.tally, rand.New(rand.NewPCG(l.seed, 2*n+1)))
	go p.run(near, up, p.toServer) // ends with linger
	go p.run(far, down, p.toClient)
	return p, nil
}

func (p *path) linger() {
	end := time.Now().Add(grace)
	_ = p.near.SetReadDeadline(end) // fails for a closed socket only
	_ = p.far.SetReadDeadline(end)
}

// run passes on what comes in at one end, until that ends.
func (p *path) run(from *net.UDPConn, d *dice, to func([]byte)) {
	defer from.Close()
	var late sync.WaitGroup
	defer late.Wait()
	buf := make([]byte, 64<<10)
	for {
		n, addr, err := from.ReadFromUDP(buf)
		if n == 0 && err != nil {
			if ne, ok := err.(net.Error); (ok && ne.Timeout()) || isCleanEnd(err) {
				return
			}
			continue // nobody listens there at present: a datagram is lost
		}
		if from == p.near {
			p.mu.Lock()
			p.client = addr
			p.mu.Unlock()
		}
		d.throw(buf[:n], func(datagram []byte) { p.pass(d, datagram, to, &late) })
	}
}

// pass sends a datagram on, after its delay.
func (p *path) pass(d *dice, datagram []byte, to func([]byte), late *sync.WaitGroup) {
	if p.delay == 0 {
		to(datagram)
		return
	}
	d.tally.delays.Add(1)
	datagram = append([]byte(nil), datagram...)
	wait := time.Duration(d.rng.Int64N(int64(p.delay) + 1))
	late.Go(func() { // ends after its delay
		time.Sleep(wait)
		to(datagram)
	})
}

// Datagrams that cannot be sent are lost, as everywhere.
func (p *path) toServer(datagram []byte) { _, _ = p.far.Write(datagram) }

func (p *path) toClient(datagram []byte) {
	p.mu.Lock()
	client := p.client
	p.mu.Unlock()
	if client != nil {
		_, _ = p.near.WriteToUDP(datagram, client)
	}
}
