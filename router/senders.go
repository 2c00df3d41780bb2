package router

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// peerSender is a sender that the peer has announced. Its number and routes
// exist from CONNECT to DISCONNECT, also when the registry refused it: what the
// peer sends before it knows is then ignored.
type peerSender struct {
	connect wire.Connect
	routes  []*inRoute
	lossy   []sig.Name
	sender  *sig.Sender // nil: refused, shadowed, or evicted; guarded by session.peers
	left    bool        // the peer has disconnected it; guarded by session.peers
}

// onConnect takes in a sender of the peer's.
func (s *session) onConnect(e *wire.Connect) error {
	if err := s.checkConnect(e); err != nil {
		return err
	}
	lossy, err := s.takeLossy(e)
	if err != nil {
		return err
	}
	ps := &peerSender{connect: *e}
	at, since := s.link.node.gaps.recall(life{sig.Name(e.Name), e.Epoch})
	for i := range e.Events {
		ir := &inRoute{sess: s, number: e.Route + uint32(i), next: 1, missed: since}
		if i < len(at) {
			ir.next, ir.known, ir.past, ir.awaited = at[i].next, at[i].known, at[i].known, at[i].awaited
		}
		if e.Fresh && !ir.known && !ir.awaited {
			ir.known = true
			ir.position.Store(ir.next)
		}
		ir.taken = ir.takenHere
		ps.routes = append(ps.routes, ir)
		s.in = s.in.add(ir)
	}
	for _, i := range lossy {
		ps.routes[i].lossy = true
		ps.lossy = append(ps.lossy, sig.Name(e.Events[i]))
	}
	if len(lossy) > 0 {
		s.expectDatagrams()
	}
	put(&s.senders, e.Sender, ps)
	s.names += namesOf(e)
	s.announcing += namesOf(e)
	s.register(ps, s.handlersNext)
	return nil
}

// announceAnew is in how many seconds a principal may announce as many names anew
// as one connection may have; at once it is twice as many.
const announceAnew = 15

// namesOf is about how many bytes others get to know of a sender when it comes and
// when it leaves.
func namesOf(e *wire.Connect) int {
	n := 64 + len(e.Name)
	for _, list := range [][]string{e.Events, e.Requests} {
		for _, name := range list {
			n += 1 + len(name)
		}
	}
	return n
}

// checkConnect enforces the limits and the numbering.
func (s *session) checkConnect(e *wire.Connect) error {
	lim := s.link.limits
	switch {
	case s.senders[e.Sender] != nil:
		return unless("sender number in use", sig.NewError(sig.CodeProtocol, fmt.Sprintf("CONNECT of %q as number %d, which is in use", e.Name, e.Sender)))
	case s.link.role == wire.RoleServer && len(s.senders) >= lim.Senders:
		return unless("senders", s.limitError(LimitSenders, fmt.Sprintf("Senders: one connection may announce %d", lim.Senders)))
	case len(e.Events) > lim.EventsPerSender || len(e.Requests) > lim.EventsPerSender:
		return unless("events per sender", s.limitError(LimitEventsPerSender, fmt.Sprintf("EventsPerSender: a sender may declare %d events and as many requests", lim.EventsPerSender)))
	case s.link.role == wire.RoleServer && s.names+namesOf(e) > lim.NameBytes:
		return s.limitError(LimitNames, fmt.Sprintf("NameBytes: the names of one connection's senders may have %d bytes", lim.NameBytes))
	case uint64(e.Route)+uint64(len(e.Events)) > uint64(lim.RoutesPerPeer):
		return unless("routes", s.limitError(LimitRoutes, fmt.Sprintf("RoutesPerPeer: route numbers end at %d", lim.RoutesPerPeer)))
	}
	for i := range e.Events {
		if s.in.get(e.Route+uint32(i)) != nil {
			return unless("route number in use", sig.NewError(sig.CodeProtocol, fmt.Sprintf("CONNECT of %q with route %d, which is in use", e.Name, e.Route+uint32(i))))
		}
	}
	return nil
}

// register gives the sender to the registry and answers the peer. next queues
// the delivery of its #connect.
func (s *session) register(ps *peerSender, next func(func())) {
	err := s.connectPeer(ps, next)
	if errors.Is(err, sig.ErrNameTaken) && s.takeOver(sig.Name(ps.connect.Name)) {
		err = s.connectPeer(ps, next)
	}
	if err == nil {
		return
	}
	s.link.stats.refusals.log(s.link.log, slog.LevelInfo, "sender refused", "peer", s.describe(), "sender", ps.connect.Name, "error", err)
	if s.link.role == wire.RoleServer {
		s.link.send(s, wire.Connected{Sender: ps.connect.Sender, Code: uint16(sig.CodeOf(err)), Text: bounded(sig.AsError(err).Text)}.Append(nil))
	}
}

// connectPeer gives the sender to the registry. A client keeps one whose name is
// taken for when it is free: unshadow takes the same lock, and so comes either
// before the attempt or after the note.
func (s *session) connectPeer(ps *peerSender, next func(func())) error {
	s.peers.Lock()
	defer s.peers.Unlock()
	if s.over || ps.left {
		return sig.NewError(sig.CodeConnectionLost, s.describe())
	}
	e := &ps.connect
	if err := s.mayConnect(ps.claim()); err != nil {
		if s.link.role == wire.RoleClient {
			put(&s.denied, ps, struct{}{})
			e.Fresh = false // by the time it may come
		}
		return err
	}
	spec := sig.RemoteSpec{
		Events: names(e.Events), Requests: names(e.Requests), Default: e.Default, Fresh: e.Fresh, Hidden: e.Hidden, Epoch: e.Epoch, Lossy: ps.lossy,
	}
	sender, notice, err := s.link.bridge.Connect(sig.Name(e.Name), spec)
	if err != nil {
		if s.link.role == wire.RoleClient && errors.Is(err, sig.ErrNameTaken) {
			put(&s.shadows, sig.Name(e.Name), ps)
			e.Fresh = false // by the time the name is free
		}
		return err
	}
	if notice != nil {
		next(notice.Deliver)
	}
	ps.sender = sender
	s.adoptRoutes(ps)
	return nil
}

// adoptRoutes binds the peer's routes to the registry's, from where on its
// events are taken in, and tells a client which of them are wanted. WANT goes
// on from there: both happen under the link's lock.
func (s *session) adoptRoutes(ps *peerSender) {
	l, sender := s.link, ps.sender
	l.node.hold(sender)
	defer s.tellPositions(ps)
	l.mu.Lock()
	defer l.mu.Unlock()
	var wanted []uint32
	var lossy []*inRoute
	put(&s.bySender, sender, ps)
	for i, rt := range sender.Routes() {
		ir := ps.routes[i]
		rt.User().(*routeInfo).in.Store(ir)
		ir.ended.Store(false) // it may have been kept out by a policy meanwhile
		ir.wish = l.early[rt]
		if ir.wish.on {
			wanted = append(wanted, uint32(i))
		} else {
			ir.lapsed.Store(true)
		}
		if ir.wish.lossy && s.features&wire.FeatureLossyInterest != 0 {
			lossy = append(lossy, ir)
		}
		delete(l.early, rt)
		delete(s.said, ir) // CONNECTED says anew what is wanted
		ir.rt.Store(rt)
	}
	if l.role == wire.RoleServer && l.sess == s {
		l.askedLocked(len(wanted) > 0)
		s.controlLocked(wire.Connected{Sender: ps.connect.Sender, Wanted: wanted}.Append(nil))
		for _, ir := range lossy {
			s.wantLocked(ir)
		}
	}
}

// handlersNext queues f for the handler goroutine, behind the items of the
// batch that is being read.
func (s *session) handlersNext(f func()) {
	b := s.forHandlers()
	b.items = append(b.items, inItem{kind: inTask, task: f})
}

// takeOver frees a name for this connection if the same principal owns it by
// another one (P10).
func (s *session) takeOver(name sig.Name) bool {
	if s.link.role != wire.RoleServer || s.principal.Anonymous() {
		return false
	}
	for _, other := range s.link.node.others(s.link) {
		o := other.current.Load()
		if o == nil || !samePrincipal(o.principal, s.principal) {
			continue
		}
		named := func(owned *sig.Sender) bool { return owned.Name() == name }
		if !o.evict(named, sig.NewError(sig.CodeNameTaken, "taken over by another connection of the same principal")) {
			continue
		}
		s.link.log.Info("sender taken over", "sender", name, "by", s.describe(), "from", o.describe())
		if a := s.link.access.Load(); a != nil {
			a.policy.audit.tell(s.record(AuditRecord{
				Kind: AuditTakeover, Reason: fmt.Sprintf("%q, from %s", name, o.describe()),
				Decision: acl.Decision{Allowed: true, Question: acl.Question{Verb: acl.Emit, Sender: name}},
			}))
		}
		return true
	}
	return false
}

// evict ends a sender of this connection's peer, and tells the peer why.
func (s *session) evict(which func(*sig.Sender) bool, why *sig.Error) bool {
	s.peers.Lock()
	defer s.peers.Unlock()
	l := s.link
	l.mu.Lock()
	var found *peerSender
	for sender, ps := range s.bySender {
		if which(sender) {
			found = ps
		}
	}
	l.mu.Unlock()
	if found == nil {
		return false
	}
	s.evictLocked(found, why, why)
	return true
}

// evictLocked is evict of one sender, with what others are told of it and what
// the peer is. Call it with s.peers held.
func (s *session) evictLocked(ps *peerSender, why, told *sig.Error) {
	s.evicted(ps, s.release(ps, why), told)
}

// evicted has handlers hear that a sender of the peer's has ended, and tells the peer.
func (s *session) evicted(ps *peerSender, deliver func(), told *sig.Error) {
	l := s.link
	if deliver != nil {
		l.inbound.task(deliver)
	}
	if l.role == wire.RoleServer {
		l.send(s, wire.Disconnect{Sender: ps.connect.Sender, Code: uint16(told.Code), Reason: bounded(told.Text), Yours: true}.Append(nil))
	}
}

// release takes the sender out of the registry and returns what is left to do:
// its #disconnect. Call it with s.peers held.
func (s *session) release(ps *peerSender, why *sig.Error) func() {
	sender := ps.sender
	if sender == nil {
		return nil
	}
	ps.end()
	return s.released(sender, s.link.node.reg.Evict(sender, why))
}

// end keeps what still comes from being taken in; what has come is delivered.
func (ps *peerSender) end() {
	ps.sender = nil
	for _, ir := range ps.routes {
		ir.ended.Store(true)
	}
}

// released is what is behind the end of a sender of the peer's in the registry.
func (s *session) released(sender *sig.Sender, notice *sig.Notice) func() {
	l := s.link
	l.mu.Lock()
	delete(s.bySender, sender)
	l.mu.Unlock()
	s.failRequests(sender)
	l.node.release(sender)
	if notice == nil {
		return nil
	}
	return notice.Deliver
}

// onDisconnect ends a sender: one of the peer's, or, with Yours, one of ours
// that the peer does not accept any more.
func (s *session) onDisconnect(e *wire.Disconnect) error {
	if e.Yours {
		if s.link.role != wire.RoleClient {
			return unless("disconnect of yours", sig.NewError(sig.CodeProtocol, "DISCONNECT of the receiver's sender is for servers to send"))
		}
		s.kick(e.Sender, e.Code, e.Reason)
		return nil
	}
	ps := s.senders[e.Sender]
	if ps == nil {
		return unless("disconnect of nobody", sig.NewError(sig.CodeProtocol, fmt.Sprintf("DISCONNECT of sender %d, which was not announced", e.Sender)))
	}
	delete(s.senders, e.Sender)
	s.names -= namesOf(&ps.connect)
	s.in = s.in.without(ps.routes)
	for _, ir := range ps.routes {
		ir.forgetCredit()
	}
	s.peers.Lock()
	ps.left = true
	delete(s.denied, ps)
	if s.shadows[sig.Name(ps.connect.Name)] == ps {
		delete(s.shadows, sig.Name(ps.connect.Name))
	}
	why := sig.NewError(sig.CodeNotConnected, e.Reason)
	if e.Code == wire.CodeConnectionLost && ps.sender != nil {
		why = sig.NewError(sig.CodeConnectionLost, e.Reason)
		s.rememberPosition(ps)
	}
	deliver := s.release(ps, why)
	s.peers.Unlock()
	if deliver != nil {
		s.handlersNext(deliver)
	}
	return nil
}

// onConnected learns whether the server has accepted a sender of ours, and
// which of its events are wanted.
func (s *session) onConnected(e *wire.Connected) error {
	if e.Code != wire.CodeOK {
		s.kick(e.Sender, e.Code, e.Text)
		return nil
	}
	l := s.link
	l.mu.Lock()
	a := l.byNumber[e.Sender]
	over := l.leaving == s
	l.mu.Unlock()
	if a == nil || over {
		return nil // has left meanwhile, or the connection is being left: the next says it anew
	}
	want := make([]bool, len(a.routes))
	for _, i := range e.Wanted {
		if int(i) >= len(want) {
			return sig.NewError(sig.CodeProtocol, fmt.Sprintf("CONNECTED of sender %d wants event %d of %d", e.Sender, i, len(want)))
		}
		want[i] = true
	}
	l.mu.Lock()
	if l.sess == s {
		s.sendEarlyLocked(a, want)
	}
	l.mu.Unlock()
	for i, or := range a.routes {
		or.askedFor(wish{on: want[i]})
		l.bridge.Want(or.rt, want[i], false)
	}
	return nil
}

// onWant learns that somebody behind the server wants the events of one of our
// routes, or no longer does.
func (s *session) onWant(e *wire.Want) error {
	if e.Lossy && s.features&wire.FeatureLossyInterest == 0 {
		return sig.NewError(sig.CodeProtocol, "a lossy WANT without the feature lossy interest")
	}
	l := s.link
	l.mu.Lock()
	or := l.byRoute[e.Route]
	if l.leaving == s {
		or = nil // the next connection says it anew
	}
	if or != nil {
		or.asked = wish{e.On, e.Lossy}
	}
	if or != nil && e.On {
		or.turn.Store(e.Turn)
	}
	l.mu.Unlock()
	if or != nil { // nil: has left meanwhile
		l.bridge.Want(or.rt, e.On, e.Lossy)
	}
	return nil
}

// kick ends one of our senders because the router does not accept it: its name
// belongs to somebody else.
func (s *session) kick(number uint32, code uint16, text string) {
	l := s.link
	l.mu.Lock()
	a := l.byNumber[number]
	l.mu.Unlock()
	if a == nil || a.left {
		return
	}
	err := sig.NewError(sig.Code(code), text)
	l.log.Warn("sender refused by the router", "sender", a.sender.Name(), "peer", s.describe(), "error", err)
	owner, remote := bridgeLink(a.sender)
	switch {
	case !remote:
		l.inbound.task(l.node.reg.Evict(a.sender, err).Deliver) // handlers of #disconnect do not run on the reader
	case owner.role == wire.RoleServer:
		if o := owner.current.Load(); o != nil {
			o.evict(func(owned *sig.Sender) bool { return owned == a.sender }, err)
		}
	default: // another server's: it stays there and here, and is unknown to this one
		a.known.Store(false)
		l.node.reg.Warn(sig.Warning{Sender: a.sender.Name(), Err: fmt.Errorf("not announced to %s: %w", s.describe(), err)})
	}
}

// unshadow registers a sender of the peer's that had to wait until the local
// one of that name had left.
func (s *session) unshadow(name sig.Name) {
	s.peers.Lock()
	ps := s.shadows[name]
	delete(s.shadows, name)
	s.peers.Unlock()
	if ps != nil {
		s.register(ps, s.link.inbound.task)
	}
}
