package router

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// reviewSenders ends what peers may no longer be, and takes in senders of servers that
// may be here again. Each that ends has to be told to all peers: that is done for all
// of them together.
func reviewSenders(reg *sig.Registry, links []*link) {
	var mu sync.Mutex
	var ends []ending
	var again []returning
	var busy []*session
	defer func() {
		for _, s := range busy {
			s.revoking.Done()
		}
	}()
	forEach(links, func(l *link) {
		if s := l.session(); s != nil {
			end, back := s.reviewSenders()
			mu.Lock()
			defer mu.Unlock()
			ends, again = append(ends, end...), append(again, back...)
			if len(end) > 0 {
				busy = append(busy, s)
			}
		}
	})
	evictions := make([]sig.Eviction, len(ends))
	for i, e := range ends {
		evictions[i] = sig.Eviction{Sender: e.sender, Err: errPolicy}
	}
	for i, notice := range reg.EvictAll(evictions) {
		e := ends[i]
		e.of.evicted(e.ps, e.of.released(e.sender, notice), e.told)
	}
	for _, b := range again {
		b.of.register(b.ps, b.of.link.inbound.task)
	}
}

// ending is a sender that a policy ends, and what its owner is told.
type ending struct {
	of     *session
	ps     *peerSender
	sender *sig.Sender
	told   *sig.Error
}

// returning is one that a policy had kept out.
type returning struct {
	of *session
	ps *peerSender
}

// errPolicy is what others are told of a sender that a policy has ended: the rule
// is nobody's business but its owner's.
var errPolicy = sig.NewError(sig.CodeDenied, "the policy has changed")

// revoked tells the audit that something has ended.
func (s *session) revoked(a *access, d acl.Decision) *sig.Error {
	err := sig.AsError(d.Err())
	if log := s.link.log; log.Enabled(context.Background(), slog.LevelInfo) { // a description is put together
		log.Info("revoked", "peer", s.describe(), "error", err)
	}
	a.policy.audit.tell(s.record(AuditRecord{Kind: AuditRevoked, Decision: d, Reason: err.Text}))
	return err
}

// reviewSenders takes the senders that the peer may not have out of its hands: what
// still comes of them is not taken in. again are those of a server that were kept out.
func (s *session) reviewSenders() (end []ending, again []returning) {
	l := s.link
	a := l.access.Load()
	s.peers.Lock()
	defer s.peers.Unlock()
	if s.over {
		return nil, nil
	}
	for ps := range s.denied {
		delete(s.denied, ps)
		again = append(again, returning{s, ps})
	}
	l.mu.Lock()
	owned := slices.Collect(maps.Values(s.bySender))
	l.mu.Unlock()
	for _, ps := range owned {
		c, sender := ps.claim(), ps.sender
		d := a.mayConnect(c.name, c.events, c.methods, c.fallback)
		if sender == nil || d.Allowed || !enforced("revoked senders") {
			continue
		}
		ps.end()
		end = append(end, ending{s, ps, sender, s.revoked(a, d)})
		if l.role == wire.RoleClient {
			put(&s.denied, ps, struct{}{})
		}
	}
	if len(end) > 0 {
		s.revoking.Add(1)
	}
	return end, again
}

func (ps *peerSender) claim() connectClaim {
	e := &ps.connect
	return connectClaim{sig.Name(e.Name), e.Events, e.Requests, e.Default}
}
