package dtls

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync"

	"github.com/pion/dtls/v3"

	"github.com/gosig/gosig/carrier"
)

// backlog is how many peers may wait to be accepted; others are refused.
const backlog = 256

// listener is a [carrier.Listener] on one UDP socket.
type listener struct {
	side *side
	ep   *endpoint

	accepted chan *conn    // for Accept; never closed
	quit     chan struct{} // closed by Close
	once     sync.Once

	mu     sync.Mutex
	closed bool
	ours   map[*conn]struct{} // not handed out yet
}

func (c *Carrier) listen(ctx context.Context, addr *url.URL, s *side) (carrier.Listener, error) {
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "udp", addr.Host)
	if err != nil {
		return nil, carrier.ExplainListen(addr, err)
	}
	l := &listener{
		side: s, accepted: make(chan *conn, backlog), quit: make(chan struct{}), ours: make(map[*conn]struct{}),
	}
	l.ep = newEndpoint(pc.(*net.UDPConn), c.opts.MaxHandshakes, l.begin)
	return l, nil
}

// begin starts a session's handshake. The endpoint calls it with its lock held.
func (l *listener) begin(s *session) {
	c := newConn(l.side, s, false, s.addr.Load())
	s.onProven = func() { l.offer(c) }
	l.mu.Lock()
	l.ours[c] = struct{}{}
	l.mu.Unlock()
	go l.handshake(c, s) // ends with the handshake, its limit, or Close
}

func (l *listener) handshake(c *conn, s *session) {
	c.run(func() (*dtls.Conn, error) {
		return dtls.ServerWithOptions(s, s.addr.Load(), l.side.server(s.id, &c.stage)...)
	})
	if c.failure == nil {
		return
	}
	// Whoever has accepted it learns of the failure; if nobody has, nobody
	// need.
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ours, c)
}

// offer hands a peer to Accept that has proved its address. Where too many wait
// already, it is refused.
func (l *listener) offer(c *conn) {
	select {
	case l.accepted <- c:
	default:
		c.cancel()
	}
}

// Accept returns the next peer, see [carrier.Listener].
func (l *listener) Accept(ctx context.Context) (carrier.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("accept: %w", err)
	}
	select {
	case c := <-l.accepted:
		if l.handOut(c) {
			return c, nil
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("accept: %w", ctx.Err())
	case <-l.quit:
	}
	return nil, fmt.Errorf("accept on %s: %w", l.Addr(), net.ErrClosed)
}

// handOut gives a conn away, unless the listener is closed, which closes it.
func (l *listener) handOut(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	delete(l.ours, c)
	return true
}

// Close implements [carrier.Listener].
func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.quit)
		l.ep.close()
		var wg sync.WaitGroup
		for _, c := range l.left() {
			wg.Go(func() { c.Close() })
		}
		wg.Wait()
		l.ep.await()
	})
	return nil
}

// left returns the conns that nobody has accepted, when no more are handed out.
func (l *listener) left() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	var all []*conn
	for c := range l.ours {
		all = append(all, c)
	}
	clear(l.ours)
	return all
}

// Addr is the URL to dial.
func (l *listener) Addr() string { return "dtls://" + l.ep.udp.LocalAddr().String() }
