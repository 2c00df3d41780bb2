package modeltest

import (
	"errors"
	"slices"

	"github.com/gosig/gosig/sig"
	"pgregory.net/rapid"
)

// roomy is a queue that no script fills.
const roomy = 100_000

func (s *script) subscribe(t *rapid.T) {
	p := sig.Pattern{
		Sender: rapid.SampledFrom(senderPatterns).Draw(t, "sender"),
		Event:  rapid.SampledFrom(eventPatterns).Draw(t, "event"),
	}
	l := &listener{reg: s.anyRegistry(t), pattern: p, form: "subscription"}
	l.typed = rapid.Bool().Draw(t, "typed") && s.typable()
	l.queued = rapid.Float64Range(0, 1).Draw(t, "queued") < 0.25
	if !l.queued {
		l.reaction = rapid.SampledFrom(reactions).Draw(t, "reaction")
	}
	exact := slices.Contains(senders, p.Sender) && slices.Contains(events, p.Event)
	if exact && s.history.awayFrom(l.reg, p.Sender) {
		s.settle(t) // what the sender declares is not known everywhere yet
	}
	s.begin()
	owner := s.history.lookup(p.Sender)
	err := s.start(l)
	if exact && owner != nil && !slices.Contains(owner.events, p.Event) {
		if !errors.Is(err, sig.ErrNotDeclared) {
			t.Fatalf("P2: %s, which registry %d declares without it: got %v, want ErrNotDeclared", l, owner.reg, err)
		}
		return
	}
	if l.typed && p.Event.Reserved() {
		if !errors.Is(err, sig.ErrTypeMismatch) {
			t.Fatalf("%s, whose payload is no number: got %v, want ErrTypeMismatch", l, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("P2: %s: %v", l, err)
	}
}

// typable: a typed subscription needs the type at compile time.
func (s *script) typable() bool {
	_, plain := s.opts.Payload(0).(int64)
	return plain
}

// start subscribes; handlers do it as well.
func (s *script) start(l *listener) (err error) {
	l.init()
	l.from = s.history.moment()
	s.history.mu.Lock()
	l.id = len(s.listeners) + 1
	s.listeners = append(s.listeners, l)
	s.history.mu.Unlock()
	opts := &sig.SubscribeOptions{}
	if l.queued {
		opts.Queue = roomy
	}
	var sub *sig.Subscription
	if l.typed {
		l.form = "typed subscription"
		opts.OnLost = func(lost sig.Lost) { s.heardLost(l, lost) }
		sub, err = sig.Subscribe(s.regs[l.reg], l.pattern.Sender, l.pattern.Event, func(ev sig.EventOf[int64]) {
			s.heard(l, sig.Event{Sender: ev.Sender, Name: ev.Name, Data: ev.Data})
		}, opts)
	} else {
		sub, err = sig.Subscribe(s.regs[l.reg], l.pattern.Sender, l.pattern.Event, func(ev sig.Event) { s.heard(l, ev) }, opts)
	}
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	if err != nil {
		s.listeners = slices.DeleteFunc(s.listeners, func(other *listener) bool { return other == l })
		return err
	}
	l.sub = sub
	return nil
}

func (s *script) heardLost(l *listener, lost sig.Lost) {
	l.wrong("P7: %v, although there was room", lost)
}

// heard is every handler.
func (s *script) heard(l *listener, ev sig.Event) {
	switch data := ev.Data.(type) {
	case sig.Presence:
		s.heardPresence(l, ev, data)
		return
	case sig.Lost:
		s.heardLost(l, data)
		return
	}
	n, err := s.opts.Number(ev.Data)
	e := s.history.event(n)
	if err != nil || e == nil || e.kind != emitted {
		l.wrong("P3: heard %+v, which nobody emitted (%v)", ev, err)
		return
	}
	if e.sender != ev.Sender || e.event != ev.Name {
		l.wrong("P10: heard %s %s with the payload of %s %s", ev.Sender, ev.Name, e.sender, e.event)
	}
	s.checkEnded(l, e)
	l.note(ev.Sender, e.key)
	s.order.note(e.key, l)
	s.react(l, e)
}

// checkEnded: no handler begins after Unsubscribe has returned. Elsewhere than
// in the script's own goroutine it may have begun before, and come here late.
func (s *script) checkEnded(l *listener, e *entry) {
	s.history.mu.Lock()
	late := l.stopped && !l.queued && e.reg == l.reg && !e.quiet
	s.history.mu.Unlock()
	if late {
		l.wrong("P4: %v came after Unsubscribe had returned", e.key)
	}
}

func (s *script) heardPresence(l *listener, ev sig.Event, p sig.Presence) {
	n, err := lifeOf(p)
	if err != nil || p.Sender != ev.Sender {
		l.wrong("P5: heard %+v: %v", ev, err)
		return
	}
	k := key{connected, n}
	if ev.Name == sig.EventDisconnect {
		k.kind = disconnected
		if p.Reason != reason(n) {
			l.wrong("P5: %v for the reason %q, want %q", k, p.Reason, reason(n))
		}
	}
	if !slices.Contains(p.Requests, method) {
		l.wrong("P5: %v lists the requests %v, want %v among them", k, p.Requests, method)
	}
	l.note(ev.Sender, k)
	s.order.note(k, l)
}

// running are the listeners that have not ended.
func (s *script) running() []*listener {
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.listeners), func(l *listener) bool { return l.ended || l.sub == nil })
}

func (s *script) unsubscribe(t *rapid.T) {
	running := s.running()
	if len(running) == 0 {
		t.Skip("nobody subscribes")
	}
	l := running[rapid.IntRange(0, len(running)-1).Draw(t, "which")]
	s.begin()
	s.stop(l)
}

// stop ends a subscription; its own handler may do so.
func (s *script) stop(l *listener) {
	to := s.history.moment()
	s.history.mu.Lock()
	if l.ended {
		s.history.mu.Unlock()
		return
	}
	l.to, l.ended = to, true
	s.history.mu.Unlock()
	l.sub.Unsubscribe()
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	l.stopped = true
}
