package modeltest

import (
	"slices"

	"github.com/gosig/gosig/sig"
)

// reaction is what a handler does besides noting what it hears (P4).
type reaction struct {
	kind   reactionKind
	sender sig.Name // the other sender
	event  sig.Name
}

type reactionKind uint8

const (
	nothing reactionKind = iota
	emitSame
	emitOther
	endSame
	returnSame
	subscribeMore
	unsubscribeItself
	unsubscribeLatest
)

// reactions are drawn from, the first ones more often.
var reactions = []reaction{
	{kind: emitSame, event: "t"},
	{kind: nothing},
	{kind: unsubscribeItself},
	{kind: emitSame, event: "u"},
	{kind: unsubscribeLatest},
	{kind: nothing},
	{kind: returnSame},
	{kind: emitOther, sender: "a", event: "u"},
	{kind: emitOther, sender: "a/b", event: "t/u"},
	{kind: endSame},
	{kind: subscribeMore, sender: sig.Any, event: "t/**"},
}

// maxDepth ends chains of reactions.
const maxDepth = 2

// react runs in the handler. It reacts only to what was emitted in its own
// registry, in the script's goroutine: what follows is then certain, although
// it is nested.
func (s *script) react(l *listener, e *entry) {
	if l.reaction.kind == nothing || e.reg != l.reg || e.quiet || e.depth >= maxDepth {
		return
	}
	switch r := l.reaction; r.kind {
	case emitSame:
		s.emitNested(l, e, e.sender, r.event)
	case emitOther:
		s.emitNested(l, e, r.sender, r.event)
	case endSame, returnSame:
		s.endNested(l, e, r.kind == returnSame)
	case subscribeMore:
		s.subscribeNested(l, sig.Pattern{Sender: r.sender, Event: r.event})
	case unsubscribeItself:
		s.stop(l)
	case unsubscribeLatest:
		running := s.running()
		s.stop(running[len(running)-1])
	}
}

// endNested disconnects the sender whose event is being delivered, and perhaps
// connects it anew and lets the next life emit.
func (s *script) endNested(l *listener, e *entry, andReturn bool) {
	old := s.history.lookup(e.sender)
	if old == nil {
		return
	}
	if err := s.end(old); err != nil {
		l.wrong("P4: disconnect %s from a handler: %v", e.sender, err)
	}
	if !andReturn || s.history.lookup(e.sender) != nil {
		return // a handler of #disconnect may have been faster
	}
	next, err := s.newLife(l.reg, old.name, old.events[:len(old.events)-1])
	if err != nil {
		l.wrong("P4: connect %s from a handler: %v", e.sender, err)
		return
	}
	s.emitNested(l, e, next.name, next.events[0])
}

func (s *script) emitNested(l *listener, cause *entry, name, event sig.Name) {
	other := s.history.lookup(name)
	if other == nil || other.reg != l.reg || event == other.marker() || !slices.Contains(other.events, event) {
		return
	}
	if err := s.send(other, event, entry{depth: cause.depth + 1}, emittings[0]); err != nil {
		l.wrong("P4: emit %s of %s from a handler: %v", event, name, err)
	}
}

func (s *script) subscribeNested(l *listener, p sig.Pattern) {
	if len(s.running()) > 20 {
		return // an avalanche shows nothing more
	}
	more := &listener{reg: l.reg, pattern: p, form: "subscription by a handler"}
	if err := s.start(more); err != nil {
		l.wrong("P4: subscribe to %q from a handler: %v", p, err)
	}
}
