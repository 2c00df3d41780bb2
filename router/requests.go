package router

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// requestTable holds the requests of one connection that have no answer yet.
type requestTable struct {
	mu        sync.Mutex
	last      uint64
	asked     map[uint64]*asked             // we have asked the peer
	serving   map[uint64]context.CancelFunc // the peer has asked us, a handler here runs, if only because it ignores its context's end
	passed    map[uint64]*asked             // the peer has asked us, we have asked another peer
	answering int                           // of the peer's, those whose answer is about to be queued
	slots     chan struct{}                 // places for asked; capacity is the negotiated MaxRequests
	ended     bool
	refuses   bool          // takes no more of the peer's: going down
	idle      chan struct{} // closed when the peer's are all answered; nil: nobody waits
}

// refuseMore has what the peer asks from now on refused.
func (t *requestTable) refuseMore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refuses = true
}

// quiet waits until the answers to the peer's requests are queued, or one of the
// contexts ends.
func (t *requestTable) quiet(ctx, session context.Context) {
	t.mu.Lock()
	if t.quietLocked() {
		t.mu.Unlock()
		return
	}
	if t.idle == nil {
		t.idle = make(chan struct{}) // closed by answered
	}
	idle := t.idle
	t.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	case <-session.Done():
	}
}

func (t *requestTable) quietLocked() bool { return len(t.serving)+len(t.passed)+t.answering == 0 }

// answered lets quiet go on when nothing is left: an answer has been queued.
func (t *requestTable) answered() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answering--
	if t.idle != nil && t.quietLocked() {
		close(t.idle)
		t.idle = nil
	}
}

// asked is a request under way to a peer. Its answer goes to a caller of this
// process, or back to the peer that it was passed on for.
type asked struct {
	id     uint64
	to     *session
	sender *sig.Sender
	reply  chan outcome // capacity 1: whoever takes the entry from the table sends the one outcome

	from   *session // passed on for this peer
	fromID uint64
	expiry *time.Timer
}

type outcome struct {
	payload any
	err     error
}

// request asks the peer and waits for the answer, the context, or the end of
// the connection.
func (s *session) request(ctx context.Context, to *sig.Sender, method sig.Name, data any) (any, error) {
	payload, err := s.requestPayload(data)
	if err != nil {
		return nil, err
	}
	select {
	case s.requests.slots <- struct{}{}:
		defer func() { <-s.requests.slots }()
	case <-ctx.Done():
		return nil, ctxError(ctx, "too many requests under way on this connection (PendingRequests)")
	case <-s.ctx.Done():
		return nil, sig.NewError(sig.CodeConnectionLost, s.describe())
	}
	a := &asked{to: s, sender: to, reply: make(chan outcome, 1)}
	if err := s.ask(a, method, timeoutOf(ctx), payload); err != nil {
		return nil, err
	}
	select {
	case o := <-a.reply:
		return o.payload, o.err
	case <-ctx.Done():
		if !s.requests.drop(a) { // both are ready: it was answered before the sender left
			o := <-a.reply
			return o.payload, o.err
		}
		s.link.send(s, wire.Cancel{ID: a.id}.Append(nil))
		return nil, ctxError(ctx, fmt.Sprintf("%s of %s", method, to.Name()))
	}
}

// ctxError turns the end of a context into the error a caller in one process
// would get.
func ctxError(ctx context.Context, text string) error {
	if ctx.Err() == context.DeadlineExceeded {
		return sig.NewError(sig.CodeTimeout, text)
	}
	return sig.NewError(sig.CodeCancelled, text)
}

func timeoutOf(ctx context.Context) uint64 {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return uint64(max(time.Until(deadline).Milliseconds(), 1))
}

// requestPayload encodes what goes to the peer. Types bring their own marshalling
// methods, and those may panic.
func (s *session) requestPayload(data any) (payload []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			payload, err = nil, sig.NewError(sig.CodeBadPayload, fmt.Sprintf("encoding a %T panicked: %v", data, p))
		}
	}()
	if in, ok := data.(payloadIn); ok {
		payload, err = s.encoded(in.data, in.codec)
	} else {
		payload, err = s.codec.Append(nil, data)
	}
	if err != nil {
		return nil, sig.NewError(sig.CodeBadPayload, err.Error())
	}
	if len(payload)+requestOverhead > s.maxFrame {
		return nil, sig.NewError(sig.CodeTooLarge, fmt.Sprintf("the payload has %d bytes; the peer takes %d", len(payload), s.maxFrame-requestOverhead))
	}
	return payload, nil
}

// requestOverhead is the most that a REQUEST's or REPLY's header takes.
const requestOverhead = 1 + 10 + 5 + 10 + 2 + 255

// ask sends a request and enters it in the table.
func (s *session) ask(a *asked, method sig.Name, timeout uint64, payload []byte) error {
	l := s.link
	ps := s.announcedAs(a.sender)
	if ps == nil {
		return sig.NewError(sig.CodeConnectionLost, quoted(a.sender.Name()))
	}
	t := &s.requests
	t.mu.Lock()
	if t.ended {
		t.mu.Unlock()
		return sig.NewError(sig.CodeConnectionLost, s.describe())
	}
	t.last++
	a.id = t.last
	t.asked[a.id] = a
	t.mu.Unlock()
	l.send(s, wire.Request{ID: a.id, Sender: ps.connect.Sender, TimeoutMS: timeout, Method: string(method), Payload: payload}.Append(nil))
	return nil
}

// announcedAs finds the peer's number of a sender. The registry tells others of a
// sender before connectPeer has noted it here, and they may ask at once.
func (s *session) announcedAs(sender *sig.Sender) *peerSender {
	look := func() *peerSender {
		s.link.mu.Lock()
		defer s.link.mu.Unlock()
		return s.bySender[sender]
	}
	if ps := look(); ps != nil {
		return ps
	}
	s.peers.Lock()
	defer s.peers.Unlock()
	return look()
}

// drop takes an entry from the table; false if it has been taken already.
func (t *requestTable) drop(a *asked) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked[a.id] != a {
		return false
	}
	delete(t.asked, a.id)
	return true
}

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
func (s *session) answer(id uint64, reply any, err error) {
	var payload []byte
	if err == nil {
		payload, err = s.requestPayload(reply)
	}
	if err != nil {
		s.refuse(id, err)
		return
	}
	s.link.send(s, wire.Reply{ID: id, Payload: payload}.Append(nil))
}

// refuse answers with an error.
func (s *session) refuse(id uint64, err error) {
	e := sig.AsError(err)
	s.link.send(s, wire.Reply{ID: id, Code: uint16(e.Code), App: e.App, Text: bounded(e.Text)}.Append(nil))
}

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
	if err := next.ask(a, sig.Name(e.Method), e.TimeoutMS, payload); err != nil {
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
		o := outcome{err: err}
		if err == nil {
			o.payload = payloadIn{append([]byte(nil), payload...), a.to.codec}
		}
		a.reply <- o
		return
	}
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
		a.from.refuse(a.fromID, err)
	default:
		a.from.answer(a.fromID, payloadIn{payload, a.to.codec}, nil)
	}
	t.answered()
}

// onReply takes in an answer.
func (s *session) onReply(e *wire.Reply) error {
	t := &s.requests
	t.mu.Lock()
	a := t.asked[e.ID]
	delete(t.asked, e.ID)
	last := t.last
	t.mu.Unlock()
	switch {
	case a == nil && (e.ID > last || e.ID == 0):
		return sig.NewError(sig.CodeProtocol, fmt.Sprintf("REPLY %d to no REQUEST", e.ID))
	case a == nil: // cancelled meanwhile
	case e.Code != wire.CodeOK:
		a.finish(nil, &sig.Error{Code: sig.Code(e.Code), Text: e.Text, App: e.App})
	default:
		a.finish(e.Payload, nil)
	}
	return nil
}

// onCancel ends a request of the peer's, if it is still under way.
func (s *session) onCancel(e *wire.Cancel) error {
	t := &s.requests
	t.mu.Lock()
	cancel := t.serving[e.ID]
	a := t.passed[e.ID]
	delete(t.passed, e.ID)
	t.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	if a != nil && a.to.requests.drop(a) {
		a.to.link.send(a.to, wire.Cancel{ID: a.id}.Append(nil))
		a.finish(nil, sig.ErrCancelled)
	}
	return nil
}

// failRequests ends the requests to one sender, which has left.
func (s *session) failRequests(to *sig.Sender) {
	s.failAsked(func(a *asked) bool { return a.sender == to }, sig.NewError(sig.CodeConnectionLost, quoted(to.Name())))
}

func (s *session) failAsked(which func(*asked) bool, err error) {
	t := &s.requests
	t.mu.Lock()
	var failed []*asked
	for id, a := range t.asked {
		if which(a) {
			failed = append(failed, a)
			delete(t.asked, id)
		}
	}
	t.mu.Unlock()
	for _, a := range failed {
		a.finish(nil, err)
	}
}

// endRequests ends everything under way: the connection is gone.
func (s *session) endRequests() {
	t := &s.requests
	t.mu.Lock()
	t.ended = true
	passed := t.passed
	t.passed = make(map[uint64]*asked)
	t.mu.Unlock()
	for _, a := range passed {
		if a.to.requests.drop(a) {
			a.to.link.send(a.to, wire.Cancel{ID: a.id}.Append(nil))
			a.finish(nil, sig.ErrCancelled)
		}
	}
	s.failAsked(func(*asked) bool { return true }, sig.NewError(sig.CodeConnectionLost, s.describe()))
}
