package router

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// requestTable holds the requests of one connection that have no answer yet.
type requestTable struct {
	mu        sync.Mutex
	last      uint64
	received  uint64             // the peer's requests so far
	asked     map[uint64]*asked  // we have asked the peer
	places    map[caller]int     // of those, by whom they were passed on for
	serving   map[uint64]*served // the peer has asked us, a handler here runs, if only because it ignores its context's end
	passed    map[uint64]*asked  // the peer has asked us, we have asked another peer
	sweep     *time.Timer        // abandons those of passed whose time is over; nil: none had a time yet
	sweepAt   time.Time          // when it goes off; zero: it does not
	answering int                // of the peer's, those whose answer is about to be queued
	slots     chan struct{}      // places for asked; capacity is the negotiated MaxRequests
	ended     bool
	refuses   bool          // takes no more of the peer's: going down
	fewer     chan struct{} // closed when one has ended; nil: nobody waits
}

// refuseMore has what the peer asks from now on refused.
func (t *requestTable) refuseMore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refuses = true
}

// quiet waits until the answers to the peer's requests are queued, or one of the
// contexts ends.
func (t *requestTable) quiet(ctx, session context.Context) { t.await(ctx, session, t.quietLocked) }

// silent is quiet that waits for the answers to ours as well.
func (t *requestTable) silent(ctx, session context.Context) { t.await(ctx, session, t.silentLocked) }

func (t *requestTable) await(ctx, session context.Context, reached func() bool) {
	for {
		t.mu.Lock()
		if reached() {
			t.mu.Unlock()
			return
		}
		if t.fewer == nil {
			t.fewer = make(chan struct{}) // closed by fewerLocked
		}
		fewer := t.fewer
		t.mu.Unlock()
		select {
		case <-fewer:
		case <-ctx.Done():
			return
		case <-session.Done():
			return
		}
	}
}

func (t *requestTable) quietLocked() bool { return len(t.serving)+len(t.passed)+t.answering == 0 }

func (t *requestTable) silentLocked() bool { return t.quietLocked() && len(t.asked) == 0 }

// fewerLocked lets those look again who wait for requests to end.
func (t *requestTable) fewerLocked() {
	if t.fewer != nil {
		close(t.fewer)
		t.fewer = nil
	}
}

// answered says that an answer to the peer has been queued.
func (t *requestTable) answered() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answering--
	t.fewerLocked()
}

// asked is a request under way to a peer. Its answer goes to a caller of this
// process, or back to the peer that it was passed on for.
type asked struct {
	id     uint64
	to     *session
	sender *sig.Sender // nil: the router at the other end
	number uint32      // the peer's, of sender

	// For a caller of this process, which uses the record again.
	reply   chan outcome // capacity 1: whoever takes the entry from the table sends the one outcome
	payload []byte

	// Passed on.
	method sig.Name
	from   *session // for this peer; nil: for a caller of this process
	fromID uint64
	since  time.Time // when it came
	until  time.Time // when to give up on it; zero: never
}

type outcome struct {
	payload any
	err     error
}

// newAsked returns the record of a caller of this process. One that is back has
// received its outcome, or was taken from the table by its caller: nobody else has
// it. Registries share none, as they may live in different bubbles of a test.
func (n *node) newAsked() *asked {
	if a, ok := n.spare.Get().(*asked); ok {
		return a
	}
	return &asked{reply: make(chan outcome, 1)}
}

// keepPayload is the largest payload whose memory is kept for the next request.
const keepPayload = 16 << 10

func (a *asked) free(n *node) {
	a.to, a.sender = nil, nil
	if cap(a.payload) > keepPayload {
		a.payload = nil
	}
	n.spare.Put(a)
}

// request asks the peer and waits for the answer, the context, or the end of
// the sender or the connection.
func (s *session) request(ctx context.Context, to *sig.Sender, method sig.Name, data any) (any, error) {
	return s.requestTo(ctx, to, to.Name(), to.Done(), method, data)
}

// requestTo is request of a sender, or of the router at the other end if to is
// nil. It gives up when gone is closed.
func (s *session) requestTo(ctx context.Context, to *sig.Sender, name sig.Name, gone <-chan struct{}, method sig.Name, data any) (any, error) {
	a := s.link.node.newAsked()
	defer a.free(s.link.node)
	a.to, a.sender = s, to
	payload, err := s.requestPayload(a.payload[:0], data)
	if err != nil {
		return nil, err
	}
	a.payload = payload
	t := &s.requests
	if err := t.enter(ctx, s); err != nil {
		return nil, err
	}
	defer func() { <-t.slots }()
	if err := s.claimRoom(sig.CodeBusy, len(payload)); err != nil {
		return nil, err
	}
	alone, err := s.ask(a)
	if err != nil {
		s.freeRoom(len(payload))
		return nil, err
	}
	s.queueRequest(wire.Request{ID: a.id, Sender: a.number, TimeoutMS: timeoutOf(ctx), Method: string(method), Payload: payload}, alone)
	if alone {
		s.readAnswer(a)
	}
	select {
	case o := <-a.reply:
		return o.payload, o.err
	case <-ctx.Done():
		err = ctxError(ctx, fmt.Sprintf("%s of %s", method, name))
	case <-gone:
		err = sig.NewError(sig.CodeConnectionLost, quoted(name))
	}
	if !t.drop(a) { // both are ready: it was answered before
		o := <-a.reply
		return o.payload, o.err
	}
	s.link.send(s, wire.Cancel{ID: a.id}.Append(nil))
	return nil, err
}

// enter waits for a place among the requests under way.
func (t *requestTable) enter(ctx context.Context, s *session) error {
	select {
	case t.slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case t.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctxError(ctx, "too many requests under way on this connection (PendingRequests)")
	case <-s.ctx.Done():
		return sig.NewError(sig.CodeConnectionLost, s.describe())
	}
}

// queueRequest sends a request of this process. The caller who is alone with it
// writes it, since it waits next; others are about to ask as well.
func (s *session) queueRequest(e wire.Request, alone bool) {
	by := byWriter
	if alone {
		by = byCaller
	}
	s.queue(requestOverhead-wire.MaxName+len(e.Method)+len(e.Payload), by, e.Append)
	s.freeRoom(len(e.Payload))
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

// requestPayload encodes what goes to the peer, behind dst. Types bring their own marshalling methods, and those may panic.
func (s *session) requestPayload(dst []byte, data any) (payload []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			payload, err = nil, sig.NewError(sig.CodeBadPayload, fmt.Sprintf("encoding a %T panicked: %v", data, p))
		}
	}()
	if in, ok := asCame(data); ok {
		if payload, err = s.passedPayload(in); err != nil {
			return nil, err
		}
		return append(dst, payload...), nil
	}
	if payload, err = s.codec.Append(dst, data); err != nil {
		return nil, sig.NewError(sig.CodeBadPayload, err.Error())
	}
	return payload, s.fits(payload)
}

// asCame returns a payload that nobody has decoded.
func asCame(data any) (in payloadIn, ok bool) {
	switch in := data.(type) {
	case payloadIn:
		return in, true
	case *ownPayload:
		return in.payloadIn, true
	}
	return payloadIn{}, false
}

// passedPayload is what another peer has sent, in this one's codec.
func (s *session) passedPayload(in payloadIn) ([]byte, error) {
	payload, err := s.encoded(in.data, in.codec)
	if err != nil {
		return nil, sig.NewError(sig.CodeBadPayload, err.Error())
	}
	return payload, s.fits(payload)
}

// fits says whether the peer takes a request or reply with the payload.
func (s *session) fits(payload []byte) error {
	if len(payload)+requestOverhead > s.maxFrame {
		return sig.NewError(sig.CodeTooLarge, fmt.Sprintf("the payload has %d bytes; the peer takes %d", len(payload), s.maxFrame-requestOverhead))
	}
	return nil
}

// requestOverhead is the most that a REQUEST's or REPLY's header takes.
const requestOverhead = 1 + 10 + 5 + 10 + 2 + 255

// ask enters a request in the table. alone says that it is the only one.
func (s *session) ask(a *asked) (alone bool, err error) {
	a.number = routerNumber
	if a.sender != nil {
		ps := s.announcedAs(a.sender)
		if ps == nil {
			return false, sig.NewError(sig.CodeConnectionLost, quoted(a.sender.Name()))
		}
		a.number = ps.connect.Sender
	}
	t := &s.requests
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false, sig.NewError(sig.CodeConnectionLost, s.describe())
	}
	t.last++
	a.id = t.last
	t.asked[a.id] = a
	if a.from != nil {
		put(&t.places, callerOf(a.from), t.places[callerOf(a.from)]+1)
	}
	return len(t.asked) == 1, nil
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
	t.takeLocked(a)
	t.fewerLocked()
	return true
}

// onReply takes in an answer.
func (s *session) onReply(e *wire.Reply) error {
	t := &s.requests
	t.mu.Lock()
	a := t.asked[e.ID]
	if a != nil {
		t.takeLocked(a)
		t.fewerLocked()
	}
	last := t.last
	t.mu.Unlock()
	switch {
	case a == nil && (e.ID > last || e.ID == 0):
		return unless("reply to nothing", sig.NewError(sig.CodeProtocol, fmt.Sprintf("REPLY %d to no REQUEST", e.ID)))
	case a == nil: // cancelled meanwhile
	case e.Code != wire.CodeOK:
		s.outcome(a, nil, &sig.Error{Code: sig.Code(e.Code), Text: e.Text, App: e.App})
	default:
		s.outcome(a, e.Payload, nil)
	}
	return nil
}

// outcome finishes a request that this connection's peer has answered. An answer
// for another peer goes out with all that this batch brings for it.
func (s *session) outcome(a *asked, payload []byte, err error) {
	if a.from == nil {
		a.tell(payload, err)
		s.woken = true
		return
	}
	s.took(s.now().Sub(a.since))
	if a.leave() {
		reply := a.from.passedReply(a, payload, err)
		s.relayClaimed(a.from, s.appended(reply.Append), len(reply.Payload))
	}
	s.relayed = append(s.relayed, &a.from.requests)
}

// took notes how long a request was under way.
func (s *session) took(d time.Duration) {
	if s.replyTimes == nil {
		s.replyTimes = new(Histogram)
	}
	s.replyTimes.observe(d)
	s.timed = true
}

// appended is an envelope in the reader's own memory, until the next one.
func (s *session) appended(envelope func([]byte) []byte) []byte {
	if cap(s.scratch) > keepPayload {
		s.scratch = nil
	}
	s.scratch = envelope(s.scratch[:0])
	return s.scratch
}

// onCancel ends a request of the peer's, if it is still under way.
func (s *session) onCancel(e *wire.Cancel) error {
	t := &s.requests
	t.mu.Lock()
	if in := t.serving[e.ID]; in != nil {
		in.Cancel()
	}
	a := t.passed[e.ID]
	delete(t.passed, e.ID)
	t.mu.Unlock()
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
	for _, a := range t.asked {
		if which(a) {
			failed = append(failed, a)
			t.takeLocked(a)
		}
	}
	t.fewerLocked()
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
	s.lead.endLocked()
	if t.sweep != nil {
		t.sweep.Stop()
	}
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
