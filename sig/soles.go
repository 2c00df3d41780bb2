package sig

import "sync/atomic"

// soles are the only handlers of those of a sender's events that have no more
// than one, and nothing else to do, by the number of the route: what
// [Sender.Emit] needs after it has found the number. They lie side by side and
// not each in its route, because somebody with 100,000 events pays for every
// cache line that emitting touches. A Value can hold a function without one more
// pointer on the way. The registry's lock guards changes.
type soles []atomic.Value

// at returns the only handler of a route, or nil.
func (s soles) at(i int) func(Event) {
	handler, _ := s[i].Load().(func(Event))
	return handler
}

func (s soles) set(i int, handler func(Event)) {
	if handler != nil || s.at(i) != nil {
		s[i].Store(handler)
	}
}
