package sig

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"sync"
)

// RequestHandler answers requests of one method. It runs under the caller's
// context; when that ends, or the sender disconnects, nobody waits for the
// answer any more. Its error reaches the caller as an [ErrHandler] with the
// same text; see [Fail] to add a number, or return an error with the code of
// [ErrDenied], [ErrBusy] or [ErrBadPayload] to say exactly that.
type RequestHandler func(ctx context.Context, req *Request) (any, error)

// Request is a request as its handler sees it.
type Request struct {
	Sender, Method Name
	// Data is the caller's argument: as it was given in this process, plain
	// values from another one. [Data] makes any type of it.
	Data any
	// encoded is the argument before it was made plain, for Handle.
	encoded Encoded
}

// Handle makes a request handler of a function with types: the argument becomes
// a Req as by [Data], or the caller gets an [ErrBadPayload].
func Handle[Req, Resp any](h func(context.Context, Req) (Resp, error)) RequestHandler {
	handler := func(ctx context.Context, req *Request) (any, error) {
		arg, err := argument[Req](req)
		if err != nil {
			return nil, NewError(CodeBadPayload, err.Error())
		}
		return h(ctx, arg)
	}
	typedHandlers.Store(reflect.ValueOf(handler).Pointer(), nil)
	return handler
}

// argument is what the caller gave. Where it has been made plain, a handler around
// this one may call it again.
func argument[Req any](req *Request) (Req, error) {
	if req.encoded != nil {
		return converted[Req](req.encoded)
	}
	return Data[Req](req.Data)
}

// typedHandlers are the places in the program where closures of Handle begin.
// Those decode a payload themselves, into their own type: making it plain before
// would be decoding it twice. There are as many as there are calls of Handle in
// the source; a handler that wraps one is not among them.
var typedHandlers sync.Map

// handler is a request handler and whether it takes an [Encoded] as it is.
type handler struct {
	call  RequestHandler
	typed bool
}

func newHandler(h RequestHandler) handler {
	_, typed := typedHandlers.Load(reflect.ValueOf(h).Pointer())
	return handler{h, typed}
}

// Request asks one sender and waits for its answer, or for ctx to end. An
// answer from another process has plain values. The errors are those of
// package sig, wherever the sender lives: [ErrNoSender], [ErrNoMethod],
// [ErrHandler], [ErrTimeout], [ErrCancelled], [ErrDenied], [ErrBusy],
// [ErrConnectionLost] and [ErrBadPayload].
func (r *Registry) Request(ctx context.Context, sender, method Name, data any) (any, error) {
	v, err := r.request(ctx, sender, method, data)
	if _, encoded := v.(Encoded); err != nil || !encoded {
		return v, err
	}
	return Data[any](v)
}

// Call is [Registry.Request] whose answer becomes a Resp as by [Data].
func Call[Resp any](ctx context.Context, r *Registry, sender, method Name, req any) (Resp, error) {
	v, err := r.request(ctx, sender, method, req)
	if err != nil {
		var none Resp
		return none, err
	}
	return Data[Resp](v)
}

func (r *Registry) request(ctx context.Context, sender, method Name, data any) (any, error) {
	s := r.lookup(sender)
	if s == nil {
		return nil, NewError(CodeNoSender, fmt.Sprintf("%q", string(sender)))
	}
	return s.Serve(ctx, method, data)
}

// Serve asks this sender, wherever it lives. The answer of one in another
// process may be an [Encoded]; data may be one as well.
func (s *Sender) Serve(ctx context.Context, method Name, data any) (any, error) {
	h, err := s.answering(ctx, method)
	switch {
	case err != nil:
		return nil, err
	case s.bridge != nil:
		return s.serveRemote(ctx, method, data)
	}
	req := &Request{Sender: s.slot.name, Method: method, Data: data}
	if ctx.Done() == nil {
		req.prepare(h)
		return s.run(ctx, h.call, req)
	}
	return s.runBeside(ctx, h, req)
}

// answering finds the handler of a method; none if it is in another process.
func (s *Sender) answering(ctx context.Context, method Name) (handler, error) {
	h, declared := s.requests[method]
	switch {
	case ctx.Err() != nil:
		return h, contextError(ctx)
	case s.gone.Load():
		return h, NewError(CodeNoSender, fmt.Sprintf("%q", string(s.slot.name)))
	case !declared && !s.anything:
		return h, NewError(CodeNoMethod, fmt.Sprintf("%s does not answer %q, only %s", s.slot.name, method, listNames(s.methods())))
	case !declared:
		h = s.fallback
	}
	return h, nil
}

// prepare shows the handler what it is to see of an [Encoded].
func (req *Request) prepare(h handler) {
	if !h.typed {
		req.makePlain()
	}
}

// makePlain shows the handler plain values instead of an [Encoded]. If it can be
// decoded only into its own type, the handler gets it as it is.
func (req *Request) makePlain() {
	enc, ok := req.Data.(Encoded)
	if !ok {
		return
	}
	req.encoded = enc
	if v, err := Data[any](enc); err == nil {
		req.Data = v
	}
}

// runBeside runs the handler on a goroutine of its own, so that the caller
// returns when its context ends. The goroutine ends with the handler.
func (s *Sender) runBeside(ctx context.Context, h handler, req *Request) (any, error) {
	if !s.registry.beginCall() {
		return nil, NewError(CodeClosed, "the registry")
	}
	req.Data = keep(req.Data)
	call := &callContext{parent: ctx}
	s.inflight.begin(call)
	answer := make(chan reply, 1) // the handler never waits for a caller that has left
	go func() {
		defer s.registry.calls.Done()
		defer s.inflight.finish(call)
		r := reply{err: NewError(CodeHandler, "the handler ended its goroutine")}
		defer func() { answer <- r }()
		req.prepare(h)
		r.data, r.err = s.run(call, h.call, req)
	}()
	select {
	case r := <-answer:
		return r.data, r.err
	case <-call.Done():
	}
	select {
	case r := <-answer: // both were ready
		return r.data, r.err
	default:
		return nil, endOf(call)
	}
}

type reply struct {
	data any
	err  error
}

// beginCall counts a request handler that Shutdown waits for.
func (r *Registry) beginCall() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if !r.closed {
		r.calls.Add(1)
	}
	return !r.closed
}

// run calls the handler; a panic is its failure and not the caller's.
func (s *Sender) run(ctx context.Context, h RequestHandler, req *Request) (data any, err error) {
	defer func() {
		if p := recover(); p != nil {
			data, err = nil, NewError(CodeHandler, fmt.Sprintf("panic: %v", p))
			s.registry.warn(Warning{req.Sender, req.Method, fmt.Errorf("request handler panicked: %v\n%s", p, debug.Stack())})
		}
	}()
	data, err = h(ctx, req)
	if err != nil {
		return nil, handlerError(ctx, err)
	}
	return data, nil
}

// handlerError makes a handler's error one that means the same everywhere. Only
// some codes may come from a handler: its own failing requests must not look
// as if this sender did not exist.
func handlerError(ctx context.Context, err error) error {
	var e *Error
	if errors.As(err, &e) {
		switch e.Code {
		case CodeHandler, CodeDenied, CodeBusy, CodeBadPayload:
			return AsError(err)
		}
	}
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		return endOf(ctx)
	}
	return NewError(CodeHandler, err.Error())
}

// serveRemote asks the process the sender lives in.
func (s *Sender) serveRemote(ctx context.Context, method Name, data any) (any, error) {
	v, err := s.bridge.peer.Request(ctx, s, method, data)
	if err != nil {
		return nil, remoteError(ctx, err)
	}
	return v, nil
}

// remoteError is what a caller gets for a peer's error. The peer sees the
// context end, and need not know why.
func remoteError(ctx context.Context, err error) error {
	var e *Error
	if ctx.Err() != nil && (!errors.As(err, &e) || e.Code == CodeCancelled) {
		return endOf(ctx)
	}
	return err
}

// inflight is the requests that a sender's handlers are answering: they end with
// it.
type inflight struct {
	mu    sync.Mutex
	ended bool
	calls map[*callContext]struct{}
}

func (f *inflight) begin(c *callContext) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		c.end(senderLeft)
		return
	}
	if f.calls == nil {
		f.calls = make(map[*callContext]struct{})
	}
	f.calls[c] = struct{}{}
}

func (f *inflight) finish(c *callContext) {
	f.mu.Lock()
	delete(f.calls, c)
	f.mu.Unlock()
	c.end(cancelled)
}

// abandon ends all calls: the sender has left.
func (f *inflight) abandon() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	for c := range f.calls {
		c.end(senderLeft)
	}
}

var errSenderLeft = NewError(CodeConnectionLost, "the sender has left")

// endOf says what ended the context of a request, for the caller and for a
// handler that returns its context's error: either may be first.
func endOf(ctx context.Context) error {
	if context.Cause(ctx) == error(errSenderLeft) {
		return errSenderLeft
	}
	return contextError(ctx)
}
