package router

import (
	"fmt"
	"log/slog"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// onSubscribe takes in a pattern that a client wants events of.
func (s *session) onSubscribe(e *wire.Subscribe) error {
	p := sig.Pattern{Sender: sig.Name(e.Sender), Event: sig.Name(e.Event)}
	s.granting.Lock()
	defer s.granting.Unlock()
	err := p.Validate()
	var pass func(*sig.Route) bool
	lossy, have := s.wants[p]
	switch {
	case err != nil:
	case e.Lossy && s.features&wire.FeatureLossyInterest == 0:
		return sig.NewError(sig.CodeProtocol, "a lossy SUBSCRIBE without the feature lossy interest")
	case have && lossy != e.Lossy:
		s.wants[p] = e.Lossy
		s.link.bridge.SetLossy(p, e.Lossy)
		return nil
	case have:
		return unless("pattern twice", sig.NewError(sig.CodeProtocol, fmt.Sprintf("SUBSCRIBE to %q %q twice", e.Sender, e.Event)))
	case len(s.wants) >= s.link.limits.Subscriptions && enforced("subscriptions"):
		err = sig.NewError(sig.CodeLimit, fmt.Sprintf("Subscriptions: one connection may have %d", s.link.limits.Subscriptions))
		s.hit(LimitSubscriptions)
	default:
		pass, err = s.maySubscribe(p)
	}
	if err != nil {
		s.link.stats.refusals.log(s.link.log, slog.LevelWarn, "subscription refused", "peer", s.describe(), "sender", e.Sender, "event", e.Event, "error", err)
		s.refuseSubscription(p, sig.AsError(err))
		return nil
	}
	put(&s.wants, p, e.Lossy)
	s.link.bridge.SubscribeWhere(p, pass, e.Lossy)
	return nil
}

func (s *session) refuseSubscription(p sig.Pattern, err *sig.Error) {
	s.link.send(s, wire.Refused{
		About: wire.TypeSubscribe, Sender: string(p.Sender), Event: string(p.Event), Code: uint16(err.Code), Text: bounded(err.Text),
	}.Append(nil))
}

// onUnsubscribe takes a pattern back. One that was refused is no error: the
// client may not have known.
func (s *session) onUnsubscribe(e *wire.Unsubscribe) error {
	p := sig.Pattern{Sender: sig.Name(e.Sender), Event: sig.Name(e.Event)}
	s.granting.Lock()
	defer s.granting.Unlock()
	if _, have := s.wants[p]; have {
		delete(s.wants, p)
		s.link.bridge.Unsubscribe(p)
	}
	return nil
}

// onRefused learns that the server does not send what was subscribed to.
func (s *session) onRefused(e *wire.Refused) error {
	err := sig.NewError(sig.Code(e.Code), e.Text)
	s.noteRefusal(sig.Pattern{Sender: sig.Name(e.Sender), Event: sig.Name(e.Event)}, err)
	s.link.node.reg.Warn(sig.Warning{Sender: sig.Name(e.Sender), Event: sig.Name(e.Event), Err: fmt.Errorf("subscription refused by %s: %w", s.describe(), err)})
	return nil
}

// onRoute learns the number of a route's next event. A jump from a number that
// was known is a gap: what was emitted while a connection was down, or was on
// its way when it broke. It is none where the peer only now begins to send the
// route, unless that was known from a connection before.
func (s *session) onRoute(e *wire.Route) error {
	ir := s.in.get(e.Route)
	switch {
	case ir == nil:
		return unless("route of nobody", sig.NewError(sig.CodeProtocol, fmt.Sprintf("ROUTE of route %d, which was not announced", e.Route)))
	case e.Period != 0 && s.features&wire.FeatureLossyInterest == 0:
		return sig.NewError(sig.CodeProtocol, "a period without the feature lossy interest")
	}
	err := s.stands(ir, e)
	ir.period = e.Period
	if e.Period != 0 {
		s.expectDatagrams()
	}
	return err
}

// stands is onRoute but for the period that begins or ends.
func (s *session) stands(ir *inRoute, e *wire.Route) error {
	lapsed, begins := s.resume(ir, e)
	if lapsed && !begins {
		return nil
	}
	unbroken := ir.known && !lapsed
	if unbroken && e.Seq < ir.next {
		return nil // told before the peer knew how far it had come
	}
	switch {
	case unbroken && (ir.lossy || ir.period != 0) && e.Seq > ir.next && !ir.past && !e.Begin:
		return s.onTail(ir, e)
	case unbroken && e.Seq > ir.next && (ir.past || !e.Begin):
		s.lostHere(ir.forThoseBy(ir.missed), e.Seq-ir.next, sig.LossConnection)
	case ir.awaited && !lapsed && e.Seq > 1:
		s.lostHere(ir.forThoseBy(ir.missed), 0, sig.LossConnection) // nobody knows how many
	}
	first := ir.past || !ir.known
	ir.known, ir.past, ir.awaited, ir.missed = true, false, false, 0
	if first || lapsed || e.Seq != ir.next {
		ir.next = e.Seq
		ir.restart(e.Begin)
	}
	return nil
}

// onTail learns where a route stands whose events may be lost.
func (s *session) onTail(ir *inRoute, e *wire.Route) error {
	if err := s.catchUp(); err != nil || e.Seq <= ir.next {
		return err
	}
	return s.onLost(&wire.Lost{Route: e.Route, Count: e.Seq - ir.next, Reason: wire.LossDatagram})
}

// resume reports whether interest in the route had lapsed, and whether it begins
// again with this ROUTE: one that begins, and to a server the answer to the latest
// WANT. What was under way before that belongs to what was wanted before. Who has kept
// the sender out for a while follows what the server says of it.
func (s *session) resume(ir *inRoute, e *wire.Route) (lapsed, begins bool) {
	if !ir.lapsed.Load() {
		return false, false
	}
	l := s.link
	l.mu.Lock()
	defer l.mu.Unlock()
	begins = e.Begin && (ir.wish.on || ir.ended.Load())
	if l.role == wire.RoleServer {
		begins = e.Begin && e.Turn > 0 && e.Turn == ir.turn
	}
	if begins {
		ir.lapsed.Store(false)
	}
	return true, begins
}

// restart tells the number of the next event to all who get the route's events:
// it is not the one they expect, and may be the last for a while. What is no loss
// here is none for them.
func (ir *inRoute) restart(begin bool) {
	ir.position.Store(ir.next) // for who is offline, before it is found to be
	rt := ir.rt.Load()
	if rt == nil || ir.ended.Load() {
		return
	}
	for _, out := range ir.targets(rt) {
		if begin {
			out.or.begins.Store(true)
		}
		out.or.started.Store(nil)
		if to := out.or.link.session(); to != nil && out.or.of.known.Load() {
			out.g.begin(to, out.or, ir.next)
		}
	}
}

// onLost learns that events are missing here, and passes it on to whoever
// would have got them. Who is offline learns it from the number of the next one.
func (s *session) onLost(e *wire.Lost) error {
	ir := s.in.get(e.Route)
	if ir == nil {
		return unless("loss of nobody", sig.NewError(sig.CodeProtocol, fmt.Sprintf("LOST of route %d, which was not announced", e.Route)))
	}
	if ir.lapsed.Load() {
		return nil
	}
	s.lostHere(ir, e.Count, sig.LossReason(e.Reason))
	first := ir.next
	ir.next += e.Count
	ir.position.Store(ir.next)
	rt := ir.rt.Load()
	if rt == nil || ir.ended.Load() {
		return nil
	}
	for _, out := range ir.targets(rt) {
		to := out.or.link.session()
		switch {
		case to == nil || !out.or.of.known.Load():
		case out.numbered(to, first):
			out.g.begin(to, out.or, first) // what is missing is found by the number of the next event
			to.noteTail(out.or, ir.next-1)
		default:
			out.g.control(to, out.or, first, wire.Lost{Route: out.or.id, Count: e.Count, Reason: e.Reason}.Append(nil))
		}
	}
	return nil
}

// lostHere announces a loss to the subscriptions of this process.
func (s *session) lostHere(ir *inRoute, n uint64, reason sig.LossReason) {
	rt := ir.rt.Load()
	if rt == nil || !rt.HasLocal() {
		return
	}
	s.link.stats.lost(reason, n)
	b := s.forHandlers()
	b.items = append(b.items, inItem{kind: inLost, route: ir, lost: n, reason: reason})
}
