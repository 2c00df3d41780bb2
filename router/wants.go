package router

import "github.com/gosig/gosig/wire"

// saidWants are the WANTs that wait to be written to a client, by their routes. Who
// subscribes and unsubscribes all the time, or says now this and now that of whether
// it accepts loss, must not fill the buffer of those whose events it is about: of
// what changes while a WANT of the route waits, only what is so in the end is told,
// and not before the one that waits has been taken to be written.
//
//	said:    [WANT on] . . . . . . . . taken  [WANT off] [WANT on]
//	wished:        off  on  off  on          |
//
// A barrier says that everything is in force, and so what is not told yet goes out
// before it. The link's lock guards it.
type saidWants map[*inRoute]saidWant

// saidWant is what the one that waits says.
type saidWant struct {
	mark  uint64 // as much must have been taken from the queue until it has been
	on    bool
	lossy bool
	turn  uint32
	again bool // something else holds by now
}

// wantLocked tells a client what is wanted of one of its routes.
func (s *session) wantLocked(ir *inRoute) {
	if w, waits := s.said[ir]; waits && w.mark > s.out.taken {
		w.again = true
		s.said[ir] = w
		return
	}
	s.sayWantLocked(ir)
}

func (s *session) sayWantLocked(ir *inRoute) {
	now := saidWant{on: ir.wish.on, lossy: ir.wish.lossy && s.features&wire.FeatureLossyInterest != 0, turn: ir.turn}
	s.controlLocked(wire.Want{Route: ir.number, On: now.on, Lossy: now.lossy, Turn: now.turn}.Append(nil))
	now.mark = s.out.taken + uint64(s.out.bytes)
	if s.said == nil {
		s.said = make(saidWants)
	}
	s.said[ir] = now
}

// sayAgainLocked says what holds by now in the place of what was said before. Interest
// that has ended meanwhile and begun again is told as both: the client counts anew
// then (protocol.md §7.3).
func (s *session) sayAgainLocked(ir *inRoute) {
	before := s.said[ir]
	delete(s.said, ir)
	if ir.ended.Load() { // its number may be another's by now
		return
	}
	if before.on && ir.wish.on && before.turn != ir.turn {
		s.controlLocked(wire.Want{Route: ir.number}.Append(nil))
	}
	s.sayWantLocked(ir)
}

// wantsTakenLocked says what has changed of those that have been taken by now.
func (s *session) wantsTakenLocked() {
	if len(s.said) == 0 {
		return
	}
	all := s.out.empty()
	var again []*inRoute
	for ir, w := range s.said {
		switch {
		case w.mark > s.out.taken && !all:
		case w.again:
			again = append(again, ir)
		default:
			delete(s.said, ir)
		}
	}
	for _, ir := range again {
		s.sayAgainLocked(ir)
	}
	if len(s.said) == 0 {
		s.said = nil // it may have been large
	}
}

// sayWantsLocked says everything that is not told yet.
func (s *session) sayWantsLocked() {
	for ir, w := range s.said {
		if w.again {
			s.sayAgainLocked(ir) // it is not to be said again then
		}
	}
}
