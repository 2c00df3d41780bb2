package ws

import (
	"crypto/tls"
	"net"
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
	count  map[string]int // of those on their way, by IP address
}

func newGate(ln net.Listener, o Options) *gate {
	return &gate{
		Listener: ln, limit: o.HandshakeTimeout, perIP: o.HalfOpenPerIP,
		room: make(chan struct{}, o.HalfOpen), quit: make(chan struct{}), count: make(map[string]int),
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
	g.count[ip]++
	g.wg.Add(1)
	d := &doorway{Conn: nc, gate: g, ip: ip}
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

func (g *gate) left(ip string) {
	g.mu.Lock()
	if g.count[ip]--; g.count[ip] == 0 {
		delete(g.count, ip)
	}
	g.mu.Unlock()
	<-g.room
	g.wg.Done()
}

// Close ends Accept. Connections on their way are the HTTP server's to close.
func (g *gate) Close() error {
	g.mu.Lock()
	first := !g.closed
	g.closed = true
	g.mu.Unlock()
	if !first {
		return nil
	}
	close(g.quit)
	return g.Listener.Close()
}

// doorway is a connection on its way.
type doorway struct {
	net.Conn
	gate  *gate
	ip    string
	timer *time.Timer
	once  sync.Once
}

// leave ends the bounds: the connection is somebody's now, or closed.
func (d *doorway) leave() {
	if d == nil {
		return
	}
	d.once.Do(func() {
		d.timer.Stop()
		d.gate.left(d.ip)
	})
}

// Close implements [net.Conn].
func (d *doorway) Close() error {
	err := d.Conn.Close()
	d.leave()
	return err
}

// doorwayOf returns the doorway that a connection of an HTTP server came in by;
// nil if there is none.
func doorwayOf(nc net.Conn) *doorway {
	if tc, ok := nc.(*tls.Conn); ok {
		nc = tc.NetConn()
	}
	d, _ := nc.(*doorway)
	return d
}
