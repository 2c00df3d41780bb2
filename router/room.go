package router

import (
	"fmt"

	"github.com/gosig/gosig/sig"
)

// smallAnswer is the size up to which answers are queued without a look at how much
// waits: as many as may be under way fit. Of requests that are cancelled there is no
// such number.
const smallAnswer = 4 << 10

// checkAnswer is checkRoom for an answer.
func (s *session) checkAnswer(payload []byte) error {
	if len(payload) <= smallAnswer {
		return nil
	}
	return s.checkRoom(sig.CodeLimit, len(payload))
}

// checkRoom says whether a request or an answer with a payload of n bytes may be
// queued for this peer. What may not be dropped ends the connection if it becomes
// more than twice as much (boundLocked), and a peer must not lose it for what others
// ask it, or answer it, at once (P8). What other readers have gathered for it and not
// yet handed over is in between.
func (s *session) checkRoom(code sig.Code, n int) error {
	l := s.link
	l.mu.Lock()
	bound, limit := l.limits.OutboundBytes, LimitOutbound
	if part, over := l.stats.reserve.part(); over && part < bound {
		bound, limit = part, LimitOutboundTotal
	}
	waits := s.out.bytes - s.out.plain // events make room
	l.mu.Unlock()
	if waits == 0 || waits+n <= bound {
		return nil
	}
	s.hit(limit, "refused", n)
	return sig.NewError(code, fmt.Sprintf("%s: %d bytes wait already, there is no room for %d", limit, waits, n))
}
