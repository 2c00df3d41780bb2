package sig

import (
	"reflect"
	"slices"
	"strings"
)

// Presence says who is connected, with what it emits and answers. It is the
// payload of #connect and #disconnect (P5).
type Presence struct {
	Sender   Name
	Events   []Name
	Requests []Name
	Default  bool   // it answers every other method as well
	Reason   string // why it left; only of #disconnect
	Epoch    uint64 // which life of the name
	Remote   bool   // it lives in another process
}

// Presence describes the sender.
func (s *Sender) Presence() Presence {
	return Presence{
		Sender: s.slot.name, Events: s.events(), Requests: s.methods(),
		Default: s.anything, Epoch: s.epoch, Remote: s.bridge != nil,
	}
}

// Hidden reports whether nobody here is to know that the sender is connected: the
// other process may hear it or ask it, and not more.
func (s *Sender) Hidden() bool { return s.hidden }

// Senders lists who is connected, sorted by name.
func (r *Registry) Senders() []Presence {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.present(Any)
}

// present is Senders for those that match, with the lock held.
func (r *Registry) present(pattern Name) []Presence {
	var all []Presence
	for name, sl := range r.slots {
		if sl.current != nil && !sl.current.hidden && MatchName(pattern, name) {
			all = append(all, sl.current.Presence())
		}
	}
	slices.SortFunc(all, func(a, b Presence) int { return strings.Compare(string(a.Sender), string(b.Sender)) })
	return all
}

// presenceEvent makes the delivery of a #connect or #disconnect. Who gets it is
// fixed now, with the lock held, together with the change itself: a watch that
// begins later sees the change in its snapshot.
func (r *Registry) presenceEvent(s *Sender, event Name, reason string) func() {
	var subs []*Subscription
	if !s.hidden {
		subs = r.listeners(s.slot.name, event, reflect.TypeFor[Presence]())
	}
	if len(subs) == 0 {
		return func() {}
	}
	p := s.Presence()
	p.Reason = reason
	return func() {
		for _, sub := range subs {
			sub.take(Event{p.Sender, event, p})
		}
	}
}
