package serial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial/link"
)

// listener keeps ports open and hands out the sessions on them. A goroutine of
// its own keeps each port; one more looks for new ones, if there is a pattern.
type listener struct {
	opts Options
	set  *settings
	addr string
	log  *slog.Logger

	life context.Context // ends with Close
	end  context.CancelFunc
	wg   sync.WaitGroup // the goroutine that looks for ports
	news chan struct{}  // capacity 1: something waits to be accepted; never closed

	mu      sync.Mutex
	closed  bool
	keepers map[string]*keeper // by path
	waiting []*conn            // nobody has accepted them
}

// keeper keeps one port open.
type keeper struct {
	l    *listener
	set  *settings
	done chan struct{} // closed when it has ended
	said string        // the last complaint: each is logged once; guarded by l.mu
	port *port         // nil while it is not open; guarded by l.mu
}

const (
	firstPause = 100 * time.Millisecond
	longPause  = 5 * time.Second
)

func newListener(o Options, s *settings, addr *url.URL) *listener {
	l := &listener{
		opts: o, set: s, addr: addr.String(), log: o.Logger,
		news: make(chan struct{}, 1), keepers: map[string]*keeper{},
	}
	l.life, l.end = context.WithCancel(context.Background())
	return l
}

// watch looks for the ports of the pattern, until Close.
func (l *listener) watch() {
	l.scan()
	l.wg.Go(func() {
		tick := time.NewTicker(l.opts.ScanEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.scan()
			case <-l.life.Done():
				return
			}
		}
	})
}

// scan begins to keep the ports that have come.
func (l *listener) scan() {
	paths, _ := filepath.Glob(l.set.line.Path) // the pattern has been checked
	for _, path := range paths {
		l.mu.Lock()
		_, kept := l.keepers[path]
		l.mu.Unlock()
		if !kept {
			l.serve(path, nil)
		}
	}
}

// serve keeps a port, which may be open already, until Close and the end of its
// last conn; one of a pattern until it is no longer there.
func (l *listener) serve(path string, rwc io.ReadWriteCloser) {
	set := *l.set
	set.line.Path = path
	k := &keeper{l: l, set: &set, done: make(chan struct{})}
	l.mu.Lock()
	l.keepers[path] = k
	l.mu.Unlock()
	go func() { // as said above; Close waits for it if the port has no conn
		defer close(k.done)
		defer l.forget(path)
		k.keep(rwc)
	}()
}

func (l *listener) forget(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.keepers, path)
}

// keep serves the port, and opens it again when it has failed.
func (k *keeper) keep(rwc io.ReadWriteCloser) {
	l := k.l
	for pause := time.Duration(0); ; {
		var err error
		if rwc == nil {
			rwc, err = openPort(l.life, l.opts.Open, k.set.line)
		}
		switch {
		case l.life.Err() != nil && rwc == nil:
			return
		case err == nil:
			var sessions int
			if sessions, err = k.serve(rwc); sessions > 0 {
				pause = 0
			}
			rwc = nil
		case errors.Is(err, fs.ErrNotExist) && l.set.isPattern():
			return // the next scan will see it come
		}
		if l.life.Err() != nil {
			return
		}
		pause = min(max(2*pause, firstPause), longPause)
		k.complain(err)
		if !sleep(l.life, pause) {
			return
		}
	}
}

// serve serves an open port until it fails, or Close and the end of its conn.
func (k *keeper) serve(rwc io.ReadWriteCloser) (sessions int, err error) {
	l := k.l
	p := newPort(k.set, rwc, link.RoleListen, k)
	l.mu.Lock()
	k.port, p.retired = p, l.closed
	l.mu.Unlock()
	l.log.Info("serial port opened", "port", k.set.line.Path, "baud", k.set.line.Baud)
	err = p.run()
	l.mu.Lock()
	k.port = nil
	l.mu.Unlock()
	return p.sessions, err
}

// complain logs what is wrong, once until something else is.
func (k *keeper) complain(err error) {
	if err == nil {
		return
	}
	k.l.mu.Lock()
	known := k.said == err.Error()
	k.said = err.Error()
	k.l.mu.Unlock()
	if known {
		return
	}
	k.l.log.Warn("serial port is not usable; trying again", "port", k.set.line.Path, "error", err)
}

// opened implements host.
func (k *keeper) opened(p *port, peer link.Peer) *conn {
	l := k.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	k.said = "" // what goes wrong from now on is news
	c := newConn(p)
	c.open(peer) // before anybody can accept it
	// An earlier session of this port that nobody has accepted has ended.
	l.waiting = append(slices.DeleteFunc(l.waiting, func(o *conn) bool { return o.port == p }), c)
	signal(l.news)
	return c
}

// refused implements host.
func (k *keeper) refused(p *port, ev link.Event) {
	k.complain(fmt.Errorf("%w: %s", errRefused, p.refusal(ev)))
}

// garbled implements host.
func (k *keeper) garbled(found string) {
	k.complain(errors.New(found))
}

// Accept implements [carrier.Listener].
func (l *listener) Accept(ctx context.Context) (carrier.Conn, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if c, err := l.next(); c != nil || err != nil {
			return c, err
		}
		select {
		case <-l.news:
		case <-l.life.Done():
		case <-ctx.Done():
		}
	}
}

// next returns the conn that has waited longest.
func (l *listener) next() (carrier.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, fmt.Errorf("accept on %s: %w", l.addr, net.ErrClosed)
	case len(l.waiting) == 0:
		return nil, nil
	}
	c := l.waiting[0]
	l.waiting = slices.Delete(l.waiting, 0, 1)
	if len(l.waiting) > 0 {
		signal(l.news)
	}
	return c, nil
}

// Close implements [carrier.Listener]. Ports on which there is a conn that was
// handed out stay open for it.
func (l *listener) Close() error {
	l.mu.Lock()
	l.closed = true
	waiting := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	l.end()
	l.wg.Wait() // from now on there are no new keepers
	l.mu.Lock()
	keepers := slices.Collect(maps.Values(l.keepers))
	l.mu.Unlock()
	var closing sync.WaitGroup
	for _, c := range waiting {
		closing.Go(func() { _ = c.Close() }) // ends soon, see Conn
	}
	closing.Wait()
	for _, k := range keepers {
		l.mu.Lock()
		p := k.port
		l.mu.Unlock()
		if p == nil || !p.retire() {
			<-k.done
		}
	}
	return nil
}

// Addr implements [carrier.Listener].
func (l *listener) Addr() string { return l.addr }

// sleep reports false when the context has ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
