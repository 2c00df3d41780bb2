// Package mem is a carrier within one process: mem://name.
//
// A [Network] is a space of names of its own. Conns are deterministic and
// bounded: a Send that finds the peer's buffer full waits until the peer has
// received. Nothing here uses a timer, a socket or a goroutine, so that a
// router over it can be tested in a testing/synctest bubble.
//
//	network := mem.New()
//	ln, err := network.Listen(ctx, &url.URL{Scheme: "mem", Host: "hub"})
//	conn, err := network.Dial(ctx, &url.URL{Scheme: "mem", Host: "hub"})
//
// Addresses: mem://name; mem://:0 listens under a name that is free. A dialer
// may say who it is, mem://name?as=kitchen, and the accepting side takes its
// word for it: both are the same process.
package mem

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/gosig/gosig/carrier"
)

const (
	// defaultBuffer is how many bytes one direction of a conn holds.
	defaultBuffer = 256 << 10
	// backlog is how many conns wait to be accepted; a further Dial waits.
	backlog = 128
)

// Network is a [carrier.Carrier] for the scheme mem. Its names are its own.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*listener
	buffer    int
	serial    int // numbers dialers and listeners without a name
}

// New returns an empty network.
func New() *Network {
	return &Network{listeners: make(map[string]*listener), buffer: defaultBuffer}
}

// SetBuffer sets how many bytes one direction of the conns dialled from now on
// holds before Send waits; default 256 KiB. A frame larger than that passes
// when the buffer is empty.
func (n *Network) SetBuffer(bytes int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.buffer = max(bytes, 1)
}

// Schemes implements [carrier.Carrier].
func (n *Network) Schemes() []string { return []string{"mem"} }

// Dial connects to a listener of this network. It waits while the listener's
// backlog is full.
func (n *Network) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	query, err := checkURL(addr, carrier.Dialing)
	if err != nil {
		return nil, err
	}
	ln, err := n.lookup(addr.Host)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	client, server := n.pair(addr.Host, query.Get("as"))
	select {
	case ln.waiting <- server:
	case <-ln.quit:
		return nil, notListening(addr.Host, nil)
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for room in the backlog of mem://%s: %w", addr.Host, ctx.Err())
	}
	return client, nil
}

func checkURL(addr *url.URL, side carrier.Use) (url.Values, error) {
	if addr.Host == "" || (addr.Path != "" && addr.Path != "/") {
		return nil, fmt.Errorf("%q is no address of this carrier: write mem://name", carrier.Redact(addr))
	}
	return carrier.Query(addr, info().Names(side)...)
}

func (n *Network) lookup(name string) (*listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if ln, ok := n.listeners[name]; ok {
		return ln, nil
	}
	return nil, notListening(name, slices.Sorted(maps.Keys(n.listeners)))
}

// ErrNotListening is matched by the error of dialling a name where nobody
// listens.
var ErrNotListening = errors.New("connection refused")

func notListening(name string, known []string) error {
	others := "nobody listens in this network"
	if len(known) > 0 {
		others = "there are listeners on mem://" + strings.Join(known, ", mem://")
	}
	return fmt.Errorf("%w: is a router listening on mem://%s in this process? (%s)", ErrNotListening, name, others)
}

// pair returns the two ends of a new conn to the listener of that name.
func (n *Network) pair(name, as string) (client, server *conn) {
	n.mu.Lock()
	n.serial++
	dialer := fmt.Sprintf("mem://%s#%d", name, n.serial)
	buffer := n.buffer
	n.mu.Unlock()
	client, server = newPair(buffer)
	client.local, client.remote = dialer, "mem://"+name
	server.local, server.remote = "mem://"+name, dialer
	server.peer = as
	return client, server
}

// Pipe returns the two ends of a conn outside of any network.
func Pipe() (carrier.Conn, carrier.Conn) {
	a, b := newPair(defaultBuffer)
	a.local, a.remote = "mem://pipe#a", "mem://pipe#b"
	b.local, b.remote = a.remote, a.local
	return a, b
}

// Listen takes a name of this network, until the listener is closed.
func (n *Network) Listen(ctx context.Context, addr *url.URL) (carrier.Listener, error) {
	if _, err := checkURL(addr, carrier.Listening); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	name := addr.Host
	if name == ":0" {
		n.serial++
		name = fmt.Sprintf("auto-%d", n.serial)
	}
	if _, ok := n.listeners[name]; ok {
		return nil, fmt.Errorf("mem://%s has a listener already", name)
	}
	ln := &listener{
		network: n, name: name,
		waiting: make(chan *conn, backlog),
		quit:    make(chan struct{}),
	}
	n.listeners[name] = ln
	return ln, nil
}

type listener struct {
	network *Network
	name    string
	waiting chan *conn    // conns to be accepted; backlog places; never closed
	quit    chan struct{} // closed by Close
	once    sync.Once
}

func (l *listener) Accept(ctx context.Context) (carrier.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("accept: %w", err)
	}
	select {
	case <-l.quit:
		l.refuse()
		return nil, fmt.Errorf("accept on mem://%s: %w", l.name, net.ErrClosed)
	default:
	}
	select {
	case c := <-l.waiting:
		return c, nil
	case <-l.quit:
		return nil, fmt.Errorf("accept on mem://%s: %w", l.name, net.ErrClosed)
	case <-ctx.Done():
		return nil, fmt.Errorf("accept: %w", ctx.Err())
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		delete(l.network.listeners, l.name)
		l.network.mu.Unlock()
		close(l.quit)
	})
	l.refuse()
	return nil
}

// refuse closes the conns that nobody accepted.
func (l *listener) refuse() {
	for {
		select {
		case c := <-l.waiting:
			c.Close()
		default:
			return
		}
	}
}

func (l *listener) Addr() string { return "mem://" + l.name }
