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
	if r.outs != nil && r.end == at && (r.of == ir || sameOuts(r.outs, ir.passing)) {
		r.of, r.end, r.large = ir, end, r.large || large
		r.events++
		return
	}
	s.endRun()
	*r = passingRun{batch: batch, start: at, end: end, events: 1, of: ir, outs: ir.passing, large: large}
}

// sameOuts reports whether two routes have the same peers.
func sameOuts(a, b []outRef) bool {
	return slices.EqualFunc(a, b, func(a, b outRef) bool { return a.g == b.g })
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

// runIn is what goes to the handlers, EVENT frames of several routes: as a
// [sig.Run] it stands for those of one route that follow each other.
type runIn struct {
	events []byte // yet to be delivered
	routes *routeTable
	route  uint32 // whose run it is now
	codec  codec.Codec
	lend   bool // the codec sends bytes as they are

	payload []byte // of the run's current event
	head    header // of it
	// The event behind it, if known.
	known bool
	end   int // of its frame, in events
	next  uint32
	data  []byte
}

// look finds out about the event behind the current one.
func (r *runIn) look() bool {
	if r.known {
		return true
	}
	end := carrier.FrameEnd(r.events, 0)
	if end == 0 {
		return false
	}
	_, route, data, err := wire.ParseEvent(r.events[carrier.FrameOverhead:end])
	if err != nil {
		return false // checked when it came
	}
	r.known, r.end, r.next, r.data = true, end, route, data
	return true
}

// Next implements [sig.Run].
func (r *runIn) Next() bool {
	if !r.known {
		if end := r.head.end(r.events, 0); end > 0 {
			r.payload = r.events[carrier.FrameOverhead+r.head.size : end : end]
			r.events = r.events[end:]
			return true
		}
	}
	if !r.look() || r.next != r.route {
		return false
	}
	r.head = headerOf(r.events, 0, r.end-carrier.FrameOverhead-len(r.data))
	r.known, r.events, r.payload = false, r.events[r.end:], r.data
	return true
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
	for r.look() {
		r.route = r.next
		rt := r.routes.get(r.route).rt.Load()
		if rt != nil {
			rt.DeliverRun(r)
			continue
		}
		for r.Next() { // nobody can have it any more
		}
	}
	*r = runIn{}
}
