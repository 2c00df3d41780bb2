package ws

import (
	"crypto/tls"
	"maps"
	"net"
	"slices"
	"sync"
	"time"
)

// gate is a net.Listener that bounds the connections which are still on their
// way to be WebSocket ones: their number, altogether and of one IP address, and
// their time.
type gate struct {
	net.Listener
	limit time.Duration
	perIP int           // negative: any number
	room  chan struct{} // one for each connection on its way
	quit  chan struct{} // closed by Close
	wg    sync.WaitGroup

	mu     sync.Mutex
	closed bool
	inside map[*doorway]bool // those on their way
	count  map[string]int    // of them, by IP address
}

func newGate(ln net.Listener, o Options) *gate {
	return &gate{
		Listener: ln, limit: o.HandshakeTimeout, perIP: o.HalfOpenPerIP,
		room: make(chan struct{}, o.HalfOpen), quit: make(chan struct{}),
		inside: make(map[*doorway]bool), count: make(map[string]int),
	}
}

// Accept waits for room before it accepts, so that the excess waits in the
// backlog. One address' excess is closed.
func (g *gate) Accept() (net.Conn, error) {
	for {
		select {
		case g.room <- struct{}{}:
		case <-g.quit:
			return nil, net.ErrClosed
		}
		nc, err := g.Listener.Accept()
		if err != nil {
			<-g.room
			return nil, err
		}
		if d := g.enter(nc); d != nil {
			return d, nil
		}
		nc.Close()
		<-g.room
	}
}

func (g *gate) enter(nc net.Conn) *doorway {
	ip := strangersIP(nc)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || ip != "" && g.perIP >= 0 && g.count[ip] >= g.perIP {
		return nil
	}
	d := &doorway{Conn: nc, gate: g, ip: ip}
	g.count[ip]++
	g.inside[d] = true
	g.wg.Add(1)
	d.timer = time.AfterFunc(g.limit, func() { d.Close() })
	return d
}

// strangersIP returns the IP address that a connection comes from; "" for this
// machine, whose programs are not told apart by it.
func strangersIP(nc net.Conn) string {
	a, ok := nc.RemoteAddr().(*net.TCPAddr)
	if !ok || a.IP.IsLoopback() {
		return ""
	}
	return a.IP.String()
}

func (g *gate) left(d *doorway) {
	g.mu.Lock()
	d.timer.Stop()
	delete(g.inside, d)
	if g.count[d.ip]--; g.count[d.ip] == 0 {
		delete(g.count, d.ip)
	}
	g.mu.Unlock()
	<-g.room
	g.wg.Done()
}

// Close ends Accept and closes the connections on their way.
func (g *gate) Close() error {
	g.mu.Lock()
	first := !g.closed
	g.closed = true
	inside := slices.Collect(maps.Keys(g.inside))
	g.mu.Unlock()
	if !first {
		return nil
	}
	close(g.quit)
	err := g.Listener.Close()
	for _, d := range inside {
		d.Close()
	}
	return err
}

// doorway is a connection on its way.
type doorway struct {
	net.Conn
	gate  *gate
	ip    string
	timer *time.Timer // set under gate.mu, since it may fire at once
	once  sync.Once
}

// leave ends the bounds: the connection is somebody's now, or closed.
func (d *doorway) leave() {
	if d == nil {
		return
	}
	d.once.Do(func() { d.gate.left(d) })
}

// Close implements [net.Conn].
func (d *doorway) Close() error {
	err := d.Conn.Close()
	d.leave()
	return err
}

// NetConn is what the doorway leads to, for package stream.
func (d *doorway) NetConn() net.Conn { return d.Conn }

// doorwayOf returns the doorway that a connection of an HTTP server came in by;
// nil if there is none.
func doorwayOf(nc net.Conn) *doorway {
	if tc, ok := nc.(*tls.Conn); ok {
		nc = tc.NetConn()
	}
	d, _ := nc.(*doorway)
	return d
}
