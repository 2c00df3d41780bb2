package router

import (
	"cmp"
	"fmt"
	"math"
	"slices"
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
	// lapsed: the peer was not to send it for a while. What still comes is ignored,
	// until the ROUTE that begins it again; that is no gap.
	lapsed atomic.Bool
	turn   uint32      // counts the changes of that; guarded by the link's mutex, as
	wish   wish        // what the peer was asked for
	ended  atomic.Bool // the sender has left or was refused: what still comes is ignored
	since  uint64      // if not 0, losses concern only the subscriptions there were by then
	// position is next as of the last flush, for other goroutines; 0: not told
	// on this connection.
	position atomic.Uint64
	lossy    bool   // events may be NUMBERED
	taken    func() // a handler or queue here has taken a held-back event

	// Of the reader alone.
	next    uint64 // number of the next event
	known   bool   // next is right,
	past    bool   // but as of an earlier connection: the peer has yet to say where it stands now
	awaited bool   // it has not said so on an earlier connection, and something may be lost
	period  uint32 // in which events are NUMBERED; 0: they are EVENTs, or lossy
	missed  uint64 // since, for what was lost with an earlier connection; until that is known
	outs    []outRef
	outsFor []sig.Target // what outs was made from
	peers   uint64       // who is in outs: where it is the same for two routes, so are the peers
	fresh   []int        // sizes of held-back events since the last flush

	// What survey has found out for the stretch.
	stretch uint64
	local   bool     // this process wants the events
	passing []outRef // the peers that want them
	plain   bool     // they take the frames as they come, but for the number in them,
	head    []byte   // which is this, behind type and flags,
	most    int      // if they are no larger than this;
	least   int      // larger ones than this may have to be cut

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

// ownPayload is a payload in memory of its own, which whoever gets it may keep.
type ownPayload struct {
	payloadIn
	bytes bool // the codec sends bytes as they are
	given bool // somebody got the bytes, and does not use this any more
}

// ownCopy makes one of a payload that came over a connection.
func (s *session) ownCopy(payload []byte) ownPayload {
	return ownPayload{payloadIn: payloadIn{append([]byte{}, payload...), s.codec}, bytes: s.verbatim}
}

// Give implements [sig.Giver].
func (p *ownPayload) Give() ([]byte, bool) {
	p.given = p.bytes
	return p.data, p.bytes
}

// Keep implements [sig.Keeper].
func (p *ownPayload) Keep() sig.Encoded { return p }

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
// costs no more than a low one. The handler goroutine uses it too, for the events
// of batches it has been given: for those no number may change its meaning.
type routeTable struct {
	pages    []*routePage
	codec    codec.Codec // of the payloads
	verbatim bool        // it sends bytes as they are
}

type routePage [256]*inRoute

func (t *routeTable) get(number uint32) *inRoute {
	page := number >> 8
	if page >= uint32(len(t.pages)) || t.pages[page] == nil {
		return nil
	}
	return t.pages[page][number&255]
}

// add returns the table with another route. It may be the same table: nobody
// has asked it for that number.
func (t *routeTable) add(ir *inRoute) *routeTable {
	page := int(ir.number >> 8)
	if page >= len(t.pages) || t.pages[page] == nil {
		c := *t
		c.pages = append(slices.Clip(t.pages), make([]*routePage, max(page+1-len(t.pages), 0))...)
		c.pages[page] = new(routePage)
		t = &c
	}
	t.pages[page][ir.number&255] = ir
	return t
}

// without returns a table without some routes.
func (t *routeTable) without(gone []*inRoute) *routeTable {
	c := *t
	c.pages = slices.Clone(t.pages)
	for _, ir := range gone {
		page := ir.number >> 8
		if c.pages[page] == t.pages[page] {
			own := *t.pages[page]
			c.pages[page] = &own
		}
		c.pages[page][ir.number&255] = nil
	}
	return &c
}

// event takes in one EVENT, which stands at batch[at:end] with its length:
// forwards it to every peer that wants it, and queues it for this process if
// somebody here does. It goes on with what follows of the same route, and returns
// where it has stopped.
func (s *session) event(batch []byte, at, end int) (next int, err error) {
	flags, number, payload, err := wire.ParseEvent(batch[at+carrier.FrameOverhead : end])
	if err != nil {
		return 0, err
	}
	ir := s.in.get(number)
	if ir == nil {
		return end, unless("event of nobody", sig.NewError(sig.CodeProtocol, fmt.Sprintf("EVENT on route %d, which was not announced", number)))
	}
	ir.next++
	s.arrived++
	held := flags&wire.FlagHeld != 0
	if ir.stretch != s.stretch || held { // of these none is lost to who joins meanwhile
		s.survey(ir)
	}
	local, passing := ir.local, ir.passing
	if ir.lapsed.Load() { // meanwhile; numbers count from when it is wanted again
		local, passing = false, nil
	}
	if held {
		if err := s.heldArrived(ir, len(payload), local); err != nil {
			return 0, err
		}
	}
	var h header
	if !held && mayFollow(batch, at, end) { // looked at before another number takes its place
		h = headerOf(batch, at, end-at-carrier.FrameOverhead-len(payload))
	}
	switch {
	case len(passing) == 0:
	case ir.plain && !held:
		s.pass(ir, batch, at, end, payload)
	default:
		s.endRun()
		ir.forward(passing, flags, payload)
	}
	if local {
		s.queueHere(ir, held, batch, at, end)
	}
	if h.size == 0 {
		return end, nil
	}
	return s.ahead(ir, h, batch, end), nil
}

// survey finds out who gets the route's events. It holds for a stretch of events,
// to the end of the batch or to anything that is said between them; that nobody
// does holds for one.
func (s *session) survey(ir *inRoute) {
	if n := len(s.noted); n == 0 || s.noted[n-1] != ir {
		s.noted = append(s.noted, ir)
	}
	rt := ir.rt.Load()
	gone := rt == nil || ir.ended.Load() || ir.lapsed.Load()
	ir.local, ir.passing, ir.plain = !gone && rt.HasLocal(), nil, true
	if !gone {
		ir.passing = ir.targets(rt)
	}
	ir.most = math.MaxInt
	for _, out := range ir.passing {
		to := out.or.link.current.Load()
		if to == nil || to.codecKey != s.codecKey || !out.or.of.known.Load() {
			ir.plain = false
			break
		}
		if to.choose(out.or) {
			s.endRun()
			out.beginNow(to, ir.next-1) // if it does not, the route has lapsed, and the event is for nobody
		}
		if to.numbers(out.or) {
			ir.plain = false
			break
		}
		ir.most = min(ir.most, to.maxFrame)
		if out.or.started.Load() != to {
			s.endRun()
			out.g.begin(to, out.or, ir.next-1)
		} else if out.g.to != to {
			s.endRun()
			out.g.aim(to)
		}
	}
	ir.least = min(ir.most, cutFrom)
	if len(ir.passing) > 0 {
		ir.head = wire.AppendEventHeader(ir.head[:0], 0, ir.passing[0].or.id) // the same for all peers
	}
	if !gone {
		ir.stretch = s.stretch // of now: aim may have begun another
	}
}

// queueHere adds an event to what is handed to the handler goroutine. Plain ones
// that follow each other are one item.
func (s *session) queueHere(ir *inRoute, held bool, batch []byte, at, end int) {
	b := s.forHandlers()
	b.bytes += end - at
	if held {
		b.items = append(b.items, inItem{kind: inHeld, route: ir, frames: batch[at:end]})
		return
	}
	if n := len(b.items); n > 0 && s.localEnd == at && b.items[n-1].kind == inEvents && b.items[n-1].routes == s.in {
		it := &b.items[n-1]
		it.frames = it.frames[:len(it.frames)+end-at]
	} else {
		b.items = append(b.items, inItem{kind: inEvents, routes: s.in, frames: batch[at:end]})
	}
	s.localEnd = end
}

// forHandlers returns what is handed to the handler goroutine after this batch.
func (s *session) forHandlers() *inBatch {
	if s.local == nil {
		s.local = newInBatch()
	}
	return s.local
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
	outs := make([]outRef, 0, len(ts)) // a run may still need the one before
	for _, t := range ts {
		if or, ok := t.(*outRoute); ok {
			outs = append(outs, outRef{or, ir.sess.gatherFor(or.link)})
		}
	}
	slices.SortFunc(outs, func(a, b outRef) int { return cmp.Compare(a.g.nth, b.g.nth) })
	ir.sess.peerSets++
	ir.outs, ir.outsFor, ir.peers = outs, ts, ir.sess.peerSets
	return ir.outs
}

// forward appends the event to the batch of each peer that wants it. The frame
// is the same for all with the same codec: it is built once and copied.
func (ir *inRoute) forward(outs []outRef, flags wire.Flags, payload []byte) {
	var built []byte
	ir.sess.transcoded.codec = nil
	for _, out := range outs {
		to := out.or.link.current.Load()
		switch {
		case to == nil:
			ir.forwardOffline(out.or, flags, payload)
			continue
		case !out.or.of.known.Load():
			continue
		case out.numbered(to, ir.next-1):
			ir.forwardNumbered(out, to, flags, payload)
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
		if !g.begin(to, out.or, ir.next-1) {
			continue
		}
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

// forwardOffline keeps an event for an upstream that is not connected.
func (ir *inRoute) forwardOffline(or *outRoute, flags wire.Flags, payload []byte) {
	if or.link.role == wire.RoleClient && !or.link.refuse {
		or.keep(offlineItem{
			or: or, payload: append([]byte(nil), payload...), codec: ir.sess.codec, seq: ir.next - 1,
			held: flags&wire.FlagHeld != 0,
		}, false)
	}
}
