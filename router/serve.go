package router

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// onRequest takes in a request for a sender that we have announced.
func (s *session) onRequest(e *wire.Request) error {
	l := s.link
	l.mu.Lock()
	a := l.byNumber[e.Sender]
	l.mu.Unlock()
	router := e.Sender == routerNumber
	if !router && (a == nil || a.left || !a.known.Load()) { // what was not announced does not exist
		s.refuse(e.ID, sig.NewError(sig.CodeNoSender, "it has left"))
		return nil
	}
	t := &s.requests
	t.mu.Lock()
	_, serving := t.serving[e.ID]
	_, passed := t.passed[e.ID]
	n := len(t.serving) + len(t.passed)
	refuses := t.refuses
	t.received++
	t.mu.Unlock()
	switch {
	case refuses:
		s.refuse(e.ID, sig.NewError(sig.CodeClosed, "the router is shutting down"))
		return nil
	case serving || passed:
		return unless("request twice", sig.NewError(sig.CodeProtocol, fmt.Sprintf("REQUEST %d is under way already", e.ID)))
	case n >= int(s.peerLimits.MaxRequests) && enforced("pending requests"):
		s.refuseBusy(e.ID, fmt.Sprintf("PendingRequests: one connection may have %d under way", n))
		return nil
	}
	if router {
		return s.onAdmin(e)
	}
	under := l.access.Load()
	if err := unless("request", s.mayRequest(under, e, a.sender)); err != nil {
		s.refuse(e.ID, err)
		return nil
	}
	if owner, ok := bridgeLink(a.sender); ok {
		s.passOn(e, a.sender, owner)
	} else {
		s.serve(e, a.sender)
	}
	if l.access.Load() != under { // the policy has changed, and may have looked before this was there
		s.reviewRequests()
	}
	return nil
}

// bridgeLink returns the link by which a remote sender is reached.
func bridgeLink(s *sig.Sender) (*link, bool) {
	b := s.Bridge()
	if b == nil {
		return nil, false
	}
	switch p := b.Peer().(type) {
	case *link:
		return p, true
	case uplink:
		return p.link, true
	}
	return nil, false
}

// served is a request under way to a handler of this process. Whoever finds it in the
// table uses it under the table's lock: once it is taken out it may become another one,
// see free.
type served struct {
	sig.Incoming
	of     *session
	id     uint64
	method sig.Name
	data   ownPayload
	reply  any
	err    error

	verb     acl.Verb // by which the peer may do this,
	asks     sig.Name // with this sender
	denied   bool     // it may no longer, and has been told; the table's lock guards it
	inline   bool     // the reader runs it, and writes the answer when it has run all of the batch
	answered func(error)
}

// serve has the handler run, whose context ends with the connection.
func (s *session) serve(e *wire.Request, to *sig.Sender) {
	r := s.newServed(e)
	r.verb, r.asks = acl.Request, to.Name()
	s.begin(r, s.ctx, to, e)
}

func (s *session) newServed(e *wire.Request) *served {
	r, ok := s.link.node.served.Get().(*served)
	if !ok {
		r = new(served)
	}
	r.of, r.id, r.method, r.err = s, e.ID, sig.Name(e.Method), errGoexit
	r.data = s.ownCopy(e.Payload)
	return r
}

// free has the record used again, unless the handler may have kept its payload as
// anything but bytes.
func (r *served) free() {
	if !r.data.given {
		return
	}
	n := r.of.link.node
	*r = served{}
	n.served.Put(r)
}

// begin enters a request in the table, for the reader or a worker to answer.
func (s *session) begin(r *served, ctx context.Context, to *sig.Sender, e *wire.Request) {
	timeout := time.Duration(0)
	if e.TimeoutMS < maxTimeoutMS {
		timeout = time.Duration(e.TimeoutMS) * time.Millisecond
	}
	r.Begin(ctx, to, timeout)
	t := &s.requests
	t.mu.Lock()
	t.serving[e.ID] = r
	t.mu.Unlock()
	if s.keepInline(r) {
		return
	}
	s.woken = true
	s.workers.serve(r)
}

func (r *served) run() {
	defer r.answer()
	r.reply, r.err = r.Answer(r.method, &r.data)
}

var errGoexit error = sig.NewError(sig.CodeHandler, "the handler ended its goroutine")

// answer gives the place back, which the peer may use as soon as it has the
// answer, and answers. The last of those that run writes the answer itself; if
// there are others, they may be about to answer as well.
func (r *served) answer() {
	scratch := scratches.Get().(*[]byte)
	s := r.of
	if r.answered != nil {
		r.answered(r.err)
	}
	e := s.reply(*scratch, r.id, r.reply, r.err)
	t := &s.requests
	t.mu.Lock()
	delete(t.serving, r.id)
	t.answering++
	last := len(t.serving) == 0
	denied := r.denied
	t.mu.Unlock()
	if !denied {
		by := byWriter
		switch {
		case r.inline:
			by = byNobody
		case last:
			by = byCaller
		}
		s.queue(requestOverhead+len(e.Text)+len(e.Payload), by, e.Append)
	}
	s.freeRoom(len(e.Payload))
	if e.Code == wire.CodeOK && cap(e.Payload) <= keepPayload {
		*scratch = e.Payload[:0]
	}
	scratches.Put(scratch)
	t.answered()
	r.free()
}

// maxTimeoutMS is where a deadline is as good as none.
const maxTimeoutMS = uint64(1) << 40

// scratches are memory to encode answers into.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

// refuse answers with an error.
func (s *session) refuse(id uint64, err error) { s.link.send(s, refusal(id, err).Append(nil)) }

// refuseBusy is refuse for what a peer may cause without end: the reader does it, in memory
// of its own, so that it leaves little to the garbage collector, which costs everybody.
func (s *session) refuseBusy(id uint64, text string) {
	s.hit(LimitPendingRequests)
	s.link.send(s, s.appended(wire.Reply{ID: id, Code: uint16(sig.CodeBusy), Text: bounded(text)}.Append))
}

// reply is the answer as the peer gets it, its payload behind dst: an error if
// it cannot be expressed. For its payload room is claimed.
func (s *session) reply(dst []byte, id uint64, reply any, err error) wire.Reply {
	var payload []byte
	if err == nil {
		if payload, err = s.requestPayload(dst, reply); err == nil {
			err = s.roomForAnswer(payload)
		}
	}
	if err != nil {
		return refusal(id, err)
	}
	return wire.Reply{ID: id, Payload: payload}
}

func refusal(id uint64, err error) wire.Reply {
	e := sig.AsError(err)
	return wire.Reply{ID: id, Code: uint16(e.Code), App: e.App, Text: bounded(e.Text)}
}
