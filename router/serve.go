package router

import (
	"context"
	"fmt"
	"time"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// onRequest takes in a request for a sender that we have announced.
func (s *session) onRequest(e *wire.Request) error {
	l := s.link
	l.mu.Lock()
	a := l.byNumber[e.Sender]
	l.mu.Unlock()
	if a == nil || a.left {
		s.refuse(e.ID, sig.NewError(sig.CodeNoSender, "it has left"))
		return nil
	}
	t := &s.requests
	t.mu.Lock()
	_, serving := t.serving[e.ID]
	_, passed := t.passed[e.ID]
	n := len(t.serving) + len(t.passed)
	refuses := t.refuses
	t.mu.Unlock()
	switch {
	case refuses:
		s.refuse(e.ID, sig.NewError(sig.CodeClosed, "the router is shutting down"))
		return nil
	case serving || passed:
		return sig.NewError(sig.CodeProtocol, fmt.Sprintf("REQUEST %d is under way already", e.ID))
	case n >= int(s.peerLimits.MaxRequests):
		l.stats.limitHits.Add(1)
		s.refuse(e.ID, sig.NewError(sig.CodeBusy, fmt.Sprintf("PendingRequests: one connection may have %d under way", n)))
		return nil
	}
	if owner, ok := bridgeLink(a.sender); ok {
		s.passOn(e, a.sender, owner)
		return nil
	}
	s.serve(e, a.sender)
	return nil
}

// bridgeLink returns the link by which a remote sender is reached.
func bridgeLink(s *sig.Sender) (*link, bool) {
	b := s.Bridge()
	if b == nil {
		return nil, false
	}
	l, ok := b.Peer().(*link)
	return l, ok
}

// serve runs the handler in a goroutine of its own.
func (s *session) serve(e *wire.Request, to *sig.Sender) {
	ctx, cancel := s.ctx, context.CancelFunc(nil)
	if e.TimeoutMS > 0 && e.TimeoutMS < maxTimeoutMS {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(e.TimeoutMS)*time.Millisecond)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	t := &s.requests
	t.mu.Lock()
	t.serving[e.ID] = cancel
	t.mu.Unlock()
	id, method := e.ID, sig.Name(e.Method)
	data := payloadIn{append([]byte(nil), e.Payload...), s.codec}
	s.link.group.Go(func() { // ends when the handler returns; its context ends with the connection
		defer cancel()
		var reply any
		var err error = sig.NewError(sig.CodeHandler, "the handler ended its goroutine")
		defer func() { s.served(id, reply, err) }()
		reply, err = to.Answer(ctx, method, data)
	})
}

// served gives the place back, which the peer may use as soon as it has the
// answer, and answers.
func (s *session) served(id uint64, reply any, err error) {
	t := &s.requests
	t.mu.Lock()
	delete(t.serving, id)
	t.answering++
	t.mu.Unlock()
	s.answer(id, reply, err)
	t.answered()
}

// maxTimeoutMS is where a deadline is as good as none.
const maxTimeoutMS = uint64(1) << 40

// answer sends a reply.
func (s *session) answer(id uint64, reply any, err error) { s.post(s.reply(id, reply, err)) }

// refuse answers with an error.
func (s *session) refuse(id uint64, err error) { s.post(refusal(id, err)) }

// reply is the answer as the peer gets it: an error if it cannot be expressed.
func (s *session) reply(id uint64, reply any, err error) []byte {
	var payload []byte
	if err == nil {
		payload, err = s.requestPayload(reply)
	}
	if err != nil {
		return refusal(id, err)
	}
	return wire.Reply{ID: id, Payload: payload}.Append(nil)
}

func refusal(id uint64, err error) []byte {
	e := sig.AsError(err)
	return wire.Reply{ID: id, Code: uint16(e.Code), App: e.App, Text: bounded(e.Text)}.Append(nil)
}
