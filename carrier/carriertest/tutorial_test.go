package carriertest_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/carrier/stream"
)

// fieldbus is the carrier of docs/carriers.md, over a medium that consists of
// pipes in memory. It has nothing but Read, Write, Close and their deadlines.
type fieldbus struct {
	mu    sync.Mutex
	buses map[string]*bus
}

func (f *fieldbus) Schemes() []string { return []string{"fieldbus"} }

func (f *fieldbus) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	if _, err := carrier.Query(addr, "speed"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	b, ok := f.buses[addr.Host]
	f.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("nothing is connected to field bus %q", addr.Host)
	}
	near, far := net.Pipe()
	select {
	case b.waiting <- far:
		return stream.New(near, &stream.Options{RemoteAddr: "fieldbus://" + addr.Host}), nil
	case <-b.quit:
		return nil, fmt.Errorf("nothing is connected to field bus %q", addr.Host)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *fieldbus) Listen(_ context.Context, addr *url.URL) (carrier.Listener, error) {
	if _, err := carrier.Query(addr); err != nil {
		return nil, err
	}
	b := &bus{name: addr.Host, waiting: make(chan net.Conn), quit: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buses[b.name] = b
	return stream.NewListener(b, &stream.ListenerOptions{Addr: "fieldbus://" + b.name}), nil
}

// bus is a net.Listener.
type bus struct {
	name    string
	waiting chan net.Conn // unbuffered: Dial waits for Accept; never closed
	quit    chan struct{} // closed by Close
}

func (b *bus) Accept() (net.Conn, error) {
	select {
	case c := <-b.waiting:
		return c, nil
	case <-b.quit:
		return nil, net.ErrClosed
	}
}

func (b *bus) Close() error   { close(b.quit); return nil }
func (b *bus) Addr() net.Addr { return &net.UnixAddr{Name: b.name, Net: "fieldbus"} }

// TestTutorial: what the tutorial shows passes the suite.
func TestTutorial(t *testing.T) {
	f := &fieldbus{buses: make(map[string]*bus)}
	n := 0
	carriertest.Test(t, carriertest.Subject{
		Carrier: f,
		Listen: func(testing.TB) string {
			n++
			return fmt.Sprintf("fieldbus://bus-%d", n)
		},
	})
}
