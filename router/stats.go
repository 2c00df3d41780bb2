package router

import (
	"sync/atomic"

	"github.com/gosig/gosig/sig"
)

// counters are what a router counts. They are only ever added to.
type counters struct {
	eventsIn, bytesIn, bytesOut  atomic.Uint64
	accepted, violations, panics atomic.Uint64
	handshakesFailed             atomic.Uint64
	authFailures, denials        atomic.Uint64
	auditDropped                 atomic.Uint64
	lostByReason                 [lossReasons]atomic.Uint64
	reserve                      reserve
	limitHits                    [limitCount]atomic.Uint64
	seldom                       [limitCount]seldom // what is logged of them
	refusals                     seldom             // and of senders and patterns that are refused
}

// lossReasons is one more than the highest reason that is counted by itself;
// later ones count as 0.
const lossReasons = 8

const lossSlowPeer = uint8(sig.LossSlowPeer)

func (c *counters) lost(reason sig.LossReason, n uint64) {
	if int(reason) >= lossReasons {
		reason = 0
	}
	c.lostByReason[reason].Add(n)
}

// Stats are a router's counts since it was made.
type Stats struct {
	EventsIn         uint64                    // events received from peers
	BytesIn          uint64                    // bytes of whole frames received
	BytesOut         uint64                    // bytes written
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
}

func (c *counters) snapshot() Stats {
	s := Stats{
		EventsIn: c.eventsIn.Load(), BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
		Connections: c.accepted.Load(), HandshakesFailed: c.handshakesFailed.Load(),
		Violations: c.violations.Load(), Panics: c.panics.Load(),
		AuthFailures: c.authFailures.Load(), Denials: c.denials.Load(), AuditDropped: c.auditDropped.Load(),
		Lost: make(map[sig.LossReason]uint64), Limits: make(map[Limit]uint64),
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
