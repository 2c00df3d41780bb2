package router

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// ServerOptions say how a [ServerRouter] works.
type ServerOptions struct {
	Carriers []carrier.Carrier // what Listen knows; two for one scheme are an error
	Codecs   []codec.Codec     // what clients may choose from; at least one
	Name     string            // for messages; default the registry's
	Limits   Limits
	Logger   *slog.Logger      // default slog.Default()
	OnClient func(ClientEvent) // called for each connection opened and ended, one at a time; nil: nobody
	// LimitsFor says what a client may use where that is not what Limits say; a
	// zero field means that it is. It is called when a listener is opened, with
	// the Listener only, for what holds before it is known who comes in; and when
	// a client is about to be let in, with all but Since and Senders. Connections
	// means those of the listener then. Fields that are about the router as a
	// whole (Unauthenticated, UnauthenticatedBytes, OutboundTotal, OfflineBytes,
	// GapMemory) have no effect here. nil: Limits hold for all.
	LimitsFor func(ClientInfo) Limits
	Access    AccessOptions // who may connect, and do what
	// Admin are methods of the router itself, beside those that it has: see
	// [ClientRouter.Admin], by which they are called.
	Admin map[sig.Name]sig.RequestHandler
}

// ClientEvent tells of a connection that was opened or has ended.
type ClientEvent struct {
	Client ClientInfo
	Open   bool
	Err    error // why it has ended; matches sig.ErrClosed after a goodbye
}

// ClientInfo describes a connection.
type ClientInfo struct {
	Name      string           // as the client calls itself
	Identity  carrier.Identity // as the carrier has proved it
	Principal acl.Principal    // who it is: as it has proved in the handshake, or else as the carrier has
	Listener  string           // URL it came in by
	Address   string           // where it came from
	Codec     codec.ID
	Since     time.Time
	Usage     Usage // while it is connected; in [ServerRouter.Clients] only
	Senders   int   // senders it has announced
}

// ServerRouter lets others join a registry. It listens on any number of
// carriers at once.
type ServerRouter struct {
	node      *node
	limits    Limits
	stated    Limits // of those, what is no default
	limitsFor func(ClientInfo) Limits
	codecs    []codec.Codec
	carriers  *carrier.Set
	log       *slog.Logger
	onClient  func(ClientEvent)
	policy    policy
	desk      *adminDesk
	stats     counters
	group     sync.WaitGroup // accept loops and connections
	greeters  greeters
	telling   sync.Mutex      // OnClient is called by one at a time
	ctx       context.Context // ends when Close or Shutdown begins
	stop      context.CancelFunc
	halted    atomic.Bool // by Close, and all connections with it

	mu         sync.Mutex
	closed     bool
	listeners  []carrier.Listener
	links      map[*link]*serverConn
	tokens     map[wire.Token]*link
	perID      map[string]int
	perIP      map[string]int
	opening    openings
	allowances buckets // of envelopes
	announcing buckets // of names
	arrivals   buckets // of connections
	shares     shares  // of the processors
	gone       Usage   // of connections that have ended
}

// serverConn is what the server knows of a connection beyond its link.
type serverConn struct {
	info      ClientInfo
	token     wire.Token
	proof     auth.Verified // what it was let in by, if not by its carrier
	ip        string
	from      *entrance
	allowance *bucket // nil: as much as it likes
	announces *bucket
	share     *share
	ended     chan struct{} // closed once its senders have left
}

// NewServerRouter attaches to reg. It listens nowhere until Listen or Serve is
// called. Close or Shutdown it before the registry.
func NewServerRouter(reg *sig.Registry, opts *ServerOptions) (*ServerRouter, error) {
	if opts == nil {
		opts = &ServerOptions{}
	}
	set, err := prepare(opts.Carriers, opts.Codecs, opts.Limits)
	if err != nil {
		return nil, fmt.Errorf("server router: %w", err)
	}
	limits := opts.Limits.WithDefaults()
	r := &ServerRouter{
		limits: limits, stated: opts.Limits, limitsFor: opts.LimitsFor, codecs: opts.Codecs, carriers: set, log: logger(opts.Logger), onClient: opts.OnClient,
		links: make(map[*link]*serverConn), tokens: make(map[wire.Token]*link),
		perID: make(map[string]int), perIP: make(map[string]int), opening: openings{perIP: make(map[string]int)},
	}
	r.stats.reserve.bound = int64(limits.OutboundTotal)
	r.greeters.group, r.greeters.next = &r.group, make(chan func())
	p := &r.policy
	p.opts, p.proofs, p.authorizer = opts.Access, opts.Access.Authenticator, opts.Access.Authorizer
	p.audit.take, p.audit.dropped = opts.Access.Audit, &r.stats.auditDropped
	if r.desk, err = r.newAdminDesk(opts.Admin); err != nil {
		return nil, fmt.Errorf("server router: %w", err)
	}
	r.node = joinNode(reg, opts.Name, true, limits)
	if !open(p.authorizer) {
		r.node.setPolicy(p, true)
		r.reconsider(r.node)
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r, nil
}

// Listen accepts connections on a URL, for example "tcp://127.0.0.1:0", in the
// background until the router is closed. It returns the URL to dial, with the
// real port. ctx bounds the set-up alone.
func (r *ServerRouter) Listen(ctx context.Context, url string) (string, error) {
	l, err := r.carriers.Listen(ctx, url)
	if err != nil {
		return "", err
	}
	addr := l.Addr()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		l.Close()
		return "", sig.NewError(sig.CodeClosed, "the router")
	}
	r.listeners = append(r.listeners, l)
	r.group.Go(func() { // ends when the listener is closed
		if err := r.accept(r.ctx, l); err != nil {
			r.log.Error("listener failed", "listener", addr, "error", err)
		}
	})
	return addr, nil
}

// Serve accepts connections of a listener until ctx ends, the router is closed,
// or the listener fails. It closes l, and returns nil unless l has failed.
// Connections outlive it.
func (r *ServerRouter) Serve(ctx context.Context, l carrier.Listener) error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		l.Close()
		return sig.NewError(sig.CodeClosed, "the router")
	}
	r.listeners = append(r.listeners, l)
	r.group.Add(1)
	r.mu.Unlock()
	defer r.group.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	return r.accept(ctx, l)
}

// connection opens one connection, and begins to read it.
func (r *ServerRouter) connection(conn carrier.Conn, ip string, from *entrance) {
	l := newLink(r.node, wire.RoleServer, from.limits, r.codecs, r.log, &r.stats)
	l.desk = r.desk
	s, sc, err := r.greet(l, conn, from)
	if err != nil {
		r.stats.handshakesFailed.Add(1)
		r.log.Info("handshake failed", "listener", from.listener, "peer", conn.RemoteAddr(), "error", err)
		abort(conn, err)
		r.opened(ip, from)
		return
	}
	r.opened(ip, from)
	r.run(l, s, sc, from.listener)
}

// run begins to read an open connection, which another goroutine goes on with.
func (r *ServerRouter) run(l *link, s *session, sc *serverConn, listener string) {
	if r.halted.Load() { // Close found it half open
		l.halt()
	}
	if r.ctx.Err() != nil { // Shutdown has said goodbye to those it found
		s.fail(sig.NewError(sig.CodeClosed, "the router is shutting down"))
	}
	if why := r.outdated(s, sc); why != nil { // since it was looked at
		s.expel(why)
	}
	r.stats.accepted.Add(1)
	r.audit().tell(s.record(AuditRecord{Kind: AuditAuthOK}))
	if r.log.Enabled(context.Background(), slog.LevelInfo) { // a description is put together
		r.log.Info("client connected", "client", s.describe(), "listener", listener, "codec", s.codec.ID())
	}
	r.tell(ClientEvent{Client: sc.info, Open: true})
	unexpire := s.expire(sc.proof.Expires)
	s.beginReading(&r.group, func() {
		unexpire()
		r.ran(l, s, sc)
	})
	s.read() // at first: see readOn
}

// ran takes down a connection that nobody reads any more.
func (r *ServerRouter) ran(l *link, s *session, sc *serverConn) {
	err := s.cause()
	l.close(s)
	l.detach("connection lost: " + bounded(s.describe()))
	r.dropConn(l, sc)
	l.group.Wait()
	r.log.Info("client disconnected", "client", s.describe(), "reason", err)
	r.tell(ClientEvent{Client: sc.info, Err: err})
}

// welcome does the server's half of the handshake. On an error the conn is open
// for a last word.
func (r *ServerRouter) welcome(l *link, conn carrier.Conn, from *entrance) (*session, *serverConn, error) {
	patience := l.limits.Handshake
	if !enforced("handshake") {
		patience = time.Hour
	}
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	mem := newBuffer(smallBuffer)
	defer mem.free()
	hello, err := l.receiveHello(ctx, conn, mem.bytes)
	if err != nil {
		return nil, nil, r.handshakeError(ctx, conn, err, l.limits.Handshake)
	}
	c, err := l.chooseCodec(hello.Codecs)
	if err != nil {
		return nil, nil, err
	}
	who, err := r.authenticate(ctx, conn, hello, from.listener)
	if err != nil {
		return nil, nil, r.handshakeError(ctx, conn, err, l.limits.Handshake)
	}
	r.supersede(ctx, &hello.Hello, who.principal)
	s := l.newSession(conn, c, conn.RemoteAddr())
	s.principal, s.listener = who.principal, from.listener
	s.peerID, s.peerName = hello.ID, hello.Name
	sc := &serverConn{ip: host(conn.RemoteAddr()), from: from, ended: make(chan struct{}), proof: who.verified, info: ClientInfo{
		Name: hello.Name, Identity: s.identity, Principal: who.principal, Listener: from.listener, Address: conn.RemoteAddr(), Codec: c.ID(), Since: time.Now(),
	}}
	l.restrict(r.limitsOf(sc.info))
	s.features = hello.Features & r.features()
	s.agree(hello.Limits)
	_, _ = rand.Read(sc.token[:]) // never fails
	if err := r.addConn(l, sc); err != nil {
		s.closing.Store(true) // by abort, which has a last word to say
		return nil, nil, err
	}
	s.allowance, s.announcements = sc.allowance, sc.announces
	s.readTurn.share, s.writeTurn.share = sc.share, sc.share
	r.policy.grant(l, who.principal) // after the link can be found by whoever changes the policy
	peers := reachable(hello.ID, hello.Name, hello.Features, hello.Nodes)
	err = r.node.admit(l, peers)
	if err == nil {
		err = r.answer(ctx, l, s, sc, hello.Limits.MaxFrame)
	}
	if err != nil {
		r.forget(l)
		s.closing.Store(true) // by abort, which has a last word to say
		return nil, nil, err
	}
	r.node.tell(l, routersOf(peers))
	return s, sc, nil
}

// answer sends WELCOME, in a frame that the client takes, and opens the session.
func (r *ServerRouter) answer(ctx context.Context, l *link, s *session, sc *serverConn, maxFrame uint32) error {
	r.node.addLink(l) // from now on changes of the routers around are for it as well
	welcome := wire.Welcome{
		Version: wire.Version, ID: r.node.id, Name: r.node.nameNow(), Features: s.features, Codec: string(s.codec.ID()),
		Limits: s.peerLimits, Token: sc.token, Identity: bounded(s.principal.ID),
	}
	if s.features&wire.FeatureNodes != 0 { // not for a client that passes nothing on
		frame := welcomeFrame
		if maxFrame > 0 {
			frame = min(frame, int(maxFrame))
		}
		s.told = fitting(r.node.around(l), len(welcome.Append(nil)), frame)
		welcome.Nodes = s.told
	}
	if err := s.conn.Send(ctx, carrier.AppendFrame(nil, welcome.Append(nil))); err != nil {
		return err
	}
	l.open(s) // before attaching: what the registry tells goes out in order
	if err := l.attach(); err != nil {
		l.close(s)
		return err
	}
	s.startKeepalive()
	return nil
}

// handshakeError says so if time has run out, or the first frame was too large.
func (r *ServerRouter) handshakeError(ctx context.Context, conn carrier.Conn, err error, limit time.Duration) error {
	switch {
	case ctx.Err() == context.DeadlineExceeded:
		r.stats.hit(r.log, LimitHandshake, "peer", conn.RemoteAddr())
		return sig.NewError(sig.CodeTimeout, fmt.Sprintf("the handshake was not over within Handshake (%v)", limit))
	case errors.Is(err, carrier.ErrFrameTooLarge):
		r.stats.hit(r.log, LimitHelloFrame, "peer", conn.RemoteAddr())
	}
	return err
}

// Stats returns the router's counts.
func (r *ServerRouter) Stats() Stats {
	st := r.stats.snapshot()
	r.mu.Lock()
	defer r.mu.Unlock()
	st.Usage, st.Opening = r.gone, r.opening.n
	for l, sc := range r.links {
		u := l.usage()
		st.Usage.add(u)
		st.MostOutbound = max(st.MostOutbound, u.Outbound)
		st.Open[schemeOf(sc.info.Listener)]++
	}
	return st
}

// Shutdown stops listening and refuses new requests. Until ctx ends it lets
// requests under way be answered, those that pass through included, what is
// queued for each client be written, and what has come from it be handled; it
// says goodbye and closes. It returns ctx's error if that came first. Safe to
// call twice.
func (r *ServerRouter) Shutdown(ctx context.Context) error {
	var sessions []*session
	for _, l := range r.stopAccepting() {
		if s := l.current.Load(); s != nil {
			s.requests.refuseMore()
			sessions = append(sessions, s)
		}
	}
	each(sessions, func(s *session) { s.requests.quiet(ctx, s.ctx) }) // nobody leaves whom another waits for
	each(sessions, func(s *session) { s.goodbye(ctx, "the router is shutting down") })
	ended := make(chan struct{}) // closed when the last connection has ended
	go func() {                  // ends before Close returns
		r.group.Wait()
		close(ended)
	}()
	var err error
	select {
	case <-ended:
	case <-ctx.Done():
		err = ctx.Err()
	}
	err = errors.Join(err, r.Close())
	<-ended
	return err
}

// each calls f for all sessions at the same time, and returns when all calls have.
func each(sessions []*session, f func(*session)) {
	var group sync.WaitGroup
	for _, s := range sessions {
		group.Go(func() { f(s) }) // ends with f
	}
	group.Wait()
}

// Close ends all connections at once and returns when the last goroutine has
// ended. Safe to call twice.
func (r *ServerRouter) Close() error {
	links := r.stopAccepting()
	r.halted.Store(true)
	for _, l := range links {
		l.halt()
	}
	r.group.Wait()
	r.mu.Lock()
	left := r.closed && r.node != nil
	n := r.node
	r.node = nil
	r.mu.Unlock()
	if left {
		n.setPolicy(&r.policy, false)
		n.leave()
		r.desk.reg.Close()
		r.audit().end()
	}
	return nil
}

func (r *ServerRouter) stopAccepting() []*link {
	r.mu.Lock()
	r.closed = true
	r.stop()
	listeners := r.listeners
	r.listeners = nil
	links := make([]*link, 0, len(r.links))
	for l := range r.links {
		links = append(links, l)
	}
	r.mu.Unlock()
	for _, l := range listeners {
		l.Close()
	}
	return links
}
