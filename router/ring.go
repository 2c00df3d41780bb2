package router

import (
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// reachable lists what is reached by the peer of a handshake: itself, and the
// routers behind it if it is a router.
func reachable(id wire.NodeID, name string, features wire.Features, behind []wire.Node) []wire.Node {
	self := wire.Node{ID: id, Name: name}
	if features&wire.FeatureNodes == 0 {
		self.Name = leafName
		return []wire.Node{self}
	}
	return append([]wire.Node{self}, behind...)
}

// routersOf leaves out leaves, of which nobody else is told.
func routersOf(peers []wire.Node) []wire.Node {
	var list []wire.Node
	for _, p := range peers {
		if p.Name != leafName {
			list = append(list, p)
		}
	}
	return list
}

// onNodes learns which routers are reached by the peer now. One that is reached
// another way as well closes a ring.
func (s *session) onNodes(e *wire.Nodes) error {
	l := s.link
	gone := l.node.forget(l, e.Removed)
	if err := l.node.admit(l, e.Added); err != nil {
		l.node.tell(l, nil, gone)
		l.log.Error("ring of routers; connection ended", "peer", s.describe(), "error", err)
		s.part(wire.Goodbye{Code: wire.CodeRing, Reason: bounded(sig.AsError(err).Text)}.Append(nil))
		s.fail(err)
		return nil
	}
	l.node.tell(l, e.Added, gone)
	return nil
}

// onGoodbye learns that the peer ends the connection, and why.
func (s *session) onGoodbye(e *wire.Goodbye) error {
	if e.Code == wire.CodeOK {
		s.fail(sig.NewError(sig.CodeClosed, "the peer said goodbye: "+e.Reason))
		return nil
	}
	s.fail(sig.NewError(sig.Code(e.Code), e.Reason))
	return nil
}
