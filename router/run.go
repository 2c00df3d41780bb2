package router

import (
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// forwardRun is what the reader has found out for the latest event and uses for
// those behind it that have the same header: who gets them. It holds within one
// batch and until anything but such an event comes.
type forwardRun struct {
	header []byte // type, flags and route, as they came; nil: no run
	ir     *inRoute
	outs   []runOut
	local  bool
}

// runOut is one peer that gets the run's events.
type runOut struct {
	outRef
	to     *session
	header []byte // type, flags and route, as they go out
}

// beginRun prepares for more events of the route, if each of its peers takes
// them as they are. What needs more care goes one by one.
func (s *session) beginRun(ir *inRoute, outs []outRef, local bool, header []byte) {
	r := &s.run
	r.header = nil
	r.outs = r.outs[:0]
	for _, out := range outs {
		to := out.or.link.current.Load()
		if to == nil || out.g.to != to || to.codecKey != s.codecKey || out.or.started.Load() != to {
			return
		}
		n := len(r.outs)
		if n < cap(r.outs) {
			r.outs = r.outs[:n+1] // with the header's memory
		} else {
			r.outs = append(r.outs, runOut{})
		}
		o := &r.outs[n]
		o.outRef, o.to = out, to
		o.header = wire.AppendEventHeader(o.header[:0], 0, out.or.id)
	}
	r.header, r.ir, r.local = header, ir, local
}

// endRun forgets the run.
func (s *session) endRun() { s.run.header = nil }

// again takes in one more event of the run.
func (s *session) again(batch []byte, at, end int, payload []byte) {
	r := &s.run
	ir := r.ir
	ir.next++
	s.arrived++
	for i := range r.outs {
		o := &r.outs[i]
		n := len(o.header) + len(payload)
		if n > o.to.maxFrame {
			o.g.lost(o.to, o.or, ir.next-1, 1)
			continue
		}
		o.g.begin(o.to, o.or, ir.next-1)
		b := append(o.g.buf, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
		b = append(b, o.header...)
		o.g.buf = append(b, payload...)
		o.g.plain += n + carrier.FrameOverhead
	}
	if !r.local {
		return
	}
	it := &s.local.items[len(s.local.items)-1]
	if s.localAt+len(it.frames) != at { // something else stands between
		s.queueHere(ir, false, batch, at, end)
		return
	}
	it.frames = batch[s.localAt:end]
	it.count++
	s.local.bytes += end - at
}

// runIn is a run of EVENT frames on its way to the handlers: the [sig.Run].
type runIn struct {
	rest    []byte
	payload []byte
	codec   codec.Codec
	lend    bool // the codec sends bytes as they are
}

// Next implements [sig.Run].
func (r *runIn) Next() bool {
	if len(r.rest) == 0 {
		return false
	}
	frame, rest, err := carrier.Next(r.rest)
	if err != nil {
		return false // checked when it came
	}
	r.rest = rest
	_, _, r.payload, err = wire.ParseEvent(frame)
	return err == nil
}

// Decode implements [sig.Encoded].
func (r *runIn) Decode(into any) error { return r.codec.Decode(r.payload, into) }

// Keep implements [sig.Keeper]: the payload lies in a buffer that is used again.
func (r *runIn) Keep() sig.Encoded { return payloadIn{r.payload, r.codec}.Keep() }

// Lend implements [sig.Lender].
func (r *runIn) Lend() ([]byte, bool) { return r.payload, r.lend }

// deliverRun hands a run to the handlers of this process. A handler that ends
// its goroutine leaves the rest of the run in l.running for the next one.
func (l *link) deliverRun(it *inItem) {
	rt := it.route.rt.Load()
	if rt == nil {
		return
	}
	r := &l.running
	if !it.begun {
		it.begun = true
		*r = runIn{rest: it.frames, codec: it.route.sess.codec, lend: it.route.sess.verbatim}
	}
	rt.DeliverRun(r)
	*r = runIn{}
}
