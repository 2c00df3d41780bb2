package router

import (
	"fmt"

	"github.com/gosig/gosig/sig"
)

// smallAnswer is the size up to which answers are queued without a look at how much
// waits: as many as may be under way fit. Of requests that are cancelled there is no
// such number.
const smallAnswer = 4 << 10

// claimedFrom is the size from which what is let in has its room kept until it is queued.
// Of what is smaller a reader gathers little.
const claimedFrom = handOver

// roomForAnswer is claimRoom for an answer.
func (s *session) roomForAnswer(payload []byte) error {
	if len(payload) <= smallAnswer {
		return nil
	}
	return s.claimRoom(sig.CodeLimit, len(payload))
}

// claimRoom says whether a request or an answer with a payload of n bytes may be
// queued for this peer, and keeps that room for it until freeRoom is called with the
// same size. What may not be dropped ends the connection if it becomes more than twice
// as much (boundLocked), and a peer must not lose it for what others ask it, or answer
// it, at once (P8).
func (s *session) claimRoom(code sig.Code, n int) error {
	l := s.link
	l.mu.Lock()
	bound, limit := l.limits.OutboundBytes, LimitOutbound
	if part, over := l.stats.reserve.part(); over && part < bound {
		bound, limit = part, LimitOutboundTotal
	}
	waits := s.out.bytes - s.out.plain + s.claimed // events make room
	fits := waits == 0 || waits+n <= bound
	if fits && n >= claimedFrom {
		s.claimed += n
	}
	l.mu.Unlock()
	if fits {
		return nil
	}
	s.hit(limit, "refused", n)
	return sig.NewError(code, fmt.Sprintf("%s: %d bytes wait already, there is no room for %d", limit, waits, n))
}

// freeRoom is for who has queued what claimRoom has let in, or will not.
func (s *session) freeRoom(n int) {
	if n < claimedFrom {
		return
	}
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	s.claimed -= n
}

// relayClaimed passes on a request or an answer with a payload of n bytes for which
// there is room. A large one is handed over at once, with all that stands before it.
func (s *session) relayClaimed(to *session, frame []byte, n int) {
	s.relay(to, frame)
	if n >= claimedFrom {
		s.gatherFor(to.link).handOver(segment{})
		to.freeRoom(n)
	}
}
