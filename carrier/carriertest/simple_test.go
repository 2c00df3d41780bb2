package carriertest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gosig/gosig/carrier"
)

// simple is a carrier as simple as can be, for the kit to be tried on: a space
// of names within the process, and bounded stores of bytes between two ends. It
// has places where a defect can be planted, one at a time; without one it keeps
// every promise.
type simple struct {
	defect defect
	traits carrier.Traits

	mu        sync.Mutex
	listeners map[string]*simpleListener
	serial    int
}

func newSimple(d defect) *simple {
	return &simple{
		defect: d, listeners: make(map[string]*simpleListener),
		traits: carrier.Traits{Reliable: true, Ordered: true, MaxFrame: 1 << 30},
	}
}

func (s *simple) Schemes() []string { return []string{"simple"} }

func (s *simple) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	known := []string{"as"}
	if s.defect == ignoresParameters {
		known = append(known, "no_such_parameter")
	}
	query, err := carrier.Query(addr, known...)
	if err != nil {
		return nil, err
	}
	if s.defect == dialsInVain {
		ctx = context.WithoutCancel(ctx)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	ln, ok := s.listeners[addr.Host]
	s.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("nobody listens on simple://%s", addr.Host)
	}
	client, server := s.pair()
	server.claim = query.Get("as")
	if s.defect == conntiedToDial {
		context.AfterFunc(ctx, func() { client.Close() })
	}
	if err := ln.offer(ctx, server); err != nil {
		return nil, err
	}
	return client, nil
}

func (s *simple) Listen(ctx context.Context, addr *url.URL) (carrier.Listener, error) {
	if _, err := carrier.Query(addr); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	name := addr.Host
	if addr.Port() == "0" {
		name = fmt.Sprintf("%s:%d", addr.Hostname(), s.serial)
	}
	ln := &simpleListener{s: s, name: name, asked: addr.Host, waiting: make(chan *simpleConn, 50), quit: make(chan struct{})}
	s.listeners[name] = ln
	if s.defect == listenerTiedToContext {
		context.AfterFunc(ctx, func() { ln.Close() })
	}
	return ln, nil
}

// pair returns the two ends of a new conn.
func (s *simple) pair() (client, server *simpleConn) {
	up, down := newStore(s.defect), newStore(s.defect)
	client = &simpleConn{s: s, in: down, out: up, local: "simple://client", remote: "simple://server", dialled: true}
	server = &simpleConn{s: s, in: up, out: down, local: "simple://server", remote: "simple://client"}
	client.hello = &hello{said: make(chan struct{})}
	server.hello = client.hello
	client.done, server.done = make(chan struct{}), make(chan struct{})
	client.limit.Store(carrier.DefaultMaxFrame)
	server.limit.Store(carrier.DefaultMaxFrame)
	if s.defect == leaksDescriptor {
		client.file, _ = os.Open(os.DevNull) // without it nothing leaks, and the test fails
	}
	return client, server
}

// simpleListener hands out conns.
type simpleListener struct {
	s           *simple
	name, asked string
	waiting     chan *simpleConn // 50 places for conns to be accepted; never closed
	quit        chan struct{}    // closed by Close
	once        sync.Once
}

func (l *simpleListener) offer(ctx context.Context, c *simpleConn) error {
	quit := l.quit
	if l.s.defect == staysDialable {
		quit = nil
	}
	select {
	case <-quit:
		return net.ErrClosed
	default:
	}
	select {
	case l.waiting <- c:
		return nil
	case <-quit:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *simpleListener) Accept(ctx context.Context) (carrier.Conn, error) {
	if l.s.defect == acceptIgnoresContext {
		ctx = context.Background()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-l.quit: // first: what waits beside it is to be closed
		return l.closedConn()
	default:
	}
	select {
	case c := <-l.waiting:
		if l.s.defect == handshakeInAccept {
			_ = c.Handshake(ctx) // as a listener that waits for the peer to speak
		}
		return c, nil
	case <-l.quit:
		return l.closedConn()
	case <-ctx.Done():
		if l.s.defect == cancelledAcceptCloses {
			l.Close()
		}
		return nil, ctx.Err()
	}
}

func (l *simpleListener) closedConn() (carrier.Conn, error) {
	if l.s.defect == acceptsNothing {
		return nil, nil
	}
	return nil, fmt.Errorf("accept: %w", net.ErrClosed)
}

func (l *simpleListener) Close() error {
	l.once.Do(func() {
		l.s.mu.Lock()
		if l.s.defect != staysDialable {
			delete(l.s.listeners, l.name)
		}
		l.s.mu.Unlock()
		if l.s.defect != acceptStaysBlocked {
			close(l.quit)
		}
	})
	for l.s.defect != forgetsUnaccepted {
		select {
		case c := <-l.waiting:
			c.Close()
			continue
		default:
		}
		break
	}
	return nil
}

func (l *simpleListener) Addr() string {
	if l.s.defect == hidesPort {
		return "simple://" + l.asked
	}
	return "simple://" + l.name
}

// simpleConn is one end of a conn.
type simpleConn struct {
	s             *simple
	in, out       *store
	local, remote string
	limit         atomic.Int64
	claim         string // who the peer says it is
	dialled       bool
	hello         *hello
	file          *os.File
	used          atomic.Bool
	closed        atomic.Bool
	done          chan struct{} // closed by the first Close
}

func (c *simpleConn) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	c.greet()
	if c.s.defect == noLimit {
		c.limit.Store(1 << 30)
	}
	batch, err := c.in.receive(ctx, buf, &c.limit)
	switch {
	case err == nil || err == io.EOF:
		return batch, err
	case c.s.defect == swallowsError:
		return nil, errors.New("receive failed")
	}
	return nil, fmt.Errorf("receive: %w", err)
}

// greet makes the dialling end say hello on first use.
func (c *simpleConn) greet() {
	c.used.Store(true)
	if c.dialled {
		_ = c.Handshake(context.Background()) // saying hello does not fail
	}
}

func (c *simpleConn) Send(ctx context.Context, batches ...[]byte) error {
	c.greet()
	if c.s.defect == turnsBatchesRound {
		batches = slices.Clone(batches)
		slices.Reverse(batches)
	}
	for _, b := range batches {
		if err := c.out.send(ctx, b); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	return nil
}

// CanTry is false but where TrySend has a defect to show.
func (c *simpleConn) CanTry() bool                  { return c.s.defect == forgetsRest }
func (c *simpleConn) TrySend(b []byte) (int, error) { return len(b) / 2, nil }

func (c *simpleConn) Close() error {
	if !c.closed.Swap(true) {
		close(c.done)
	} else if c.s.defect == closesOnce {
		panic("close of a closed connection")
	}
	if c.s.defect == leaksGoroutine {
		go func() { select {} }()
	}
	c.in.close(&c.in.readerGone)
	c.out.close(&c.out.writerGone)
	return nil
}

func (c *simpleConn) Traits() carrier.Traits {
	tr := c.s.traits
	tr.PeerIdentity = c.claim != ""
	if c.s.defect == changesTraits && c.used.Load() {
		tr.MaxFrame /= 2
	}
	return tr
}

func (c *simpleConn) SetMaxFrame(n int) { c.limit.Store(int64(n)) }
func (c *simpleConn) LocalAddr() string { return c.local }

func (c *simpleConn) RemoteAddr() string {
	if c.s.defect == forgetsAddress && c.closed.Load() {
		return ""
	}
	return c.remote
}

// Handshake says hello, or waits for the peer to have said it.
func (c *simpleConn) Handshake(ctx context.Context) error {
	if c.dialled {
		c.hello.once.Do(func() { close(c.hello.said) })
		return nil
	}
	select {
	case <-c.hello.said:
		return nil
	case <-c.done:
		return net.ErrClosed
	case <-ctx.Done():
		c.Close()
		return ctx.Err()
	}
}

// Identity believes what a peer claims once it has said hello.
func (c *simpleConn) Identity() (carrier.Identity, bool) {
	select {
	case <-c.hello.said:
	default:
		if c.s.defect != identityTooEarly {
			return carrier.Identity{}, false
		}
	}
	return carrier.Identity{ID: c.claim, Method: "simple"}, c.claim != ""
}

// hello is the handshake: what the dialling end says first.
type hello struct {
	once sync.Once
	said chan struct{} // closed by once
}
