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
// not look at it pays for none of that. It is used for one request.
type Incoming struct {
	sender *Sender
	ctx    callContext
	req    Request
}

// Begin makes in a request of s under ctx, with the time its caller leaves it; 0
// is all the time there is.
func (in *Incoming) Begin(ctx context.Context, s *Sender, timeout time.Duration) {
	in.sender, in.ctx.parent = s, ctx
	if timeout > 0 {
		in.ctx.deadline = time.Now().Add(timeout)
	}
}

// Cancel tells the handler that nobody waits for its answer any more. It does
// not wait for it, and may be called at any time, by anybody.
func (in *Incoming) Cancel() { in.ctx.end(context.Canceled) }

// Answer runs the handler on the calling goroutine, and returns when that has
// returned, however early the context has ended: who bounds the handlers that
// run knows how many there are. It is [Sender.Serve] in all else. Call it once.
// data may be an [Encoded], which the handler may keep.
func (in *Incoming) Answer(method Name, data any) (any, error) {
	s, ctx := in.sender, &in.ctx
	defer ctx.end(context.Canceled)
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
	in.req = Request{Sender: s.slot.name, Method: method, Data: data}
	in.req.prepare(h)
	return s.run(ctx, h.call, &in.req)
}

// callContext is the context of one request. What package context needs to tell
// of its end is made when somebody asks for it: most handlers never do.
type callContext struct {
	parent   context.Context
	deadline time.Time // zero: the parent's, if it has one

	mu     sync.Mutex
	cause  error           // why end was called; nil: it was not
	whole  context.Context // nil: nobody has asked
	cancel context.CancelCauseFunc
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
	case c.cause != nil:
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
	c.whole, c.cancel = context.WithCancelCause(c.parent)
	if !c.deadline.IsZero() {
		outer := c.cancel
		inner, stop := context.WithDeadline(c.whole, c.deadline)
		c.whole, c.cancel = inner, func(cause error) { outer(cause); stop() }
	}
	if c.cause != nil {
		c.cancel(c.cause)
	}
	return c.whole
}

// end ends the context, unless it has ended, and frees what belongs to it. The
// request is over, or cause says why it must be.
func (c *callContext) end(cause error) {
	c.mu.Lock()
	if c.cause == nil {
		c.cause = cause
	}
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel(cause)
	}
}
