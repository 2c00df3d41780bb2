package routertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gosig/gosig/sig"
)

var requests = []promise{
	{name: "P6/answer", run: answers},
	{name: "P6/request to a sender that has just come", run: justCome},
	{name: "P6/distinct errors", run: distinctErrors},
	{name: "P6/default handler", run: defaultHandler},
	{name: "P6/deadline travels", run: deadlineTravels},
	{name: "P6/cancellation travels", run: cancellationTravels},
	{name: "P6/sender leaves with a request in flight", run: leavesInFlight},
	{name: "P6/connection lost with a request in flight", where: joined, run: cutInFlight},
	{name: "P6/asking many", run: askingMany},
}

// provide connects a sender with one method and waits until it can be asked.
func (k *kit) provide(s *sides, name, method sig.Name, h sig.RequestHandler) *sig.Sender {
	k.Helper()
	sender, err := s.from.Connect(name, sig.Spec{Requests: map[sig.Name]sig.RequestHandler{method: h}})
	k.must(err, "connect "+string(name))
	k.awaitPresent(s.to, name)
	return sender
}

func answers(k *kit) {
	s := k.open(options{})
	k.provide(s, "desk", "same", func(_ context.Context, r *sig.Request) (any, error) {
		if r.Sender != "desk" || r.Method != "same" {
			return nil, fmt.Errorf("asked as %s %s", r.Sender, r.Method)
		}
		return r.Data, nil
	})
	for n := range 20 {
		v, err := s.to.Request(k.ctx, "desk", "same", k.num(n))
		k.must(err, "P6: request")
		if k.number(v) != n {
			k.Fatalf("P6: got %v, want %d", v, n)
		}
	}
	got, err := sig.Call[[]byte](k.ctx, s.to, "desk", "same", []byte("bytes"))
	k.must(err, "P6: typed request")
	if string(got) != "bytes" {
		k.Errorf("P6: got %q, want \"bytes\"", got)
	}
	_, err = s.to.Request(context.Background(), "desk", "same", nil)
	k.must(err, "P6: request without a deadline and without a payload")
}

// justCome asks each sender from the handler of its #connect.
func justCome(k *kit) {
	const n = 100
	s := k.open(options{})
	e := k.listenAnd(s.to, sig.Any, sig.EventConnect, nil, func(ev sig.Event) {
		v, err := s.to.Request(k.ctx, ev.Sender, "same", k.num(7))
		if err != nil || k.number(v) != 7 {
			k.Errorf("P6: a request to %s, which has just come: %v, %v", ev.Sender, v, err)
		}
	})
	for i := range n {
		_, err := s.from.Connect(sig.Name(fmt.Sprintf("desk/%d", i)), sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
			"same": func(_ context.Context, r *sig.Request) (any, error) { return r.Data, nil },
		}})
		k.must(err, "connect")
	}
	e.awaitLen(n)
}

func distinctErrors(k *kit) {
	k.allowIf(func(err error) bool { return strings.Contains(err.Error(), "panicked") })
	s := k.open(options{})
	fail := map[sig.Name]error{
		"fails":  errors.New("the oven is cold"),
		"coded":  sig.Fail(451, "not for you"),
		"denied": sig.NewError(sig.CodeDenied, "by the handler"),
		"busy":   sig.NewError(sig.CodeBusy, "with another"),
		"bad":    sig.NewError(sig.CodeBadPayload, "what is this"),
		"nobody": sig.NewError(sig.CodeNoSender, "of another registry"),
	}
	methods := map[sig.Name]sig.RequestHandler{
		"panics": func(context.Context, *sig.Request) (any, error) { panic("P6: on purpose") },
		"typed":  sig.Handle(func(_ context.Context, n map[string]int) (int, error) { return len(n), nil }),
		"ends":   func(ctx context.Context, _ *sig.Request) (any, error) { <-ctx.Done(); return nil, ctx.Err() },
	}
	for name, err := range fail {
		methods[name] = func(context.Context, *sig.Request) (any, error) { return nil, err }
	}
	_, err := s.from.Connect("desk", sig.Spec{Requests: methods})
	k.must(err, "connect")
	k.awaitPresent(s.to, "desk")
	for _, c := range []struct {
		sender, method sig.Name
		want           error
		text           string
	}{
		{"nowhere", "any", sig.ErrNoSender, "nowhere"},
		{"desk", "missing", sig.ErrNoMethod, "fails"}, // names those there are
		{"desk", "fails", sig.ErrHandler, "the oven is cold"},
		{"desk", "coded", sig.ErrHandler, "not for you"},
		{"desk", "nobody", sig.ErrHandler, "of another registry"},
		{"desk", "panics", sig.ErrHandler, "P6: on purpose"},
		{"desk", "denied", sig.ErrDenied, "by the handler"},
		{"desk", "busy", sig.ErrBusy, "with another"},
		{"desk", "bad", sig.ErrBadPayload, "what is this"},
		{"desk", "typed", sig.ErrBadPayload, ""},
	} {
		_, err := s.to.Request(k.ctx, c.sender, c.method, k.text("no map"))
		k.is(err, c.want, fmt.Sprintf("P6: %s of %s", c.method, c.sender))
		if !strings.Contains(err.Error(), c.text) {
			k.Errorf("P6: %s of %s: the error does not say %q: %v", c.method, c.sender, c.text, err)
		}
	}
	_, err = s.to.Request(k.ctx, "desk", "coded", nil)
	var e *sig.Error
	if !errors.As(err, &e) || e.App != 451 {
		k.Errorf("P6: the handler's own code: got %#v, want 451", e)
	}
	k.contextErrors(s.to, "desk", "ends")
}

// contextErrors: what the caller's context ends, the caller can tell.
func (k *kit) contextErrors(reg *sig.Registry, sender, method sig.Name) {
	k.Helper()
	late, cancel := context.WithTimeout(k.ctx, time.Millisecond)
	defer cancel()
	_, err := reg.Request(late, sender, method, nil)
	k.is(err, sig.ErrTimeout, "P6: deadline")
	k.is(err, context.DeadlineExceeded, "P6: deadline")
	over, cancel := context.WithCancel(k.ctx)
	cancel()
	_, err = reg.Request(over, sender, method, nil)
	k.is(err, sig.ErrCancelled, "P6: cancelled before")
	k.is(err, context.Canceled, "P6: cancelled before")
}

func defaultHandler(k *kit) {
	s := k.open(options{})
	_, err := s.from.Connect("desk", sig.Spec{
		Requests: map[sig.Name]sig.RequestHandler{
			"own": func(context.Context, *sig.Request) (any, error) { return k.num(1), nil },
		},
		Default: func(_ context.Context, r *sig.Request) (any, error) { return k.num(len(r.Method)), nil },
	})
	k.must(err, "connect")
	k.awaitPresent(s.to, "desk")
	for method, want := range map[sig.Name]int{"own": 1, "whatever": 8, "other": 5} {
		v, err := s.to.Request(k.ctx, "desk", method, nil)
		k.must(err, "P6: request "+string(method))
		if k.number(v) != want {
			k.Errorf("P6: %s: got %v, want %d", method, v, want)
		}
	}
}

// deadlineTravels: the handler sees the caller's deadline, and its context ends.
func deadlineTravels(k *kit) {
	s := k.open(options{})
	began, ended := make(chan struct{}, 1), make(chan error, 1) // for the call that gets through
	k.provide(s, "desk", "wait", func(ctx context.Context, _ *sig.Request) (any, error) {
		select {
		case began <- struct{}{}:
		default:
		}
		if _, ok := ctx.Deadline(); !ok {
			k.Error("P6: the handler's context has no deadline")
		}
		<-ctx.Done()
		select {
		case ended <- ctx.Err():
		default:
		}
		return nil, ctx.Err()
	})
	for d, ran := 50*time.Millisecond, false; !ran; d *= 2 { // on a busy machine it may pass before the handler runs
		ctx, cancel := context.WithTimeout(k.ctx, d)
		_, err := s.to.Request(ctx, "desk", "wait", nil)
		cancel()
		k.is(err, sig.ErrTimeout, "P6: the caller")
		select {
		case <-began:
			ran = true
		case <-k.ctx.Done():
			k.Fatal("P6: the handler was never asked")
		default:
		}
	}
	if err := receive(k, ended, "the handler's context to end"); err == nil {
		k.Error("P6: the handler's context has not ended")
	}
}

func cancellationTravels(k *kit) {
	s := k.open(options{})
	began, ended := make(chan struct{}, 1), make(chan error, 1) // the handler runs once
	k.provide(s, "desk", "wait", func(ctx context.Context, _ *sig.Request) (any, error) {
		began <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(k.ctx)
	defer cancel()
	result := make(chan error, 1)
	go func() { _, err := s.to.Request(ctx, "desk", "wait", nil); result <- err }() // ends with ctx
	receive(k, began, "the handler")
	cancel()
	k.is(receive(k, result, "the caller to return"), sig.ErrCancelled, "P6: the caller")
	k.is(receive(k, ended, "the handler's context to end"), context.Canceled, "P6: the handler's context")
}

func leavesInFlight(k *kit) {
	s := k.open(options{})
	began, ended := make(chan struct{}, 1), make(chan struct{}, 1) // the handler runs once
	sender := k.provide(s, "desk", "wait", func(ctx context.Context, _ *sig.Request) (any, error) {
		began <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return nil, ctx.Err()
	})
	result := make(chan error, 1)
	go func() { _, err := s.to.Request(k.ctx, "desk", "wait", nil); result <- err }() // ends with the sender
	receive(k, began, "the handler")
	k.must(sender.Disconnect("bye"), "disconnect")
	k.is(receive(k, result, "the caller to return"), sig.ErrConnectionLost, "P6: the sender has left")
	receive(k, ended, "the handler's context to end")
	k.awaitAbsent(s.to, "desk")
	_, err := s.to.Request(k.ctx, "desk", "wait", nil)
	k.is(err, sig.ErrNoSender, "P6: afterwards")
}

func cutInFlight(k *kit) {
	s := k.open(options{})
	began := make(chan struct{}, 1)
	ended := make(chan struct{}, 1)
	k.provide(s, "desk", "wait", func(ctx context.Context, _ *sig.Request) (any, error) {
		began <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return nil, ctx.Err()
	})
	result := make(chan error, 1)
	go func() { _, err := s.to.Request(k.ctx, "desk", "wait", nil); result <- err }() // ends with the connection
	receive(k, began, "the handler")
	for _, c := range s.clients {
		c.net.refuse(true)
		c.net.cut()
	}
	k.is(receive(k, result, "the caller to return"), sig.ErrConnectionLost, "P6: the connection was lost")
	receive(k, ended, "the handler's context to end")
	_, err := s.to.Request(k.ctx, "desk", "wait", nil)
	if !errors.Is(err, sig.ErrNoSender) && !errors.Is(err, sig.ErrConnectionLost) {
		k.Errorf("P6: while there is no connection: got %v", err)
	}
}

// askingMany: who answered, who failed, who left.
func askingMany(k *kit) {
	s := k.open(options{})
	began := make(chan struct{}, 1)
	k.provide(s, "room/a", "who", func(context.Context, *sig.Request) (any, error) { return k.num(1), nil })
	k.provide(s, "room/b", "who", func(context.Context, *sig.Request) (any, error) { return nil, errors.New("asleep") })
	leaver := k.provide(s, "room/c", "who", func(ctx context.Context, _ *sig.Request) (any, error) {
		began <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	k.provide(s, "room/d", "other", answer)
	k.provide(s, "hall", "who", answer)
	done := make(chan []sig.Answer, 1)
	go func() { done <- s.to.RequestAll(k.ctx, "room/*", "who", k.num(0)) }() // ends with the leaver
	receive(k, began, "the handler of room/c")
	k.must(leaver.Disconnect("bye"), "disconnect")
	got := receive(k, done, "all answers")
	want := []struct {
		sender sig.Name
		err    error
	}{{"room/a", nil}, {"room/b", sig.ErrHandler}, {"room/c", sig.ErrConnectionLost}, {"room/d", sig.ErrNoMethod}}
	if len(got) != len(want) {
		k.Fatalf("P6: got answers %+v, want those of 4 senders", got)
	}
	for i, w := range want {
		if got[i].Sender != w.sender || !errors.Is(got[i].Err, w.err) {
			k.Errorf("P6: answer %d is %+v, want %s with %v", i, got[i], w.sender, w.err)
		}
	}
	if k.number(got[0].Data) != 1 {
		k.Errorf("P6: room/a answers %v, want 1", got[0].Data)
	}
}
