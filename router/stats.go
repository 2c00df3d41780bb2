package router

import (
	"sync/atomic"

	"github.com/gosig/gosig/sig"
)

// counters are what a router counts. They are only ever added to.
type counters struct {
	accepted, violations, panics atomic.Uint64
	handshakesFailed             atomic.Uint64
	authFailures, denials        atomic.Uint64
	auditDropped                 atomic.Uint64
	lostByReason                 [lossReasons]atomic.Uint64
	reserve                      reserve
	requestTimes, writeTimes     histogram
	limitHits                    [limitCount]atomic.Uint64
	seldom                       [limitCount]seldom // what is logged of them
	refusals                     seldom             // and of senders and patterns that are refused
}

// lossReasons is one more than the highest reason that is counted by itself;
// later ones count as 0.
const lossReasons = int(sig.LossDatagram) + 1

const lossSlowPeer = uint8(sig.LossSlowPeer)

func (c *counters) lost(reason sig.LossReason, n uint64) {
	if int(reason) >= lossReasons {
		reason = 0
	}
	c.lostByReason[reason].Add(n)
}

// Stats are a router's counts since it was made.
type Stats struct {
	// Usage is what all peers together have used, those that are gone included,
	// and what waits now.
	Usage
	Open             map[string]int            // connections by the scheme of their listener's address
	Opening          int                       // connections still in their handshake
	MostOutbound     int                       // the most bytes that wait for one peer
	Connections      uint64                    // connections that were opened
	HandshakesFailed uint64                    // connections that never were
	Violations       uint64                    // connections ended for what the peer sent
	AuthFailures     uint64                    // connections refused for want of a proof who they are
	Denials          uint64                    // things that a rule, or none, has forbidden
	AuditDropped     uint64                    // audit records for which there was no room
	LimitHits        uint64                    // how often a limit was reached
	Limits           map[Limit]uint64          // the same, for each limit that was
	Panics           uint64                    // of the router itself: always 0, or a bug
	Lost             map[sig.LossReason]uint64 // events announced as lost
	// RequestTimes is how long requests took that were passed on, from their
	// arrival to their answer's; WriteTimes how long writes to peers took.
	RequestTimes, WriteTimes Histogram
}

func (c *counters) snapshot() Stats {
	s := Stats{
		Connections: c.accepted.Load(), HandshakesFailed: c.handshakesFailed.Load(),
		Violations: c.violations.Load(), Panics: c.panics.Load(),
		AuthFailures: c.authFailures.Load(), Denials: c.denials.Load(), AuditDropped: c.auditDropped.Load(),
		RequestTimes: c.requestTimes.snapshot(), WriteTimes: c.writeTimes.snapshot(),
		Lost: make(map[sig.LossReason]uint64), Open: make(map[string]int), Limits: make(map[Limit]uint64),
	}
	for reason := range c.lostByReason {
		if n := c.lostByReason[reason].Load(); n > 0 {
			s.Lost[sig.LossReason(reason)] = n
		}
	}
	for limit := range c.limitHits {
		if n := c.limitHits[limit].Load(); n > 0 {
			s.Limits[Limit(limit)] = n
			s.LimitHits += n
		}
	}
	return s
}
