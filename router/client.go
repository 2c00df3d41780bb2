package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// ClientOptions say how a [ClientRouter] works.
type ClientOptions struct {
	Carriers []carrier.Carrier // what addresses may name; two for one scheme are an error
	Codecs   []codec.Codec     // in order of preference; at least one
	Name     string            // for messages; default the registry's
	Limits   Limits
	Logger   *slog.Logger // default slog.Default()
	OnState  func(State)  // called for each change of state, one at a time, in order; nil: nobody

	Offline     Offline       // what becomes of events emitted without a connection; default: kept
	MinBackoff  time.Duration // first pause after all addresses have failed; default 100 ms
	MaxBackoff  time.Duration // longest pause; default 30 s
	DialTimeout time.Duration // for one address, handshake included; default 10 s
	MaxAttempts int           // give up after so many failures of all addresses before the first connection; default: never
}

// Offline says what becomes of events that are emitted while there is no
// connection.
type Offline uint8

const (
	// OfflineKeep keeps them, up to Limits.OfflineBytes, and delivers them when
	// there is one again. What does not fit is dropped, oldest first, and
	// announced by #lost.
	OfflineKeep Offline = iota
	// OfflineRefuse has Emit return an error that matches sig.ErrNotConnected.
	// Subscriptions of this process get the event all the same.
	OfflineRefuse
)

// Phase is what a client router is doing.
type Phase uint8

// The phases.
const (
	Connecting Phase = iota // has no connection and tries to get one
	Connected               // everything is announced and in force at the server
	Closed                  // has ended, see State.Err
)

// String names the phase.
func (p Phase) String() string {
	return [...]string{"connecting", "connected", "closed"}[p]
}

// State is the state of a client router.
type State struct {
	Phase   Phase
	Address string   // connected to, or tried last
	Server  string   // as the server calls itself; while connected
	Codec   codec.ID // while connected
	Err     error    // why there is no connection; nil before the first attempt
	Since   time.Time
}

// ClientRouter joins a registry to a server, and keeps it joined: it tries its
// addresses in turn, and comes back when a connection is lost.
type ClientRouter struct {
	link      *link
	addresses []string
	opts      ClientOptions
	carriers  *carrier.Set
	log       *slog.Logger
	stats     counters
	stop      context.CancelFunc
	ctx       context.Context // ends with Close and Shutdown
	ended     chan struct{}   // closed when the last goroutine has ended
	closing   sync.Once

	mu      sync.Mutex
	state   State
	changed chan struct{} // closed at the next change of state
	token   wire.Token
}

// NewClientRouter attaches to reg and starts to connect to the first address
// that answers, for example "tls://router.example:7465". What is subscribed and
// emitted before that takes effect once it has. Close or Shutdown it before the
// registry.
func NewClientRouter(reg *sig.Registry, addresses []string, opts *ClientOptions) (*ClientRouter, error) {
	if opts == nil {
		opts = &ClientOptions{}
	}
	set, err := prepare(opts.Carriers, opts.Codecs, opts.Limits)
	if err == nil {
		err = checkAddresses(set, addresses)
	}
	if err != nil {
		return nil, fmt.Errorf("client router: %w", err)
	}
	r := &ClientRouter{
		addresses: addresses, opts: *opts, carriers: set, log: logger(opts.Logger),
		ended: make(chan struct{}), changed: make(chan struct{}), state: State{Since: time.Now()},
	}
	def(&r.opts.MinBackoff, 100*time.Millisecond)
	def(&r.opts.MaxBackoff, 30*time.Second)
	def(&r.opts.DialTimeout, 10*time.Second)
	limits := opts.Limits.WithDefaults()
	n := joinNode(reg, opts.Name, false, limits)
	r.link = newLink(n, wire.RoleClient, limits, opts.Codecs, r.log, &r.stats)
	r.link.refuse = opts.Offline == OfflineRefuse
	if err := r.link.attach(); err != nil {
		n.leave()
		return nil, fmt.Errorf("client router: %w", err)
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	go r.run() // Close waits for ended
	return r, nil
}

func checkAddresses(set *carrier.Set, addresses []string) error {
	if len(addresses) == 0 {
		return errors.New("no address was given")
	}
	for _, a := range addresses {
		if err := set.Check(a); err != nil {
			return err
		}
	}
	return nil
}

// run connects, serves the connection, and starts again, until the router is
// closed.
func (r *ClientRouter) run() {
	defer close(r.ended)
	var last error
	failures := 0
	for met := false; r.ctx.Err() == nil; {
		s, err := r.connectAny()
		if err == nil {
			failures, met = 0, true
			last = r.serve(s)
			r.setState(State{Phase: Connecting, Address: s.address, Err: last})
			if r.ctx.Err() == nil && time.Since(s.since) < r.opts.MinBackoff {
				sleep(r.ctx, r.backoff(1)) // a server that hangs up at once is not to be hammered
			}
			continue
		}
		if r.ctx.Err() != nil {
			break
		}
		last = err
		failures++
		if !met && r.opts.MaxAttempts > 0 && failures >= r.opts.MaxAttempts {
			break
		}
		pause := r.backoff(failures)
		r.log.Info("cannot connect; trying again", "error", err, "in", pause)
		sleep(r.ctx, pause)
	}
	r.finish(last)
}

// finish takes the registry's end of the connection down.
func (r *ClientRouter) finish(last error) {
	if r.ctx.Err() != nil {
		last = sig.NewError(sig.CodeClosed, "the router")
	}
	l := r.link
	l.detach("the router was closed")
	l.group.Wait()
	l.node.leave()
	r.setState(State{Phase: Closed, Err: last})
}

// backoff doubles with each failure, with a jitter of half.
func (r *ClientRouter) backoff(failures int) time.Duration {
	d := r.opts.MinBackoff
	for i := 1; i < failures && d < r.opts.MaxBackoff; i++ {
		d *= 2
	}
	d = min(d, r.opts.MaxBackoff)
	return d/2 + rand.N(d/2+1)
}

// connectAny tries the addresses in turn, the first one first.
func (r *ClientRouter) connectAny() (*session, error) {
	var errs []error
	for _, address := range r.addresses {
		s, err := r.connect(address)
		if err == nil {
			return s, nil
		}
		if r.ctx.Err() != nil {
			return nil, r.ctx.Err()
		}
		errs = append(errs, err)
		r.setState(State{Phase: Connecting, Address: address, Err: err})
	}
	return nil, errors.Join(errs...)
}

func (r *ClientRouter) connect(address string) (*session, error) {
	ctx, cancel := context.WithTimeout(r.ctx, r.opts.DialTimeout)
	defer cancel()
	conn, err := r.carriers.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	shake, cancelShake := context.WithTimeout(ctx, r.link.limits.Handshake)
	defer cancelShake()
	s, welcome, err := r.link.sendHello(shake, conn, address, r.token)
	if err != nil {
		r.stats.handshakesFailed.Add(1)
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	r.token = welcome.Token
	r.link.node.tell(r.link, append([]wire.Node{{ID: s.peerID, Name: s.peerName}}, welcome.Nodes...), nil)
	return s, nil
}

// serve runs one connection to its end, and returns why it ended.
func (r *ClientRouter) serve(s *session) error {
	l := r.link
	r.stats.accepted.Add(1)
	l.wantAll()
	l.open(s)
	s.startKeepalive()
	done := make(chan struct{}) // closed when the announcement below has ended
	go func() {
		defer close(done)
		if s.barrier(s.ctx) == nil {
			r.log.Info("connected", "server", s.describe(), "codec", s.codec.ID())
			r.setState(State{Phase: Connected, Address: s.address, Server: s.peerName, Codec: s.codec.ID()})
		}
	}()
	stop := context.AfterFunc(r.ctx, func() { s.fail(sig.NewError(sig.CodeClosed, "the router was closed")) })
	s.read()
	stop()
	<-done
	err := s.cause()
	r.log.Info("disconnected", "server", s.describe(), "reason", err)
	l.close(s)
	return err
}

// wantAll takes a new server to want all events until it says what it wants.
func (l *link) wantAll() {
	l.mu.Lock()
	var routes []*sig.Route
	for _, a := range l.announced {
		for _, or := range a.routes {
			routes = append(routes, or.rt)
		}
	}
	l.mu.Unlock()
	for _, rt := range routes {
		l.bridge.Want(rt, true)
	}
}

func (r *ClientRouter) setState(st State) {
	r.mu.Lock()
	st.Since = time.Now()
	r.state = st
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
	if r.opts.OnState != nil {
		r.opts.OnState(st)
	}
}

// State returns what the router is doing.
func (r *ClientRouter) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// Stats returns the router's counts.
func (r *ClientRouter) Stats() Stats { return r.stats.snapshot() }

// WaitConnected blocks until the router is connected, which means that its
// senders and subscriptions are in force at the server and it knows the senders
// there. It returns early if the router has ended or given up. If ctx ends
// first the error says what the last attempt failed with.
func (r *ClientRouter) WaitConnected(ctx context.Context) error {
	for {
		r.mu.Lock()
		st, changed := r.state, r.changed
		r.mu.Unlock()
		switch st.Phase {
		case Connected:
			return nil
		case Closed:
			return st.Err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if st.Err != nil {
				return fmt.Errorf("not connected: %w (last attempt: %w)", ctx.Err(), st.Err)
			}
			return fmt.Errorf("not connected: %w", ctx.Err())
		}
	}
}

// Shutdown waits until what was emitted has reached the server and requests of
// others are answered, says goodbye and closes. ctx bounds the waiting; its
// error is returned if it came first. Safe to call twice.
func (r *ClientRouter) Shutdown(ctx context.Context) error {
	var err error
	if s := r.link.current.Load(); s != nil {
		err = s.barrier(ctx) // answered behind everything that was sent
		s.goodbye(ctx, "the client is shutting down")
	}
	return errors.Join(err, r.Close())
}

// Close ends the connection at once and returns when the last goroutine has
// ended. Safe to call twice.
func (r *ClientRouter) Close() error {
	r.closing.Do(func() {
		r.link.inbound.discard()
		r.stop()
	})
	<-r.ended
	return nil
}
