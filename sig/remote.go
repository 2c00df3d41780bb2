package sig

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Keeper is an [Encoded] that lends its bytes: it is valid only until the call
// it was given to returns. Who needs it for longer asks for one that lasts.
type Keeper interface{ Keep() Encoded }

// keep makes a payload last, if it is one that would not.
func keep(v any) any {
	if k, ok := v.(Keeper); ok {
		return k.Keep()
	}
	return v
}

// remoteEvent is an event of another process on its way to the handlers.
type remoteEvent struct {
	sender, event Name
	payload       Encoded
	plain         *plainPayload // nil: only one handler will look
}

// plainPayload is decoded once for all handlers of plain values. They share it
// as they share the payload of an event of this process.
type plainPayload struct {
	known bool
	value any
	err   error
}

// decodeTo makes a T of the payload. It recovers, because types bring their own
// unmarshalling methods.
func decodeTo[T any](re remoteEvent) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = NewError(CodeBadPayload, fmt.Sprintf("decoding into %T panicked: %v", v, p))
		}
	}()
	out, untyped := any(&v).(*any)
	if !untyped || re.plain == nil {
		return Data[T](re.payload)
	}
	if m := re.plain; !m.known {
		m.known = true
		m.value, m.err = Data[any](re.payload)
	}
	*out, err = re.plain.value, re.plain.err
	return v, err
}

// Deliver brings an event of another process to the local subscriptions, on the
// calling goroutine to inline ones. With done the event is held back: it is
// never dropped, and done is called exactly once, when every local subscription
// has taken it: an inline handler has returned, a queue has put it into free
// room. Calls for one sender are made one after the other.
//
// p is used after Deliver returns only if handlers of this sender are running
// on another goroutine, or an earlier life's events are still on their way; if
// p is a [Keeper], it is asked to Keep first.
func (rt *Route) Deliver(p Encoded, done func()) {
	s, snap := rt.sender, rt.current()
	switch {
	case snap == nil || len(snap.subs) == 0:
		if done != nil {
			done()
		}
	case s.gone.Load(): // it may have delivered its #disconnect already
		rt.deliverLater(snap, p, done)
	case !snap.any.own && s.slot.idle():
		snap.deliverRemote(p, done)
	case s.slot.tryOwn():
		rt.deliverOwned(snap, p, done)
	default:
		rt.deliverLater(snap, p, done)
	}
}

func (rt *Route) deliverOwned(snap *snapshot, p Encoded, done func()) {
	defer rt.sender.slot.release()
	if rt.sender.gone.Load() {
		rt.deliverLater(snap, p, done)
		return
	}
	snap.deliverRemote(p, done)
}

// deliverLater leaves the event with the slot.
func (rt *Route) deliverLater(snap *snapshot, p Encoded, done func()) {
	s := rt.sender
	if done == nil && s.slot.full() {
		rt.excess.count(rt, snap)
		return
	}
	rt.excess.end()
	p, _ = keep(p).(Encoded)
	own, ok := s.slot.post(s, func() { snap.deliverRemote(p, done) })
	if !ok && done != nil {
		done()
	}
	if own {
		s.slot.drain()
	}
}

func (snap *snapshot) deliverRemote(p Encoded, done func()) {
	rt := snap.route
	re := remoteEvent{sender: rt.sender.slot.name, event: rt.name, payload: p}
	if len(snap.subs) > 1 {
		re.plain = &plainPayload{}
		done = countdown(len(snap.subs), done)
	}
	snap.remoteFrom(0, re, done)
}

// remoteFrom gives the event to the subscriptions from the i-th on, in order. A
// handler may end its goroutine (t.FailNow does): those behind it get the event
// on its way out.
func (snap *snapshot) remoteFrom(next int, re remoteEvent, done func()) {
	defer func() {
		if next < len(snap.subs) {
			snap.remoteFrom(next+1, re, done)
		}
	}()
	for ; next < len(snap.subs); next++ {
		snap.subs[next].recv.remote(re, done)
	}
}

// countdown calls done at the n-th call; nil stays nil.
func countdown(n int, done func()) func() {
	if done == nil {
		return nil
	}
	var left atomic.Int64
	left.Store(int64(n))
	return func() {
		if left.Add(-1) == 0 {
			done()
		}
	}
}

// DeliverLost announces to the local subscriptions that events of this route
// were lost on their way here, in order with its other events. It fills in
// whatever of l depends on the route and the subscription. Subscriptions made
// after the first since, as [Registry.Subscriptions] counts them, have missed
// nothing and hear nothing; 0 means all.
func (rt *Route) DeliverLost(l Lost, since uint64) {
	snap := rt.current()
	if snap == nil || len(snap.subs) == 0 {
		return
	}
	l.Sender, l.Event = rt.sender.slot.name, rt.name
	rt.excess.end()
	own, ok := rt.sender.slot.post(rt.sender, func() { snap.lose(l, since) })
	if ok && own {
		rt.sender.slot.drain()
	}
}

func (snap *snapshot) lose(l Lost, since uint64) { snap.loseFrom(0, l, since) }

// loseFrom is lose from the i-th subscription on, also if a handler ends its
// goroutine.
func (snap *snapshot) loseFrom(next int, l Lost, since uint64) {
	defer func() {
		if next < len(snap.subs) {
			snap.loseFrom(next+1, l, since)
		}
	}()
	for ; next < len(snap.subs); next++ {
		if sub := snap.subs[next]; !sub.ended.Load() && (since == 0 || sub.seq <= since) {
			sub.recv.lose(l)
		}
	}
}

// excess counts events of another process that found the slot full, until one
// finds room again. They are announced where the first of them would have been.
type excess struct {
	mu  sync.Mutex
	now *atomic.Uint64 // nil: none
}

func (x *excess) count(rt *Route, snap *snapshot) {
	x.mu.Lock()
	n := x.now
	if n == nil {
		n = new(atomic.Uint64)
		x.now = n
	}
	first := n.Add(1) == 1
	x.mu.Unlock()
	if !first {
		return
	}
	own, ok := rt.sender.slot.post(rt.sender, func() {
		rt.excess.end()
		snap.lose(Lost{Sender: rt.sender.slot.name, Event: rt.name, Count: n.Load(), Reason: LossReentry}, 0)
	})
	if ok && own {
		rt.sender.slot.drain()
	}
}

func (x *excess) end() {
	x.mu.Lock()
	x.now = nil
	x.mu.Unlock()
}
