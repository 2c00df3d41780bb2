package routertest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var isolation = []promise{
	{name: "P4/handler that panics", run: panics},
	{name: "P4/handler that unsubscribes itself", run: unsubscribesItself},
	{name: "P4/handler that calls everything", run: callsEverything},
	{name: "P4/subscribing to one's own sender", run: ownSender},
	{name: "P4/request from a handler with a full inbound buffer", where: joined, run: requestWhenFull},
}

func panics(k *kit) {
	s := k.open(options{})
	k.allowIf(func(err error) bool { return strings.Contains(err.Error(), "P4: on purpose") })
	bad := 0
	sub, err := sig.Subscribe(s.to, sig.Any, "temp", func(sig.Event) {
		bad++
		panic("P4: on purpose")
	}, nil)
	k.must(err, "subscribe")
	k.must(sub.InForce(k.ctx), "in force")
	e := k.listen(s.to, "kitchen", "temp", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 3)
	sp.finish()
	e.hears("P4: a handler that panics disturbs no other", "kitchen temp 1", "kitchen temp 2", "kitchen temp 3")
	if bad != 3 {
		k.Errorf("P4: the handler that panics was called %d times, want 3", bad)
	}
	k.warnings.awaitOne(k, "a warning of the panic", func(w sig.Warning) bool { return w.Event == "temp" })
}

func unsubscribesItself(k *kit) {
	s := k.open(options{})
	var once *ear
	ready := make(chan struct{}) // closed when once is there
	once = k.listenAnd(s.to, "kitchen", "temp", nil, func(sig.Event) {
		<-ready
		once.sub.Unsubscribe()
	})
	close(ready)
	other := k.listen(s.to, "kitchen", "temp", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 3)
	sp.finish()
	once.hears("P4: a handler that unsubscribes itself", "kitchen temp 1")
	other.hears("P4: the next handler", "kitchen temp 1", "kitchen temp 2", "kitchen temp 3")
}

// callsEverything uses the whole registry from inside a handler, more than once.
func callsEverything(k *kit) {
	s := k.open(options{})
	helper, err := s.to.Connect("helper", sig.Spec{Events: []sig.Name{"said"}})
	k.must(err, "connect")
	echoes := k.listen(s.to, "helper", "said", nil)
	e := k.listenAnd(s.to, "kitchen", "temp", nil, func(ev sig.Event) {
		if err := k.useAll(s.to, helper, ev); err != nil {
			k.Errorf("P4: from a handler: %v", err)
		}
	})
	sp := k.connect(s, "kitchen", sig.Spec{
		Events: []sig.Name{"temp"},
		Requests: map[sig.Name]sig.RequestHandler{
			"double": func(_ context.Context, r *sig.Request) (any, error) { return k.num(2 * k.number(r.Data)), nil },
		},
	})
	sp.say("temp", 1, 3)
	sp.finish()
	e.hears("P4: every event was handled", "kitchen temp 1", "kitchen temp 2", "kitchen temp 3")
	echoes.hears("P4: what the handler emitted", "helper said 1", "helper said 2", "helper said 3")
}

func (k *kit) useAll(reg *sig.Registry, helper *sig.Sender, ev sig.Event) error {
	n := k.number(ev.Data)
	v, err := reg.Request(k.ctx, ev.Sender, "double", ev.Data)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if got := k.number(v); got != 2*n {
		return fmt.Errorf("request: got %d, want %d", got, 2*n)
	}
	if err := helper.Emit("said", ev.Data); err != nil {
		return fmt.Errorf("emit: %w", err)
	}
	sub, err := sig.Subscribe(reg, ev.Sender, ev.Name, func(sig.Event) {}, nil)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if err := sub.InForce(k.ctx); err != nil {
		return fmt.Errorf("in force: %w", err)
	}
	sub.Unsubscribe()
	guest, err := reg.Connect("guest", sig.Spec{Events: []sig.Name{"hello"}})
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := guest.EmitWait(k.ctx, "hello", ev.Data); err != nil {
		return fmt.Errorf("held-back emission: %w", err)
	}
	if len(reg.Senders()) < 3 {
		return fmt.Errorf("the registry knows only of %v", reg.Senders())
	}
	return guest.Disconnect("bye")
}

// ownSender: a sender's registry hears it once, and nothing comes back to it.
func ownSender(k *kit) {
	s := k.open(options{})
	own, far := k.listen(s.from, "kitchen", sig.Any, nil), k.listen(s.to, "kitchen", sig.Any, nil)
	sp := k.connect(s, "kitchen", sig.Spec{
		Events: []sig.Name{"temp"},
		Requests: map[sig.Name]sig.RequestHandler{
			"same": func(_ context.Context, r *sig.Request) (any, error) { return r.Data, nil },
		},
	})
	sp.say("temp", 1, 5)
	v, err := s.from.Request(k.ctx, "kitchen", "same", k.num(7))
	k.must(err, "request one's own sender")
	if k.number(v) != 7 {
		k.Errorf("P4: a request to one's own sender: got %v", v)
	}
	sp.finish()
	k.must(sp.Disconnect("done"), "disconnect")
	want := []string{"kitchen #connect", "kitchen temp 1", "kitchen temp 2", "kitchen temp 3", "kitchen temp 4", "kitchen temp 5", "kitchen #disconnect"}
	own.hears("P4: one's own sender", want...)
	far.hears("P4: the others", want...)
}

// requestWhenFull: replies do not wait behind events that no handler has time
// for.
func requestWhenFull(k *kit) {
	s := k.open(options{limits: router.Limits{InboundBytes: 8 << 10, OutboundBytes: 16 << 10}})
	var first sync.Once
	stuck, answered := make(chan struct{}), make(chan struct{}) // closed in this order
	full := make(chan struct{})                                 // closed when the buffer is
	e := k.listenAnd(s.to, "kitchen", "temp", nil, func(ev sig.Event) {
		first.Do(func() {
			close(stuck)
			select {
			case <-full:
			case <-k.ctx.Done():
			}
			if _, err := s.to.Request(k.ctx, "kitchen", "same", ev.Data); err != nil {
				k.Errorf("P4: request from a handler while the inbound buffer is full: %v", err)
			}
			close(answered)
		})
	})
	noise := k.listen(s.to, "kitchen", "noise", nil)
	sp := k.connect(s, "kitchen", sig.Spec{
		Events: []sig.Name{"temp", "noise"},
		Requests: map[sig.Name]sig.RequestHandler{
			"same": func(_ context.Context, r *sig.Request) (any, error) { return r.Data, nil },
		},
	})
	sp.say("temp", 1, 1)
	receive(k, stuck, "the handler")
	payload := k.text(string(bytes.Repeat([]byte("x"), 1000)))
	for range 200 {
		k.must(sp.Emit("noise", payload), "emit")
	}
	_, err := s.to.Request(k.ctx, "kitchen", "same", k.num(1)) // has come behind the noise
	k.must(err, "request beside")
	close(full)
	receive(k, answered, "the answer")
	sp.finish()
	e.hears("P4: the handler", "kitchen temp 1")
	k.tally(noise, "noise", 200)
}

// tally adds up what was delivered of an event and what was announced as lost.
func (k *kit) tally(e *ear, event sig.Name, emitted int) (lost int) {
	k.Helper()
	delivered := 0
	for _, ev := range e.heard.all() {
		if l, ok := ev.Data.(sig.Lost); ok {
			lost += int(l.Count)
		} else if ev.Name == event {
			delivered++
		}
	}
	if delivered+lost != emitted {
		k.Errorf("P7: %d delivered and %d announced as lost are not the %d emitted", delivered, lost, emitted)
	}
	return lost
}
