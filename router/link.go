package router

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// link is this registry's end of a connection to another one: the [sig.Peer]
// of a bridge. A server's link lives as long as its connection. A client's link
// lives as long as its ClientRouter; connections come and go beneath it as
// sessions, so that the registry sees one peer all the time.
//
//	registry --hooks--> link --frames--> session --> carrier.Conn
//	registry <--bridge-- link <--frames-- session <-- carrier.Conn
type link struct {
	node    *node
	role    wire.Role // of this side
	limits  *Limits   // others may share them
	codecs  []codec.Codec
	log     *slog.Logger
	stats   *counters
	traffic traffic
	bridge  *sig.Bridge
	refuse  bool // offline: refuse what is emitted instead of keeping it
	// credentials are a client's, for a server that asks.
	credentials credentials
	desk        *adminDesk             // of a server
	access      atomic.Pointer[access] // what the peer may do
	inbound     inQueue
	running     *runIn         // of the handler goroutine: the run being delivered; nil: none yet
	group       sync.WaitGroup // handlers, writers and requests of all sessions

	current atomic.Pointer[session] // same as sess, for readers without the lock

	mu        sync.Mutex
	sess      *session // nil while there is no connection
	leaving   *session // a connection that is being left for another, until it is closed
	closed    bool
	announced map[*sig.Sender]*announced
	byNumber  map[uint32]*announced
	count     uint64 // senders announced so far
	byRoute   map[uint32]*outRoute
	interest  map[sig.Pattern]bool // what a server is asked for, and whether it may lose some
	early     map[*sig.Route]wish  // Wanted, or Asked, before the sender's CONNECT was taken in
	unsynced  bool                 // the peer has been asked for events since its last SYNCED
	online    chan struct{}        // closed when there is a session again, or never will be; nil: nobody waits
	offline   offlineBuffer
}

// announced is a sender of ours that the peer has been told of.
type announced struct {
	sender *sig.Sender
	info   *senderInfo
	routes []*outRoute
	known  atomic.Bool // the peer of the current session takes its events

	// Guarded by link.mu.
	numbered bool // the peer of the current session has its numbers, until DISCONNECT
	left     bool // has disconnected while offline; kept for what it had emitted
	reason   string
	nth      uint64 // in the order of announcing
	key      string // of the view that the peer has of it; "": none
	// withdrawn: it was taken back on this connection, and what the peer returns of
	// it may be of before.
	withdrawn bool
	early     early // what waits for the answer to its CONNECT
}

func newLink(n *node, role wire.Role, limits *Limits, codecs []codec.Codec, log *slog.Logger, stats *counters) *link {
	l := &link{
		node: n, role: role, codecs: codecs, log: log, stats: stats,
	}
	l.inbound = inQueue{
		run: l.deliver, group: &l.group,
		onLoss: l.lostInbound, flood: l.flooded, broken: l.broken,
	}
	l.restrict(limits)
	return l
}

// restrict puts limits in force, before the link is used.
func (l *link) restrict(limits *Limits) {
	l.limits = limits
	l.offline.bound = limits.OfflineBytes
	l.inbound.bound = limits.InboundBytes
	l.inbound.maxTasks = math.MaxInt64
	if l.role == wire.RoleServer { // a client trusts its server with the senders of all others
		l.inbound.maxTasks = 4*int64(limits.Senders) + 1024
	}
}

// lostInbound counts what handlers here were too slow for.
func (l *link) lostInbound(n uint64) {
	l.stats.lost(sig.LossInbound, n)
	l.stats.hit(l.log, LimitInbound, "peer", l.describe(), "lost", n)
}

// flooded ends a connection whose peer connects and disconnects senders faster
// than handlers here can hear of it.
func (l *link) flooded(tasks int) {
	if s := l.current.Load(); s != nil {
		s.fail(s.limitError(LimitSenders, fmt.Sprintf("Senders: %d of the peer's arrivals and departures wait for handlers", tasks)))
	}
}

// attach makes the link a peer of the registry.
func (l *link) attach() error {
	l.node.addLink(l)
	var peer sig.Peer = l
	if l.role == wire.RoleClient {
		peer = uplink{l}
	}
	b, err := l.node.reg.Attach(peer)
	if err != nil {
		l.node.removeLink(l)
		return err
	}
	l.mu.Lock()
	l.bridge = b
	l.mu.Unlock()
	return nil
}

// detach ends the link: its senders leave, and everything it has started ends.
func (l *link) detach(reason string) {
	l.mu.Lock()
	l.closed = true
	bridge := l.bridge
	if l.online != nil {
		close(l.online)
		l.online = nil
	}
	l.mu.Unlock()
	if bridge != nil {
		if notice := bridge.Close(reason); notice != nil {
			l.inbound.task(notice.Deliver)
		}
	}
	l.mu.Lock()
	all := l.inOrder()
	var settle []*outRoute
	for _, a := range all {
		for _, or := range a.routes {
			settle = append(settle, or)
			or.retire()
		}
	}
	clear(l.announced)
	clear(l.byNumber)
	clear(l.byRoute)
	l.mu.Unlock()
	for _, a := range all {
		l.node.releaseOf(a.sender, a.info)
	}
	settleAll(settle)
	l.node.removeLink(l)
}

// Hooks of the registry. They run under its lock.

// SenderConnected announces s to the peer. A client's upstream is taken to want
// all its events until it says what it wants.
func (l *link) SenderConnected(s *sig.Sender) (wantsAll bool) {
	info := l.node.hold(s)
	a := &announced{sender: s, info: info}
	for i, rt := range s.Routes() {
		a.routes = append(a.routes, &outRoute{link: l, of: a, rt: rt, id: info.base + uint32(i)})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	put(&l.announced, s, a)
	put(&l.byNumber, info.number, a)
	l.count++
	a.nth = l.count
	for _, or := range a.routes {
		put(&l.byRoute, or.id, or)
	}
	if l.sess != nil {
		l.sess.announceLocked(a, s.Fresh())
		l.askedLocked(l.role == wire.RoleClient) // a barrier tells that the name is granted
	}
	return l.role == wire.RoleClient
}

// SenderDisconnected tells the peer. While offline, a sender with events in the
// buffer stays announced until they are delivered.
func (l *link) SenderDisconnected(s *sig.Sender, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.announced[s]
	if a == nil {
		return
	}
	delete(l.announced, s)
	for _, or := range a.routes {
		or.retire()
	}
	l.node.retired.Add(1)
	if sess := l.sess; sess != nil && l.role == wire.RoleClient {
		l.node.group.Go(func() { sess.unshadow(s.Name()) }) // ends at once: needs the registry's lock
	}
	switch {
	case l.sess != nil && !a.numbered:
	case l.sess != nil:
		l.sess.sendEarlyLocked(a, nil)
		l.sess.controlLocked(disconnectFrame(a, reason))
		l.askedLocked(l.role == wire.RoleClient) // a barrier tells that the name is free
	case l.role == wire.RoleClient && !l.closed && l.offline.has(a):
		a.left, a.reason = true, reason
		return
	}
	l.dropLocked(a)
}

// dropLocked forgets an announced sender.
func (l *link) dropLocked(a *announced) {
	delete(l.byNumber, a.info.number)
	for _, s := range []*session{l.sess, l.leaving} {
		if s != nil {
			s.out.gone(a)
		}
	}
	for _, or := range a.routes {
		delete(l.byRoute, or.id)
	}
	l.node.releaseOf(a.sender, a.info)
}

// inOrder lists what is announced, in the order of announcing. Call it with the
// lock held.
func (l *link) inOrder() []*announced {
	return slices.SortedFunc(maps.Values(l.byNumber), func(a, b *announced) int { return cmp.Compare(a.nth, b.nth) })
}

// wish is what a peer is asked for of a route.
type wish struct {
	on    bool
	lossy bool // all who want it accept loss
}

// Wanted tells a client which events of its senders somebody wants. A server is
// asked by pattern, see [uplink.Asked].
func (l *link) Wanted(rt *sig.Route, on, lossy bool) {
	if l.role != wire.RoleServer {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ir := origin(rt)
	if ir == nil {
		put(&l.early, rt, wish{on, lossy})
		return
	}
	was := ir.wish
	ir.wish = wish{on, lossy}
	if was.on != on {
		ir.turn++
	}
	if !on {
		ir.lapsed.Store(true)
	}
	if s := l.sess; s == ir.sess && s != nil && (was.on != on || s.features&wire.FeatureLossyInterest != 0) {
		l.askedLocked(on)
		s.wantLocked(ir)
	}
}

// Target returns what takes the route's events to the peer.
func (l *link) Target(rt *sig.Route) sig.Target {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.announced[rt.Sender()]
	if a == nil {
		return nil
	}
	or := a.routes[rt.Index()]
	if !or.wanted { // else since it was announced
		or.beginLocked()
	}
	return or
}

// Detached notes that the peer no longer wants the route's events: it will be
// told the number of the next one if it asks again.
func (l *link) Detached(rt *sig.Route) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.announced[rt.Sender()]
	if a == nil {
		return
	}
	or := a.routes[rt.Index()]
	or.endLocked()         // held-back events under way keep their places: the peer still returns them
	if len(or.sizes) > 0 { // else nobody waits for it
		l.node.group.Go(func() { settleAll([]*outRoute{or}) }) // ends at once: settling needs other links' locks
	}
}

// send sends a control frame on s if that is still the connection, or is being
// left.
func (l *link) send(s *session, frame []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sess != s && l.leaving != s {
		return false
	}
	s.controlLocked(frame)
	return true
}

// session returns the connection, also one that is just being opened; nil if
// there is none.
func (l *link) session() *session {
	if s := l.current.Load(); s != nil {
		return s
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sess
}

// describe names the peer for messages.
func (l *link) describe() string {
	if s := l.current.Load(); s != nil {
		return s.describe()
	}
	return "a connection that is down"
}

// Request implements [sig.Peer]: the sender is one that the peer announced.
func (l *link) Request(ctx context.Context, s *sig.Sender, method sig.Name, data any) (any, error) {
	sess := l.current.Load()
	if sess == nil {
		return nil, sig.NewError(sig.CodeConnectionLost, quoted(s.Name()))
	}
	return sess.request(ctx, s, method, data)
}

// announceLocked announces a sender. One that is too large for the peer to take
// in is unknown there, which is logged.
func (s *session) announceLocked(a *announced, fresh bool) {
	v := s.viewOf(a.sender)
	if a.key = v.key(); !v.shown {
		a.numbered = false
		a.known.Store(false)
		return
	}
	frame := wire.Connect{
		Sender: a.info.number, Route: a.info.base, Epoch: a.sender.Epoch(), Name: string(a.sender.Name()),
		Events: v.events, Requests: v.requests, Default: v.fallback, Fresh: fresh, Hidden: v.hidden,
	}.Append(nil)
	a.numbered = len(frame) <= s.maxFrame && !a.info.numberless
	a.known.Store(a.numbered)
	for _, or := range a.routes {
		or.turn.Store(0)
	}
	if a.info.numberless {
		s.link.log.Error("sender not announced: all numbers of routes are in use", "sender", a.sender.Name(), "peer", s.describe(), "events", len(v.events))
		return
	}
	if !a.numbered {
		s.link.log.Error("sender not announced: its declarations are larger than the peer's largest frame",
			"sender", a.sender.Name(), "peer", s.describe(), "bytes", len(frame), "MaxFrame", s.maxFrame)
		return
	}
	s.lossyLocked(a)
	s.controlLocked(frame)
	s.awaitAnswerLocked(a)
	if fresh && s.link.role == wire.RoleClient {
		s.beginFreshLocked(a)
	}
}

// disconnectFrame tells that a sender has left, and whether that was because
// of a lost connection: then it may come back and go on.
func disconnectFrame(a *announced, reason string) []byte {
	code := wire.CodeOK
	if err := a.sender.Err(); errors.Is(err, sig.ErrConnectionLost) {
		code, reason = wire.CodeConnectionLost, sig.AsError(err).Text // the peer knows the code's own words
	}
	return wire.Disconnect{Sender: a.info.number, Code: code, Reason: bounded(reason)}.Append(nil)
}

// senderCount is how many senders the peer has here.
func (l *link) senderCount() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sess == nil {
		return 0
	}
	return len(l.sess.bySender)
}
