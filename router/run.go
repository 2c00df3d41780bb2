package router

import (
	"slices"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// passingRun is a run of EVENT frames, one behind the other in the batch, that
// the same peers get as they are. The reader goes on with it while it can, and
// hands it to all of them when it ends: in between, an event costs no more for
// many peers than for one.
//
//	[EVENT 7][EVENT 9][EVENT 7][EVENT 8][LOST ...
//	 start                          end
type passingRun struct {
	batch      []byte
	start, end int
	events     int
	of         *inRoute // the route of the latest event
	outs       []outRef // nil: no run
	peers      uint64   // who they are, see inRoute
	large      bool     // one of the frames may have to be cut
}

// pass gives an event to the peers that want it.
func (s *session) pass(ir *inRoute, batch []byte, at, end int, payload []byte) {
	head := batch[at+carrier.FrameOverhead : end-len(payload)]
	large := end-at-carrier.FrameOverhead > ir.least
	if len(head) != len(ir.head) || ir.local || large && end-at-carrier.FrameOverhead > ir.most {
		s.endRun()
		ir.forward(ir.passing, 0, payload)
		return
	}
	copy(head, ir.head) // for them the route has another number
	r := &s.run
	if r.outs != nil && r.end == at && (r.of == ir || r.fits(ir)) {
		r.of, r.end, r.large = ir, end, r.large || large
		r.events++
		return
	}
	s.endRun()
	*r = passingRun{batch: batch, start: at, end: end, events: 1, of: ir, outs: ir.passing, peers: ir.peers, large: large}
}

// fits reports whether a route has the same peers as the run. Routes that have are
// told apart from others by one comparison from then on.
func (r *passingRun) fits(ir *inRoute) bool {
	if ir.peers == r.peers {
		return true
	}
	same := slices.EqualFunc(r.outs, ir.passing, func(a, b outRef) bool { return a.g == b.g })
	if same {
		ir.peers = r.peers
	}
	return same
}

// endRun hands the run over. A long one is not copied: it waits for the peers
// where it lies.
func (s *session) endRun() {
	r := &s.run
	if r.outs == nil {
		return
	}
	run := r.batch[r.start:r.end:r.end]
	var mem *buffer
	if len(run) >= handOver && len(run)*pinned >= len(s.reading.bytes) {
		mem = s.reading
	}
	for i := range r.outs {
		r.outs[i].g.put(run, r.events, mem, r.large)
	}
	*r = passingRun{}
}

// runIn is what goes to the handlers, EVENT frames of several routes, as a
// [sig.Run].
type runIn struct {
	events []byte // yet to be delivered
	routes *routeTable
	codec  codec.Codec
	lend   bool // the codec sends bytes as they are

	payload []byte     // of the current event
	rt      *sig.Route // its route; nil: nobody can have it any more
	head    header     // of it, if the next one may have the same
}

// Next implements [sig.Run].
func (r *runIn) Next() *sig.Route {
	if end := r.head.end(r.events, 0); end > 0 {
		r.payload = r.events[carrier.FrameOverhead+r.head.size : end : end]
		r.events = r.events[end:]
		return r.rt
	}
	for {
		end := carrier.FrameEnd(r.events, 0)
		if end == 0 {
			return nil
		}
		_, number, payload, err := wire.ParseEvent(r.events[carrier.FrameOverhead:end])
		if err != nil {
			return nil // checked when it came
		}
		payload = slices.Clip(payload) // it is lent, and who appends to it must not reach the next event
		r.rt, r.payload, r.head = r.routes.get(number).rt.Load(), payload, header{}
		if r.rt != nil && mayFollow(r.events, 0, end) {
			r.head = headerOf(r.events, 0, end-carrier.FrameOverhead-len(payload))
		}
		r.events = r.events[end:]
		if r.rt != nil {
			return r.rt
		}
	}
}

// Decode implements [sig.Encoded].
func (r *runIn) Decode(into any) error { return r.codec.Decode(r.payload, into) }

// Keep implements [sig.Keeper]: the payload lies in a buffer that is used again.
func (r *runIn) Keep() sig.Encoded { return payloadIn{r.payload, r.codec}.Keep() }

// Lend implements [sig.Lender].
func (r *runIn) Lend() ([]byte, bool) { return r.payload, r.lend }

// deliverEvents hands events to the handlers of this process. A handler that
// ends its goroutine leaves the rest of them in l.running for the next one.
func (l *link) deliverEvents(it *inItem) {
	if l.running == nil {
		l.running = new(runIn)
	}
	r := l.running
	if !it.begun {
		it.begun = true
		*r = runIn{events: it.frames, routes: it.routes, codec: it.routes.codec, lend: it.routes.verbatim}
	}
	sig.DeliverRun(r)
	*r = runIn{}
}
