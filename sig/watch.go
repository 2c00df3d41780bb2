package sig

import (
	"errors"
	"fmt"
	"sync"
)

// PresenceChange is what [Registry.Watch] tells.
type PresenceChange struct {
	Kind PresenceKind
	Presence
}

// PresenceKind says what a PresenceChange means.
type PresenceKind uint8

// The kinds. A watch begins with a Present for each sender that is connected
// and one SnapshotDone, which names no sender; then come the changes.
const (
	Present PresenceKind = iota + 1
	SnapshotDone
	Connected
	Disconnected
)

// String says the kind in a word.
func (k PresenceKind) String() string {
	switch k {
	case Present:
		return "present"
	case SnapshotDone:
		return "snapshot done"
	case Connected:
		return "connected"
	case Disconnected:
		return "disconnected"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Watch tells h who of the matching senders is connected, and then who comes
// and goes, with no gap and no duplicate between (P5). Inline, the snapshot has
// been told when Watch returns; a change that happens meanwhile is told after
// it. With a queue the snapshot may exceed the queue's bound.
func (r *Registry) Watch(sender Name, h func(PresenceChange), opts *SubscribeOptions) (*Subscription, error) {
	if h == nil {
		return nil, fmt.Errorf("watch %s: no handler", sender)
	}
	opts, err := lossless(opts)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", sender, err)
	}
	w := &watch{handler: h, ready: opts != nil && opts.Queue > 0}
	s := newSubscriber(r, Pattern{sender, EventConnect}, w.handle, opts)
	s.convert = presenceChange
	if err := s.sub.pattern.Validate(); err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, NewError(CodeClosed, "the registry")
	}
	r.enroll(s.sub, s.start(), opts)
	r.addMember(&s.sub.members[0], s.sub.pattern)
	r.addMember(&s.sub.members[1], Pattern{sender, EventDisconnect})
	snapshot := r.present(sender)
	if s.queue != nil {
		s.queue.fill(snapshotEvents(snapshot))
	}
	r.mu.Unlock()
	if s.queue == nil {
		w.begin(s, snapshotEvents(snapshot))
	}
	return s.sub, nil
}

// lossless are the options with a policy that drops nothing.
func lossless(opts *SubscribeOptions) (*SubscribeOptions, error) {
	if opts == nil || opts.Queue <= 0 {
		return opts, nil
	}
	switch opts.Policy {
	case DropOldest: // what the zero value says elsewhere
		o := *opts
		o.Policy = Disconnect
		return &o, nil
	case Block, Disconnect:
		return opts, nil
	}
	return nil, errors.New("a queue that drops changes would make what is watched wrong; use the policy Disconnect or Block")
}

// watch keeps changes back until the snapshot has been told.
type watch struct {
	handler func(PresenceChange)

	mu    sync.Mutex
	ready bool
	kept  []EventOf[PresenceChange]
}

// begin tells the snapshot, then what has changed meanwhile, until nothing has.
func (w *watch) begin(s *subscriber[PresenceChange], events []EventOf[PresenceChange]) {
	for len(events) > 0 {
		for _, ev := range events {
			if !s.sub.ended.Load() {
				s.sub.guard(ev.Sender, ev.Name, func() { w.handler(ev.Data) })
			}
		}
		w.mu.Lock()
		events, w.kept = w.kept, nil
		w.ready = len(events) == 0
		w.mu.Unlock()
	}
}

func (w *watch) handle(ev EventOf[PresenceChange]) {
	w.mu.Lock()
	if !w.ready {
		w.kept = append(w.kept, ev)
		w.mu.Unlock()
		return
	}
	w.mu.Unlock()
	w.handler(ev.Data)
}

// presenceChange is how a watch reads a #connect or #disconnect.
func presenceChange(ev Event) (PresenceChange, error) {
	p, ok := ev.Data.(Presence)
	if !ok {
		return PresenceChange{}, NewError(CodeTypeMismatch, fmt.Sprintf("%s carries a %T", ev.Name, ev.Data))
	}
	if ev.Name == EventConnect {
		return PresenceChange{Connected, p}, nil
	}
	return PresenceChange{Disconnected, p}, nil
}

func snapshotEvents(snapshot []Presence) []EventOf[PresenceChange] {
	var events []EventOf[PresenceChange]
	for _, p := range snapshot {
		events = append(events, EventOf[PresenceChange]{p.Sender, EventConnect, PresenceChange{Present, p}})
	}
	return append(events, EventOf[PresenceChange]{Name: EventConnect, Data: PresenceChange{Kind: SnapshotDone}})
}

// fill puts events in beyond the bound.
func (q *queue[T]) fill(events []EventOf[T]) {
	q.mu.Lock()
	q.bound += len(events)
	for _, ev := range events {
		q.arrived++
		q.append(ev, true)
	}
	q.unlockAndWake()
}
