package metrics

import (
	"net"
	"sync"
)

// crowd is a listener that accepts a connection only while fewer than a number of
// them are open.
type crowd struct {
	net.Listener
	places chan struct{} // capacity: how many may be open; who holds one has put it in
	closed chan struct{} // closed by Close
	once   sync.Once
}

func newCrowd(l net.Listener, n int) *crowd {
	return &crowd{Listener: l, places: make(chan struct{}, n), closed: make(chan struct{})}
}

// Accept waits for a place first.
func (c *crowd) Accept() (net.Conn, error) {
	select {
	case c.places <- struct{}{}:
	case <-c.closed:
		return nil, net.ErrClosed
	}
	conn, err := c.Listener.Accept()
	if err != nil {
		<-c.places
		return nil, err
	}
	return &placed{Conn: conn, leave: sync.OnceFunc(func() { <-c.places })}, nil
}

// Close ends waiting for a place as well.
func (c *crowd) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Listener.Close()
}

// placed is a connection with a place to give back.
type placed struct {
	net.Conn
	leave func()
}

func (p *placed) Close() error {
	defer p.leave()
	return p.Conn.Close()
}
