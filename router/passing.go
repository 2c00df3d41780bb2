package router

import (
	"fmt"
	"time"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// passOn asks the peer that owns the sender, without a goroutine of ours.
func (s *session) passOn(e *wire.Request, to *sig.Sender, owner *link) {
	next := owner.current.Load()
	if next == nil {
		s.refuse(e.ID, sig.NewError(sig.CodeConnectionLost, quoted(to.Name())))
		return
	}
	payload := e.Payload
	if next.codec.ID() != s.codec.ID() {
		var err error
		if payload, err = codec.Transcode(nil, s.codec, next.codec, payload); err != nil {
			s.refuse(e.ID, sig.NewError(sig.CodeBadPayload, err.Error()))
			return
		}
	}
	if len(payload)+requestOverhead > next.maxFrame {
		s.refuse(e.ID, sig.NewError(sig.CodeTooLarge, fmt.Sprintf("the payload has %d bytes", len(payload))))
		return
	}
	a := &asked{to: next, sender: to, from: s, fromID: e.ID}
	select {
	case next.requests.slots <- struct{}{}:
	default:
		s.refuse(e.ID, sig.NewError(sig.CodeBusy, fmt.Sprintf("%s has too many requests under way (PendingRequests)", quoted(to.Name()))))
		return
	}
	t := &s.requests
	t.mu.Lock()
	t.passed[e.ID] = a
	t.mu.Unlock()
	if e.TimeoutMS > 0 && e.TimeoutMS < maxTimeoutMS {
		// The caller keeps its own deadline; this one is for a caller that is gone.
		a.expiry = time.AfterFunc(time.Duration(e.TimeoutMS)*time.Millisecond+passGrace, func() { a.abandon() })
	}
	relay := func(frame []byte) { s.relay(next, frame) }
	if err := next.ask(a, sig.Name(e.Method), e.TimeoutMS, payload, relay); err != nil {
		a.finish(nil, err)
	}
}

// passGrace is how long after its deadline a request that was passed on is kept
// for a late answer.
const passGrace = time.Second

// abandon gives up on a request that was passed on.
func (a *asked) abandon() {
	if a.to.requests.drop(a) {
		a.to.link.send(a.to, wire.Cancel{ID: a.id}.Append(nil))
		a.finish(nil, sig.NewError(sig.CodeTimeout, quoted(a.sender.Name())))
	}
}

// finish gives the outcome to whoever asked. payload is in a.to's codec and may
// be lent.
func (a *asked) finish(payload []byte, err error) {
	if a.from == nil {
		a.tell(payload, err)
		return
	}
	a.finishBy(payload, err, a.from.post)
	a.from.requests.answered()
}

// tell gives the outcome to a caller of this process.
func (a *asked) tell(payload []byte, err error) {
	o := outcome{err: err}
	if err == nil {
		o.payload = payloadIn{append([]byte(nil), payload...), a.to.codec}
	}
	a.reply <- o
}

// finishBy gives the outcome to the peer that asked. The caller says when it is
// on its way, by answered.
func (a *asked) finishBy(payload []byte, err error, post poster) {
	if a.expiry != nil {
		a.expiry.Stop()
	}
	<-a.to.requests.slots
	t := &a.from.requests
	t.mu.Lock()
	open := t.passed[a.fromID] == a
	if open {
		delete(t.passed, a.fromID)
	}
	t.answering++
	t.mu.Unlock()
	switch {
	case !open: // cancelled meanwhile
	case err != nil:
		post(refusal(a.fromID, err))
	default:
		post(a.from.reply(a.fromID, payloadIn{payload, a.to.codec}, nil))
	}
}
