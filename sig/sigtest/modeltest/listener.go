package modeltest

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gosig/gosig/sig"
)

// listener is one subscription or watch, and what it has seen.
type listener struct {
	id       int // in the order of subscribing
	reg      int
	pattern  sig.Pattern
	form     string // for messages
	queued   bool
	typed    bool // sees no presence
	watch    bool // sees presence only, beginning with a snapshot
	reaction reaction
	sub      *sig.Subscription

	from, to moment
	ended    bool
	stopped  bool // Unsubscribe has returned

	mu   sync.Mutex
	seen map[sig.Name][]key
	bad  []string // what cannot be right, whatever else happened
	more chan struct{}
}

func (l *listener) init() { l.seen, l.more = map[sig.Name][]key{}, make(chan struct{}) }

func (l *listener) String() string {
	return fmt.Sprintf("%s #%d to %q in registry %d", l.form, l.id, l.pattern, l.reg)
}

// wants is P1.
func (l *listener) wants(e *entry) bool {
	switch {
	case l.watch:
		return e.kind != emitted && sig.MatchName(l.pattern.Sender, e.sender)
	case e.kind != emitted && l.typed:
		return false
	}
	return l.pattern.Match(e.sender, e.event)
}

// uncertain reports whether e was under way when l began or ended.
func (l *listener) uncertain(e *entry) (began, ended bool) {
	local := e.reg == l.reg
	before := e.now.index < l.from.index
	switch {
	case local || e.kind != emitted && !before:
		// Nothing is on the way to a subscription of the same registry, nor is
		// the presence of others asked for: it comes anyway.
		began = before && e.now.step == l.from.step
	default:
		began = e.now.settled == l.from.settled
	}
	if l.ended {
		step, settled := max(e.now.step, l.from.step), max(e.now.settled, l.from.settled)
		ended = step == l.to.step || (!local || l.queued) && settled == l.to.settled
	}
	return began, ended
}

func (l *listener) note(sender sig.Name, k key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[sender] = append(l.seen[sender], k)
	l.wake()
}

func (l *listener) wrong(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bad = append(l.bad, fmt.Sprintf(format, args...))
	l.wake()
}

func (l *listener) wake() {
	close(l.more)
	l.more = make(chan struct{})
}

// verdict of a comparison: what is wrong for good, and what is not there yet.
type verdict struct{ wrong, missing string }

// compare compares what was seen with the history. The channel is closed when
// more has been seen.
func (l *listener) compare(h *history, senders []sig.Name) (verdict, <-chan struct{}) {
	l.mu.Lock()
	more, bad := l.more, slices.Clone(l.bad)
	l.mu.Unlock()
	var v verdict
	if len(bad) > 0 {
		v.wrong = fmt.Sprintf("%s: %s", l, strings.Join(bad, "; "))
		return v, more
	}
	for _, name := range senders {
		l.mu.Lock()
		seen := slices.Clone(l.seen[name])
		l.mu.Unlock()
		want := h.expect(l, name) // after what was seen: handlers go on emitting
		one := follow(seen, want)
		text := fmt.Sprintf("%s, of %s:\n\tseen %v\n\twant %v\n\t", l, name, seen, want)
		if one.wrong != "" {
			v.wrong = text + one.wrong
		}
		if one.missing != "" {
			v.missing = text + one.missing
		}
	}
	return v, more
}

// follow walks through what was expected along what was seen. Keys are unique,
// so that there is one way only.
func follow(seen []key, want []expected) verdict {
	next := 0
	for _, k := range seen {
		for next < len(want) && want[next].key != k && want[next].maybe {
			next++
		}
		if next == len(want) || want[next].key != k {
			return verdict{wrong: explain(k, seen, want, next)}
		}
		next++
	}
	for _, w := range want[next:] {
		if !w.maybe {
			return verdict{missing: fmt.Sprintf("P3: %v has not arrived", w.key)}
		}
	}
	return verdict{}
}

func explain(k key, seen []key, want []expected, next int) string {
	count := 0
	for _, s := range seen {
		if s == k {
			count++
		}
	}
	isWanted := slices.ContainsFunc(want, func(w expected) bool { return w.key == k })
	switch {
	case count > 1:
		return fmt.Sprintf("P3: %v came %d times", k, count)
	case !isWanted:
		return fmt.Sprintf("P1: %v should not have come", k)
	case next == len(want):
		return fmt.Sprintf("P3: %v came too late", k)
	}
	return fmt.Sprintf("P3: %v came before, or instead of, %v", k, want[next].key)
}

// String shows an uncertain entry with a question mark.
func (w expected) String() string {
	if w.maybe {
		return w.key.String() + "?"
	}
	return w.key.String()
}
