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
	if err := s.ask(a, method, timeoutOf(ctx), payload, s.post); err != nil {
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
func (s *session) ask(a *asked, method sig.Name, timeout uint64, payload []byte, post poster) error {
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
	post(wire.Request{ID: a.id, Sender: ps.connect.Sender, TimeoutMS: timeout, Method: string(method), Payload: payload}.Append(nil))
	return nil
}

// poster queues a frame for one peer: at once, or by the reader of another
// connection with all that its batch brings for that peer.
type poster func(frame []byte)

func (s *session) post(frame []byte) { s.link.send(s, frame) }

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
		return
	}
	a.finishBy(payload, err, func(frame []byte) { s.relay(a.from, frame) })
	s.relayed = append(s.relayed, &a.from.requests)
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
