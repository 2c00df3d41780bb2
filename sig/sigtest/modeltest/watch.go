package modeltest

import (
	"github.com/gosig/gosig/sig"
	"pgregory.net/rapid"
)

func (s *script) watch(t *rapid.T) {
	l := &listener{reg: s.anyRegistry(t), form: "watch", watch: true}
	l.pattern = sig.Pattern{Sender: rapid.SampledFrom(senderPatterns).Draw(t, "sender"), Event: sig.EventConnect}
	l.queued = rapid.Bool().Draw(t, "queued")
	if !l.queued {
		l.reaction = rapid.SampledFrom([]reaction{{}, {kind: endSame}, {kind: returnSame}}).Draw(t, "reaction")
	}
	l.init()
	s.begin()
	l.from = s.history.moment()
	opts := &sig.SubscribeOptions{}
	if l.queued {
		opts.Queue = roomy
	}
	sub, err := s.regs[l.reg].Watch(l.pattern.Sender, s.watched(l), opts)
	if err != nil {
		t.Fatalf("P5: %s: %v", l, err)
	}
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	l.id, l.sub = len(s.listeners)+1, sub
	s.listeners = append(s.listeners, l)
}

// watched makes the handler: what a program does that keeps a list of who is
// there, and complains whenever a change does not fit the list.
func (s *script) watched(l *listener) func(sig.PresenceChange) {
	there := map[sig.Name]int64{} // the life of each; l.mu guards it
	complete := false
	return func(c sig.PresenceChange) {
		if c.Kind == sig.SnapshotDone {
			l.mu.Lock()
			twice := complete
			complete = true
			l.mu.Unlock()
			if twice {
				l.wrong("P5: two snapshots")
			}
			return
		}
		n, err := lifeOf(c.Presence)
		if err != nil {
			l.wrong("P5: %v: %v", c.Kind, err)
			return
		}
		l.mu.Lock()
		before, was := there[c.Sender]
		early := complete == (c.Kind == sig.Present)
		k := key{connected, n}
		if c.Kind == sig.Disconnected {
			k.kind = disconnected
			delete(there, c.Sender)
		} else {
			there[c.Sender] = n
		}
		l.mu.Unlock()
		switch {
		case early:
			l.wrong("P5: %v of %s on the wrong side of the end of the snapshot", c.Kind, c.Sender)
		case k.kind == connected && was:
			l.wrong("P5: %v of %s, which is there with life %d", k, c.Sender, before)
		case k.kind == disconnected && (!was || before != n):
			l.wrong("P5: %v of %s, which is not there", k, c.Sender)
		}
		l.note(c.Sender, k)
		if c.Kind == sig.Present && l.reaction.kind != nothing {
			s.meddle(l, c.Sender)
		}
	}
}

// meddle changes who is there while the snapshot is being told: that comes
// after it.
func (s *script) meddle(l *listener, name sig.Name) {
	if owner := s.history.lookup(name); owner != nil && owner.reg == l.reg {
		s.endNested(l, &entry{sender: name, depth: maxDepth}, l.reaction.kind == returnSame)
	}
}

// snapshot says what a watch may tell of the entries before it began: who is
// connected for certain is in the snapshot; what was still on the way is in it,
// or comes as a change, or is past.
func (l *listener) snapshot(before []*entry) []expected {
	var want []expected
	for i, e := range before {
		last := i == len(before)-1
		began, ended := l.uncertain(e)
		switch {
		case last && e.kind == connected:
			want = append(want, expected{e.key, ended})
		case began || e.kind == connected && l.isUncertain(before[i+1]):
			want = append(want, expected{e.key, true})
		}
	}
	return want
}

func (l *listener) isUncertain(e *entry) bool {
	began, _ := l.uncertain(e)
	return began
}
