package routertest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gosig/gosig/sig"
)

// ear is a subscription and what it has heard.
type ear struct {
	k     *kit
	what  string
	sub   *sig.Subscription
	heard journal[sig.Event]
}

// listen subscribes, and returns when the subscription is in force.
func (k *kit) listen(reg *sig.Registry, sender, event sig.Name, opts *sig.SubscribeOptions) *ear {
	k.Helper()
	return k.listenAnd(reg, sender, event, opts, func(sig.Event) {})
}

// listenAnd is listen whose handler does something besides, before it takes
// note of the event.
func (k *kit) listenAnd(reg *sig.Registry, sender, event sig.Name, opts *sig.SubscribeOptions, do func(sig.Event)) *ear {
	k.Helper()
	e := &ear{k: k, what: fmt.Sprintf("%s %s in %s", sender, event, reg.Name())}
	sub, err := sig.Subscribe(reg, sender, event, func(ev sig.Event) {
		do(ev)
		e.heard.add(ev)
	}, opts)
	k.must(err, "subscribe to "+e.what)
	e.sub = sub
	k.must(sub.InForce(k.ctx), "wait until the subscription is in force")
	return e
}

// endEvent is what every speaker emits last; ears leave it out.
const endEvent sig.Name = "end"

// line writes an event down: "kitchen temp 3", "kitchen #connect", "kitchen
// #lost 2 temp: queue full".
func (k *kit) line(ev sig.Event) string {
	k.Helper()
	switch data := ev.Data.(type) {
	case sig.Presence:
		return fmt.Sprintf("%s %s", ev.Sender, ev.Name)
	case sig.Lost:
		return fmt.Sprintf("%s %s %d %s: %s", ev.Sender, ev.Name, data.Count, data.Event, data.Reason)
	}
	return fmt.Sprintf("%s %s %d", ev.Sender, ev.Name, k.number(ev.Data))
}

func (e *ear) lines() []string {
	e.k.Helper()
	var lines []string
	for _, ev := range e.heard.all() {
		if ev.Name != endEvent {
			lines = append(lines, e.k.line(ev))
		}
	}
	return lines
}

// of returns the lines of one sender, without its name.
func (e *ear) of(sender sig.Name) []string {
	e.k.Helper()
	var lines []string
	for _, line := range e.lines() {
		if rest, ok := strings.CutPrefix(line, string(sender)+" "); ok {
			lines = append(lines, rest)
		}
	}
	return lines
}

// await waits for an event that is written down like this.
func (e *ear) await(line string) {
	e.k.Helper()
	e.heard.awaitOne(e.k, fmt.Sprintf("%q at %s", line, e.what), func(ev sig.Event) bool { return e.k.line(ev) == line })
}

// awaitLen waits until n events were heard, not counting the last ones of
// speakers.
func (e *ear) awaitLen(n int) {
	e.k.Helper()
	e.heard.await(e.k, fmt.Sprintf("%d events at %s", n, e.what), func(events []sig.Event) bool {
		have := 0
		for _, ev := range events {
			if ev.Name != endEvent {
				have++
			}
		}
		return have >= n
	})
}

// hears waits for as many events and compares them all. Only one sender's may
// be among them, unless the order between senders is certain.
func (e *ear) hears(promise string, want ...string) {
	e.k.Helper()
	e.awaitLen(len(want))
	if got := e.lines(); !slices.Equal(got, want) {
		e.k.Fatalf("%s: %s heard\n\t%s\nwant\n\t%s", promise, e.what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// speaker is a sender that can say that it has said everything.
type speaker struct {
	*sig.Sender
	k    *kit
	end  *ear
	ends int
}

// connect connects a sender whose last words are listened for.
func (k *kit) connect(s *sides, name sig.Name, spec sig.Spec) *speaker {
	k.Helper()
	sp := &speaker{k: k, end: k.listen(s.to, name, endEvent, nil)}
	spec.Events = append(slices.Clone(spec.Events), endEvent)
	var err error
	sp.Sender, err = s.from.Connect(name, spec)
	k.must(err, "connect "+string(name))
	return sp
}

// say emits numbers, from first to last.
func (sp *speaker) say(event sig.Name, first, last int) {
	sp.k.Helper()
	for n := first; n <= last; n++ {
		sp.k.must(sp.Emit(event, sp.k.num(n)), fmt.Sprintf("%s emits %s %d", sp.Name(), event, n))
	}
}

// finish returns when everything that was emitted so far has reached the
// subscribers, or never will (P3). Its event is never dropped.
func (sp *speaker) finish() {
	sp.k.Helper()
	sp.finishBy(func(v any) error { return sp.EmitWait(sp.k.ctx, endEvent, v) })
}

// finishNow is finish that does not wait for full queues.
func (sp *speaker) finishNow() {
	sp.k.Helper()
	sp.finishBy(func(v any) error { return sp.Emit(endEvent, v) })
}

func (sp *speaker) finishBy(emit func(v any) error) {
	sp.k.Helper()
	sp.ends++
	sp.k.must(emit(sp.k.num(sp.ends)), "emit the last event")
	sp.end.await(fmt.Sprintf("%s %s %d", sp.Name(), endEvent, sp.ends))
}

// account walks through what was heard of one event whose payloads are numbers
// from first to last: each must have come, once and in order, or be announced as
// lost in its place (P3, P7).
func (k *kit) account(events []sig.Event, name sig.Name, first, last int) (delivered, lost int) {
	k.Helper()
	next := first
	for _, ev := range events {
		switch data := ev.Data.(type) {
		case sig.Presence:
		case sig.Lost:
			if data.Event != name {
				continue
			}
			if data.Count == 0 {
				k.Fatalf("P7: before number %d an unknown number was lost, which here can be known: %+v", next, data)
			}
			lost += int(data.Count)
			next += int(data.Count)
		default:
			if ev.Name != name {
				continue
			}
			if n := k.number(ev.Data); n != next {
				k.Fatalf("P7: got number %d, want %d: after %d delivered and %d announced as lost", n, next, delivered, lost)
			}
			delivered++
			next++
		}
	}
	if next != last+1 {
		k.Fatalf("P7: %d delivered and %d announced as lost reach up to number %d, but %d were emitted", delivered, lost, next-1, last)
	}
	return delivered, lost
}

// awaitPresent waits until the registry knows that a sender is connected.
func (k *kit) awaitPresent(reg *sig.Registry, name sig.Name) {
	k.Helper()
	k.awaitPresence(reg, name, true)
}

// awaitAbsent waits until it knows that it is not.
func (k *kit) awaitAbsent(reg *sig.Registry, name sig.Name) {
	k.Helper()
	k.awaitPresence(reg, name, false)
}

func (k *kit) awaitPresence(reg *sig.Registry, name sig.Name, want bool) {
	k.Helper()
	var changes journal[sig.PresenceChange]
	sub, err := reg.Watch(name, changes.add, nil)
	k.must(err, "watch")
	defer sub.Unsubscribe()
	changes.await(k, fmt.Sprintf("the presence of %s in %s to be %v", name, reg.Name(), want), func(all []sig.PresenceChange) bool {
		present, told := false, false
		for _, c := range all {
			switch c.Kind {
			case sig.Present, sig.Connected:
				present = true
			case sig.Disconnected:
				present = false
			case sig.SnapshotDone:
				told = true
			}
		}
		return told && present == want
	})
}
