package router

import (
	"time"

	"github.com/gosig/gosig/sig"
)

// HandlersIdle reports whether nothing waits for the handlers of a registry that
// connections have brought.
func HandlersIdle(reg *sig.Registry) bool {
	nodes.Lock()
	n := nodes.byRegistry[reg]
	nodes.Unlock()
	if n == nil {
		return true
	}
	for _, l := range n.others(nil) {
		l.inbound.mu.Lock()
		busy := l.inbound.running
		l.inbound.mu.Unlock()
		if busy {
			return false
		}
	}
	return true
}

// InBatch makes the reader that takes in a sender's events look as if it were in
// the middle of a batch, until the next batch ends.
func InBatch(reg *sig.Registry, sender sig.Name) {
	nodes.Lock()
	n := nodes.byRegistry[reg]
	nodes.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	for s := range n.senders {
		if s.Name() == sender {
			origin(s.Routes()[0]).sess.begins.busy()
		}
	}
}

// ReadAsNow looks who wants the first route of a sender. What it returns has the reader
// that takes in its events pass on one of that route to those, in its next rest: as to
// who is connected, and as to who seems not to be.
func ReadAsNow(reg *sig.Registry, sender sig.Name) (read func()) {
	nodes.Lock()
	n := nodes.byRegistry[reg]
	nodes.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	for s := range n.senders {
		if s.Name() != sender {
			continue
		}
		ir := origin(s.Routes()[0])
		var outs []outRef
		ir.sess.begins.atRestDo(func() { outs = ir.targets(s.Routes()[0]) })
		return func() {
			ir.sess.begins.atRestDo(func() { ir.passAsBefore(outs) })
		}
	}
	return nil
}

func (ir *inRoute) passAsBefore(outs []outRef) {
	ir.forward(outs, 0, []byte("1"))
	for _, out := range outs {
		out.or.keep(offlineItem{or: out.or, payload: []byte("1"), codec: ir.sess.codec, seq: ir.next - 1}, false)
	}
	ir.sess.flush()
}

// atRestDo has f do what is the reader's alone, while that is in no batch and begins none.
func (b *begins) atRestDo(f func()) {
	for {
		b.mu.Lock()
		if !b.reading {
			defer b.mu.Unlock()
			f()
			return
		}
		b.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
}

// CallersRead tells how often callers have read their answers themselves on a
// client's connection, and whether nobody reads at the moment.
func CallersRead(c *ClientRouter) (times uint64, nobody bool) {
	s := c.link.current.Load()
	if s == nil {
		return 0, false
	}
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	if s.lead == nil {
		return 0, false
	}
	return s.lead.reads, s.lead.role == byNoOne
}

// HoldShare takes the turns that a principal has, until release is called.
func (r *ServerRouter) HoldShare(principal string) (release func()) {
	r.mu.Lock()
	sh := r.shares.named[principal]
	r.mu.Unlock()
	held := make([]turn, sh.most)
	for i := range held {
		held[i].share = sh
		held[i].take()
	}
	return func() {
		for i := range held {
			held[i].giveUp()
		}
	}
}

// WaitsForATurn reports whether a connection of a principal does.
func (r *ServerRouter) WaitsForATurn(principal string) bool {
	r.mu.Lock()
	sh := r.shares.named[principal]
	r.mu.Unlock()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return len(sh.waiting) > 0
}
