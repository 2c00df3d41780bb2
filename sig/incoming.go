package sig

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Incoming is a request that a router has taken in for a sender of this
// process. Its handler gets a context that ends with the router's, with Cancel,
// with the caller's deadline, or when the sender leaves; a handler that does
// not look at it pays for none of that. It is used for one request at a time: Begin
// makes another one of it, once Answer has returned and nobody calls Cancel. What a
// handler may keep is not in it.
type Incoming struct {
	sender *Sender
	ctx    *callContext
	req    Request // for a handler that Handle has made, which does not keep it
}

// Begin makes in a request of s under ctx, with the time its caller leaves it; 0
// is all the time there is.
func (in *Incoming) Begin(ctx context.Context, s *Sender, timeout time.Duration) {
	in.sender, in.ctx = s, &callContext{parent: ctx}
	if timeout > 0 {
		in.ctx.deadline = time.Now().Add(timeout)
	}
}

// Cancel tells the handler that nobody waits for its answer any more. It does
// not wait for it, and may be called at any time, by anybody.
func (in *Incoming) Cancel() { in.ctx.end(cancelled) }

// Answer runs the handler on the calling goroutine, and returns when that has
// returned, however early the context has ended: who bounds the handlers that
// run knows how many there are. It is [Sender.Serve] in all else. Call it once.
// data may be an [Encoded], which the handler may keep.
func (in *Incoming) Answer(method Name, data any) (any, error) {
	s, ctx := in.sender, in.ctx
	defer ctx.end(cancelled)
	h, err := s.answering(ctx, method)
	switch {
	case err != nil:
		return nil, err
	case s.bridge != nil:
		return s.serveRemote(ctx, method, data)
	case !s.registry.beginCall():
		return nil, NewError(CodeClosed, "the registry")
	}
	defer s.registry.calls.Done()
	s.inflight.begin(ctx)
	defer s.inflight.finish(ctx)
	req := &in.req
	if !h.typed {
		req = new(Request)
	}
	*req = Request{Sender: s.slot.name, Method: method, Data: data}
	req.prepare(h)
	return s.run(ctx, h.call, req)
}

// callContext is the context of one request. What package context needs to tell
// of its end is made when somebody asks for it: most handlers never do. It is all
// of a request that cannot be used again, and small for that reason.
type callContext struct {
	parent   context.Context
	deadline time.Time // zero: the parent's, if it has one

	mu    sync.Mutex
	whole *wholeContext // nil: nobody has asked
	ended ending
}

// wholeContext is a callContext for package context.
type wholeContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

// ending is why end was called.
type ending uint8

const (
	notEnded ending = iota
	cancelled
	senderLeft
)

func (e ending) cause() error {
	if e == senderLeft {
		return errSenderLeft
	}
	return context.Canceled
}

// Deadline implements [context.Context].
func (c *callContext) Deadline() (time.Time, bool) {
	at, ok := c.parent.Deadline()
	if !c.deadline.IsZero() && (!ok || c.deadline.Before(at)) {
		return c.deadline, true
	}
	return at, ok
}

// Done implements [context.Context].
func (c *callContext) Done() <-chan struct{} { return c.make().Done() }

// Value implements [context.Context]; package context asks it for the way to
// the cause, and for where to attach contexts made of this one.
func (c *callContext) Value(key any) any { return c.make().Value(key) }

// Err implements [context.Context].
func (c *callContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.whole != nil:
		return c.whole.Err()
	case c.ended != notEnded:
		return context.Canceled
	case c.parent.Err() != nil:
		return c.parent.Err()
	case !c.deadline.IsZero() && !time.Now().Before(c.deadline):
		return context.DeadlineExceeded
	}
	return nil
}

// String names it as package context does with its own.
func (c *callContext) String() string { return fmt.Sprint(c.parent) + ".request" }

func (c *callContext) make() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.whole != nil {
		return c.whole
	}
	whole, cancel := context.WithCancelCause(c.parent)
	if !c.deadline.IsZero() {
		outer := cancel
		inner, stop := context.WithDeadline(whole, c.deadline)
		whole, cancel = inner, func(cause error) { outer(cause); stop() }
	}
	if c.ended != notEnded {
		cancel(c.ended.cause())
	}
	c.whole = &wholeContext{whole, cancel}
	return c.whole
}

// end ends the context, unless it has ended, and frees what belongs to it. The
// request is over, or why says why it must be.
func (c *callContext) end(why ending) {
	c.mu.Lock()
	if c.ended == notEnded {
		c.ended = why
	}
	whole := c.whole
	c.mu.Unlock()
	if whole != nil {
		whole.cancel(why.cause())
	}
}
