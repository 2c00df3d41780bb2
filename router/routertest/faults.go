package routertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync"

	"github.com/gosig/gosig/carrier"
)

// faults are what a network does to its users. Clients dial through it.
type faults struct {
	mu      sync.Mutex
	conns   map[*faultyConn]struct{}
	refuses bool
	limited bool          // Send waits when it is not admitted
	admits  int           // so many more are
	held    int           // wait
	changed chan struct{} // closed when one of these changes; nil: nobody waits
}

var errUnreachable = errors.New("the test has made the network unreachable")

// around puts the faults around carriers.
func (f *faults) around(carriers []carrier.Carrier) []carrier.Carrier {
	var all []carrier.Carrier
	for _, c := range carriers {
		all = append(all, &faultyCarrier{c, f})
	}
	return all
}

// cut ends all connections there are.
func (f *faults) cut() {
	f.each(func(c *faultyConn) { c.Close() })
}

// refuse makes dialling fail, or work again.
func (f *faults) refuse(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuses = on
}

// unlimited, given to admit, lets all pass again.
const unlimited = -1

// admit lets n more Sends of all connections pass. Further ones wait.
func (f *faults) admit(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limited, f.admits = n != unlimited, n
	f.wakeLocked()
}

// awaitHeld waits until a Send waits and no more are admitted.
func (f *faults) awaitHeld(k *kit) {
	k.Helper()
	for {
		f.mu.Lock()
		held, changed := f.held > 0 && f.admits == 0, f.changedLocked()
		f.mu.Unlock()
		if held {
			return
		}
		receive(k, changed, "a Send that waits")
	}
}

func (f *faults) changedLocked() <-chan struct{} {
	if f.changed == nil {
		f.changed = make(chan struct{}) // closed by wakeLocked
	}
	return f.changed
}

func (f *faults) wakeLocked() {
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// pass waits until a Send is admitted. Nothing passes once its conn is closed: a
// Send that waited for longer must not get out while the medium is closing.
func (f *faults) pass(c *faultyConn) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if _, open := f.conns[c]; !open {
			return net.ErrClosed
		}
		if !f.limited || f.admits > 0 {
			break
		}
		f.held++
		changed := f.changedLocked()
		if f.held == 1 {
			f.wakeLocked()
			changed = f.changedLocked()
		}
		f.mu.Unlock()
		<-changed
		f.mu.Lock()
		f.held--
	}
	if f.limited {
		f.admits--
	}
	return nil
}

// swallow makes the connections there are lose everything, both ways, without a
// word: the other end is silent from now on.
func (f *faults) swallow() {
	f.each(func(c *faultyConn) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.swallows = true
	})
}

func (f *faults) each(do func(*faultyConn)) {
	f.mu.Lock()
	conns := make([]*faultyConn, 0, len(f.conns))
	for c := range f.conns {
		conns = append(conns, c)
	}
	f.mu.Unlock()
	for _, c := range conns {
		do(c)
	}
}

// faultyCarrier dials connections that can fail.
type faultyCarrier struct {
	carrier.Carrier
	faults *faults
}

func (c *faultyCarrier) Schemes() []string { return slices.Clone(c.Carrier.Schemes()) }

func (c *faultyCarrier) Dial(ctx context.Context, addr *url.URL) (carrier.Conn, error) {
	f := c.faults
	f.mu.Lock()
	refuses := f.refuses
	f.mu.Unlock()
	if refuses {
		return nil, errUnreachable
	}
	conn, err := c.Carrier.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	fc := &faultyConn{Conn: conn, faults: f}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conns == nil {
		f.conns = make(map[*faultyConn]struct{})
	}
	f.conns[fc] = struct{}{}
	if d, ok := conn.(carrier.Datagrams); ok {
		return &datagramConn{fc, d}, nil
	}
	return fc, nil
}

// datagramConn is a faultyConn of a medium with datagrams.
type datagramConn struct {
	*faultyConn
	carrier.Datagrams
}

// faultyConn has the optional abilities of the conn it stands for.
type faultyConn struct {
	carrier.Conn
	faults *faults

	mu       sync.Mutex
	swallows bool
}

func (c *faultyConn) lost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.swallows
}

func (c *faultyConn) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	for {
		batch, err := c.Conn.Receive(ctx, buf)
		if err != nil || !c.lost() {
			return batch, err
		}
	}
}

func (c *faultyConn) Send(ctx context.Context, batches ...[]byte) error {
	if c.lost() {
		return nil
	}
	if err := c.faults.pass(c); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return c.Conn.Send(ctx, batches...)
}

func (c *faultyConn) Close() error {
	c.faults.mu.Lock()
	delete(c.faults.conns, c)
	c.faults.wakeLocked()
	c.faults.mu.Unlock()
	return c.Conn.Close()
}

// Identity implements [carrier.Identified].
func (c *faultyConn) Identity() (carrier.Identity, bool) { return carrier.IdentityOf(c.Conn) }

// Handshake implements [carrier.Handshaker].
func (c *faultyConn) Handshake(ctx context.Context) error { return carrier.Handshake(ctx, c.Conn) }

// SetMaxFrame implements [carrier.FrameLimiter].
func (c *faultyConn) SetMaxFrame(n int) { carrier.SetMaxFrame(c.Conn, n) }
