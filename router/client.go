package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/auth"
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
	Return      time.Duration // how often to try the addresses before the one in use, see NewClientRouter; default: never
	MaxAttempts int           // give up after so many failures of all addresses before the first connection; default: never

	// Credentials prove who this client is to a server that asks for it: the first
	// of a kind that the server takes. None: what the carrier proves.
	Credentials []auth.Credential
	// TrustedWires are schemes ("serial"), and addresses, on which secrets may be
	// sent although the carrier does not encrypt. Loopback addresses, unix sockets
	// and mem need not be named.
	TrustedWires []string
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
	Err     error    // why there is no connection, see also ErrReturning; nil before the first attempt
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
	leaving   atomic.Bool // Shutdown says goodbye: this connection is the last

	mu      sync.Mutex
	state   State
	changed chan struct{} // closed at the next change of state

	// Of run alone.
	servers  map[string]wire.NodeID     // last reached by each address
	tokens   map[wire.NodeID]wire.Token // by which each knows this client again
	better   found                      // the address to go to next, if it was found to answer
	returned *session                   // the latest that was gone to like that
	hasty    int                        // returns in a row that did not last
}

// NewClientRouter attaches to reg and starts to connect to the first address
// that answers, for example "tls://router.example:7465". What is subscribed and
// emitted before that takes effect once it has. Close or Shutdown it before the
// registry.
//
// The addresses are in order of preference, may be of different carriers, and may
// lead to the same server. When a connection is lost the first one that answers
// takes over, from the beginning of the list. With Return a client that had to
// take a later one comes back to a better one while all is well: every so often
// it tries those before, and when one of them completes a whole handshake it
// lets requests under way be answered, for at most DialTimeout, takes leave, and
// connects there. Subscribers elsewhere see its senders leave and come back, and
// it sees the others do so. Nothing it emits is lost (with OfflineRefuse it is
// refused meanwhile); what others emit in that moment is announced as lost where
// it is missing (P9). If the better connection does not last as long as Return,
// the next attempt waits twice as long, and so on up to 32 times. The server
// there sees each attempt that succeeds as a short connection of another client.
//
// One client router for a registry, with several addresses, is what is meant. A
// second one joins its server as well, but does not pass it what comes from the
// first one's server, unless somebody in this registry wants that too.
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
		servers: make(map[string]wire.NodeID), tokens: make(map[wire.NodeID]wire.Token),
	}
	def(&r.opts.MinBackoff, 100*time.Millisecond)
	def(&r.opts.MaxBackoff, 30*time.Second)
	def(&r.opts.DialTimeout, 10*time.Second)
	limits := opts.Limits.WithDefaults()
	r.stats.reserve.bound = int64(limits.OutboundTotal)
	n := joinNode(reg, opts.Name, false, limits)
	r.link = newLink(n, wire.RoleClient, &limits, opts.Codecs, r.log, &r.stats)
	r.link.refuse = opts.Offline == OfflineRefuse
	r.link.credentials = credentials{opts.Credentials, opts.TrustedWires}
	if err := r.link.attach(); err != nil {
		n.leave()
		return nil, fmt.Errorf("client router: %w", err)
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	go r.run(&course{}) // Close waits for ended
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

// over reports whether there is to be no other connection.
func (r *ClientRouter) over() bool { return r.ctx.Err() != nil || r.leaving.Load() }

// finish takes the registry's end of the connection down.
func (r *ClientRouter) finish(last error) {
	if r.over() {
		last = sig.NewError(sig.CodeClosed, "the router")
	}
	l := r.link
	l.detach("the router was closed")
	if n := l.kept(); n > 0 {
		r.log.Warn("events emitted without a connection were not delivered", "events", n)
	}
	l.group.Wait()
	l.node.leave()
	r.setState(State{Phase: Closed, Err: last})
}

// kept counts the events that wait for a connection, and those that are to be
// announced as lost when there is one.
func (l *link) kept() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.offline.count()
}

// wantAll takes the server to want all events, since it can no longer say what
// it wants, or does not yet.
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
		l.bridge.Want(rt, true, false)
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
func (r *ClientRouter) Stats() Stats {
	st := r.stats.snapshot()
	st.Usage = r.link.usage()
	st.MostOutbound = st.Outbound
	return st
}

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

// Shutdown waits until what was emitted has reached the server, also what is
// still kept for want of a connection, and until requests of others are answered
// and what has arrived has been handled; it says goodbye and closes. If ctx ends
// first its error is returned, with the number of events that were not delivered.
// Safe to call twice.
func (r *ClientRouter) Shutdown(ctx context.Context) error {
	err := r.settle(ctx)
	if s := r.link.current.Load(); s != nil {
		r.leaving.Store(true)
		s.requests.refuseMore()
		s.goodbye(ctx, "the client is shutting down")
	}
	r.stop()
	select {
	case <-r.ended:
	case <-ctx.Done():
		if err == nil {
			err = ctx.Err()
		}
	}
	return errors.Join(err, r.Close())
}

// settle returns when the server has all that was emitted. It waits for a
// connection if something is kept for one.
func (r *ClientRouter) settle(ctx context.Context) error {
	var lost error // the connection that might have taken the last events along
	for {
		l := r.link
		l.mu.Lock()
		s, online := l.connectionLocked()
		kept, leaving := l.offline.count(), l.leaving
		l.mu.Unlock()
		switch {
		case s != nil:
			if lost = s.barrier(ctx); lost == nil || ctx.Err() != nil { // answered behind everything that was sent
				return lost
			}
			continue
		case leaving != nil:
			if lost = leaving.awaitLeft(ctx); ctx.Err() != nil {
				return lost
			}
			continue
		case kept == 0:
			return lost
		case online == nil:
			return undelivered(kept, sig.NewError(sig.CodeClosed, "the router"))
		}
		select {
		case <-online:
		case <-ctx.Done():
			return undelivered(kept, ctx.Err())
		}
	}
}

func undelivered(n uint64, err error) error {
	return fmt.Errorf("%d events emitted without a connection were not delivered: %w", n, err)
}

// Close ends the connection at once and returns when the last goroutine has
// ended. Events that wait for handlers are announced as lost; the number of those
// that were kept for want of a connection is logged. Safe to call twice.
func (r *ClientRouter) Close() error {
	r.closing.Do(func() {
		r.link.inbound.discard()
		r.stop()
	})
	<-r.ended
	return nil
}
