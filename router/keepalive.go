package router

import (
	"fmt"
	"time"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// keepalive looks at a connection a few times in each Keepalive: it pings a
// peer that has been silent, gives up one that stays silent for Dead, and one
// that does not take what is written to it. A timer does it, so that an idle
// connection costs one goroutine, its reader.
type keepalive struct {
	sess  *session
	after time.Duration // the silence before a ping: the smaller of both sides', within reason
	every time.Duration
	timer *time.Timer
	quiet time.Duration // silence so far
	nonce uint64
}

// leastKeepalive is the shortest that a peer can ask for: it costs both sides.
const leastKeepalive = time.Second

// startKeepalive begins to watch; the session's end stops it.
func (s *session) startKeepalive() {
	lim := s.link.limits
	after := time.Duration(s.peerLimits.KeepaliveMS) * time.Millisecond
	after = max(after, min(leastKeepalive, lim.Keepalive))
	k := &keepalive{sess: s, after: after, every: min(after/3, lim.WriteTimeout/2, lim.Dead/4)}
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	k.timer = time.AfterFunc(k.every, k.look)
	s.watch = k
}

// stop ends the watch. A look under way finds the session ended.
func (k *keepalive) stop() { k.timer.Stop() }

func (k *keepalive) look() {
	s := k.sess
	defer s.contain()
	lim := s.link.limits
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	if s.link.sess != s && s.link.leaving != s {
		return
	}
	if ends := s.writeEnds.Load(); ends != 0 && time.Now().UnixNano() > ends {
		s.hit(LimitWrite)
		s.fail(sig.NewError(sig.CodeConnectionLost, fmt.Sprintf("the peer has stopped reading: a write took longer than WriteTimeout (%v)", lim.WriteTimeout)))
		return
	}
	s.workers.retire()
	if s.heard.Swap(false) {
		k.quiet = 0
	} else {
		k.quiet += k.every
	}
	switch {
	case k.quiet >= lim.Dead:
		s.hit(LimitDead)
		s.fail(sig.NewError(sig.CodeConnectionLost, fmt.Sprintf("the peer has been silent for %v and has not answered a ping", lim.Dead)))
		return
	case k.quiet >= k.after && k.quiet%k.after < k.every:
		k.nonce++
		// What waits may take a slow line longer than Dead.
		s.out.first(wire.Ping{Nonce: k.nonce}.Append(nil))
		s.kickLocked()
	}
	k.timer.Reset(k.every)
}

// onPing answers at once; the reader does it, so that a slow handler does not
// make a peer look dead.
func (s *session) onPing(e *wire.Ping) error {
	s.link.send(s, wire.Pong{Nonce: e.Nonce}.Append(nil))
	return nil
}
