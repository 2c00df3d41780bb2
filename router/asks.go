package router

import (
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// saidAsks are the SUBSCRIBEs that wait to be written to a server, and what is not to
// be queued behind them. Who subscribes and unsubscribes all the time, to this and to
// that, must not fill the buffer of a connection that all others behind it share: while
// much waits, a pattern that is new is put off, and forgotten if it is taken back before
// it has been told. What the server has been told is taken back at once: that is never
// more than it was told.
//
//	SUBSCRIBE a . . . SUBSCRIBE k   taken   SUBSCRIBE m
//	        much waits:  l  m  not l  |
//
// A barrier says that everything is in force, and so what was put off goes out before
// it. Of a subscription that is not in force yet nothing is promised. The link's lock
// guards it.
type saidAsks struct {
	mark  uint64 // as much must have been taken from the queue until the latest has been
	bytes int    // of those that wait, about
	later map[sig.Pattern]toldAsk
}

// toldAsk is what the server has been told of a pattern that was put off.
type toldAsk struct{ on, lossy bool }

// asksMost is how many bytes of SUBSCRIBEs wait until others are put off.
const asksMost = 4 << 10

// askLocked asks the server for a pattern, of which it has been told something, or
// puts that off.
func (s *session) askLocked(p sig.Pattern, told toldAsk) {
	a := &s.asked
	_, off := a.later[p]
	s.asksTakenLocked()
	if off {
		return // it is said by then what holds
	}
	if a.bytes < asksMost {
		s.subscribeLocked(p, s.link.interest[p])
		return
	}
	put(&a.later, p, told)
}

// unaskLocked takes a pattern back.
func (s *session) unaskLocked(p sig.Pattern) {
	if told, off := s.asked.later[p]; off {
		delete(s.asked.later, p)
		if !told.on {
			return
		}
	}
	s.controlLocked(wire.Unsubscribe{Sender: string(p.Sender), Event: string(p.Event)}.Append(nil))
}

// subscribeLocked asks the server for a pattern, or says anew whether it may lose
// some of it.
func (s *session) subscribeLocked(p sig.Pattern, lossy bool) {
	s.controlLocked(wire.Subscribe{
		Sender: string(p.Sender), Event: string(p.Event), Lossy: lossy && s.features&wire.FeatureLossyInterest != 0,
	}.Append(nil))
	s.asked.bytes += 16 + len(p.Sender) + len(p.Event)
	s.asked.mark = s.out.taken + uint64(s.out.bytes)
}

// asksTakenLocked asks for what was put off once nothing waits any more.
func (s *session) asksTakenLocked() {
	a := &s.asked
	if a.bytes > 0 && (a.mark <= s.out.taken || s.out.empty()) {
		a.bytes = 0
		s.sayAsksLocked()
	}
}

// sayAsksLocked asks for everything that was put off.
func (s *session) sayAsksLocked() {
	later := s.asked.later
	s.asked.later = nil
	for p, told := range later {
		if lossy := s.link.interest[p]; !told.on || told.lossy != lossy {
			s.subscribeLocked(p, lossy)
		}
	}
}
