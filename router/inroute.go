package router

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// inRoute is a route of a sender that the peer has announced.
type inRoute struct {
	sess   *session
	number uint32
	rt     atomic.Pointer[sig.Route] // nil: the sender was refused or has left, its events are ignored
	// lapsed: nobody here wanted it for a while. What still comes is ignored,
	// until the ROUTE of the latest turn; that is no gap.
	lapsed atomic.Bool
	turn   uint32      // counts the changes of that; guarded by the link's mutex
	ended  atomic.Bool // the sender has left or was refused: what still comes is ignored
	since  uint64      // if not 0, losses concern only the subscriptions there were by then
	// position is next as of the last flush, for other goroutines; 0: not told
	// on this connection.
	position atomic.Uint64
	taken    func() // a handler or queue here has taken a held-back event

	// Of the reader alone.
	next    uint64 // number of the next event
	known   bool   // next is right,
	past    bool   // but as of an earlier connection: the peer has yet to say where it stands now
	awaited bool   // it has not said so on an earlier connection, and something may be lost
	missed  uint64 // since, for what was lost with an earlier connection; until that is known
	outs    []outRef
	outsFor []sig.Target // what outs was made from
	fresh   []int        // sizes of held-back events since the last flush

	credit sync.Mutex // guards what follows
	owed   []int      // sizes of held-back events whose places the peer has not been given back
	bytes  int        // their sum
	here   int        // how many of them this process has yet to take
}

// origin returns where the events of a route come from, nil if it is not known
// or they are emitted in this process.
func origin(rt *sig.Route) *inRoute {
	if info, ok := rt.User().(*routeInfo); ok {
		return info.in.Load()
	}
	return nil
}

// outRef is where to forward to, with this reader's batch for that peer.
type outRef struct {
	or *outRoute
	g  *gather
}

// payloadIn is a payload as it came, for the registry to decode.
type payloadIn struct {
	data  []byte
	codec codec.Codec
}

// Keep implements [sig.Keeper]: the payload lies in a buffer that is used again.
func (p payloadIn) Keep() sig.Encoded {
	return payloadIn{append([]byte(nil), p.data...), p.codec}
}

// Decode implements [sig.Encoded].
func (p payloadIn) Decode(into any) error { return p.codec.Decode(p.data, into) }

// deliverHeld hands a held-back event to the handlers of this process.
func (ir *inRoute) deliverHeld(frame []byte) {
	_, _, payload, err := wire.ParseEvent(frame[carrier.FrameOverhead:])
	rt := ir.rt.Load()
	if rt == nil || err != nil { // checked when it came
		ir.taken()
		return
	}
	rt.Deliver(payloadIn{payload, ir.sess.codec}, ir.taken)
}

func (ir *inRoute) deliverLost(n uint64, reason sig.LossReason) {
	if rt := ir.rt.Load(); rt != nil {
		rt.DeliverLost(sig.Lost{Count: n, Reason: reason}, ir.since)
	}
}

// forThoseBy stands for the route where a loss concerns only the subscriptions
// that there were by since.
func (ir *inRoute) forThoseBy(since uint64) *inRoute {
	if since == 0 {
		return ir
	}
	then := &inRoute{sess: ir.sess, number: ir.number, since: since}
	then.rt.Store(ir.rt.Load())
	return then
}

// routeTable finds a route by the peer's number, in pages so that a high number
// costs no more than a low one.
type routeTable struct{ pages []*[256]*inRoute }

func (t *routeTable) get(number uint32) *inRoute {
	page := number >> 8
	if page >= uint32(len(t.pages)) || t.pages[page] == nil {
		return nil
	}
	return t.pages[page][number&255]
}

func (t *routeTable) set(number uint32, ir *inRoute) {
	page := int(number >> 8)
	if page >= len(t.pages) {
		if ir == nil {
			return
		}
		t.pages = append(t.pages, make([]*[256]*inRoute, page+1-len(t.pages))...)
	}
	if t.pages[page] == nil {
		t.pages[page] = new([256]*inRoute)
	}
	t.pages[page][number&255] = ir
}

// event takes in one EVENT, which stands at batch[at:end] with its length:
// forwards it to every peer that wants it, and queues it for this process if
// somebody here does.
func (s *session) event(batch []byte, at, end int) error {
	frame := batch[at+carrier.FrameOverhead : end]
	if r := &s.run; r.header != nil && bytes.HasPrefix(frame, r.header) {
		s.again(batch, at, end, frame[len(r.header):])
		return nil
	}
	s.endRun()
	flags, number, payload, err := wire.ParseEvent(frame)
	if err != nil {
		return err
	}
	ir := s.in.get(number)
	if ir == nil {
		return sig.NewError(sig.CodeProtocol, fmt.Sprintf("EVENT on route %d, which was not announced", number))
	}
	ir.next++
	s.arrived++
	s.publish(ir)
	rt := ir.rt.Load()
	gone := rt == nil || ir.ended.Load() || ir.lapsed.Load()
	held := flags&wire.FlagHeld != 0
	local := !gone && rt.HasLocal()
	if held {
		if err := s.heldArrived(ir, len(payload), local); err != nil {
			return err
		}
	}
	if gone {
		return nil
	}
	outs := ir.targets(rt)
	ir.forward(outs, flags, payload)
	if local {
		s.queueHere(ir, held, batch, at, end)
	}
	if !held {
		s.beginRun(ir, outs, local, frame[:len(frame)-len(payload)])
	}
	return nil
}

// queueHere adds an event to what is handed to the handler goroutine.
func (s *session) queueHere(ir *inRoute, held bool, batch []byte, at, end int) {
	kind := inEvent
	if held {
		kind = inHeld
	}
	s.local.items = append(s.local.items, inItem{kind: kind, route: ir, frames: batch[at:end], count: 1})
	s.local.bytes += end - at
	s.localAt = at
}

// targets returns where the route's events go, remade when that has changed.
func (ir *inRoute) targets(rt *sig.Route) []outRef {
	ts := rt.Targets()
	if len(ts) == 0 {
		return nil
	}
	if len(ts) == len(ir.outsFor) && &ts[0] == &ir.outsFor[0] {
		return ir.outs
	}
	ir.outs = ir.outs[:0]
	for _, t := range ts {
		if or, ok := t.(*outRoute); ok {
			ir.outs = append(ir.outs, outRef{or, ir.sess.gatherFor(or.link)})
		}
	}
	ir.outsFor = ts
	return ir.outs
}

// forward appends the event to the batch of each peer that wants it. The frame
// is the same for all with the same codec: it is built once and copied.
func (ir *inRoute) forward(outs []outRef, flags wire.Flags, payload []byte) {
	var built []byte
	for _, out := range outs {
		to := out.or.link.current.Load()
		switch {
		case to == nil:
			ir.forwardOffline(out.or, flags, payload)
			continue
		case !out.or.of.known.Load():
			continue
		case flags&wire.FlagHeld != 0 && to.features&wire.FeatureHeld == 0:
			ir.transcode(out, to, flags&^wire.FlagHeld, payload)
			continue
		case to.codecKey != ir.sess.codecKey:
			ir.transcode(out, to, flags, payload)
			continue
		case len(payload)+eventOverhead > to.maxFrame:
			out.g.lost(to, out.or, ir.next-1, 1)
			continue
		}
		g := out.g
		g.begin(to, out.or, ir.next-1)
		start := len(g.buf)
		if built != nil {
			g.buf = append(g.buf, built...)
		} else {
			g.buf = appendEventFrame(g.buf, flags, out.or.id, payload)
			built = g.buf[start:]
		}
		g.added(out.or, flags, len(payload), len(g.buf)-start)
	}
}

// transcode forwards to a peer with another codec, or other features. What
// cannot be expressed in the codec is a loss for that peer, and announced.
func (ir *inRoute) transcode(out outRef, to *session, flags wire.Flags, payload []byte) {
	data, err := to.encoded(payload, ir.sess.codec)
	if err != nil || len(data)+eventOverhead > to.maxFrame {
		out.g.lost(to, out.or, ir.next-1, 1)
		return
	}
	out.g.begin(to, out.or, ir.next-1)
	start := len(out.g.buf)
	out.g.buf = appendEventFrame(out.g.buf, flags, out.or.id, data)
	out.g.added(out.or, flags, len(data), len(out.g.buf)-start)
}

// forwardOffline keeps an event for an upstream that is not connected.
func (ir *inRoute) forwardOffline(or *outRoute, flags wire.Flags, payload []byte) {
	if or.link.role == wire.RoleClient && !or.link.refuse {
		or.keep(offlineItem{
			or: or, payload: append([]byte(nil), payload...), codec: ir.sess.codec, seq: ir.next - 1,
			held: flags&wire.FlagHeld != 0,
		}, false)
	}
}
