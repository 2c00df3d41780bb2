package router

import (
	"maps"
	"slices"

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

// Frames that name routers are measured: a HELLO and a WELCOME before the limits
// are agreed on, a NODES after. What does not fit into a handshake follows when
// the connection is open.
const (
	helloFrame   = 4 << 10  // the largest HELLO that a server takes in
	welcomeFrame = 64 << 10 // the largest answer to it that a client takes in
)

// fitting returns as many of the routers as fit into a frame of which so many
// bytes are taken, the empty list included.
func fitting(list []wire.Node, taken, frame int) []wire.Node {
	taken++ // the count may need a second byte
	for i, n := range list {
		if taken += nodeSize(n); taken > frame || i == wire.MaxList {
			return list[:i]
		}
	}
	return list
}

// nodeSize is the most that a node takes in a list.
func nodeSize(n wire.Node) int { return len(n.ID) + 2 + len(n.Name) }

// nodesLocked tells the peer which routers are reached by this one now, in as
// many frames as that needs.
func (s *session) nodesLocked(added []wire.Node, removed []wire.NodeID) {
	if s.features&wire.FeatureNodes == 0 {
		return
	}
	const head = 1 + 2 + 2
	for len(removed) > 0 { // first: what has moved is among both
		n := min(len(removed), wire.MaxList, (s.maxFrame-head)/len(wire.NodeID{}))
		s.controlLocked(wire.Nodes{Removed: removed[:n]}.Append(nil))
		removed = removed[n:]
	}
	for len(added) > 0 {
		some := fitting(added, head, s.maxFrame)
		s.controlLocked(wire.Nodes{Added: some}.Append(nil))
		added = added[len(some):]
	}
}

// catchUpLocked tells the peer what has changed since the handshake named the
// routers: nobody could tell it before the connection was open.
func (s *session) catchUpLocked() {
	if s.features&wire.FeatureNodes == 0 {
		return
	}
	told := make(map[wire.NodeID]bool, len(s.told))
	for _, n := range s.told {
		told[n.ID] = true
	}
	s.told = nil
	var added []wire.Node
	for _, n := range s.link.node.around(s.link) {
		if !told[n.ID] {
			added = append(added, n)
		}
		delete(told, n.ID)
	}
	s.nodesLocked(added, slices.Collect(maps.Keys(told)))
}

// onNodes learns which routers are reached by the peer now. One that is reached
// another way as well closes a ring.
func (s *session) onNodes(e *wire.Nodes) error {
	l := s.link
	if s.features&wire.FeatureNodes == 0 {
		return unless("nodes without the feature", sig.NewError(sig.CodeProtocol, "NODES although the feature nodes is not in force"))
	}
	err := l.node.change(l, e)
	if sig.CodeOf(err) == sig.CodeRing {
		l.log.Error("ring of routers; connection ended", "peer", s.describe(), "error", err)
		s.part(wire.Goodbye{Code: wire.CodeRing, Reason: bounded(sig.AsError(err).Text)}.Append(nil))
		s.fail(err)
		return nil
	}
	return err
}

// change takes in what is reached by l now, and tells the others.
func (n *node) change(l *link, e *wire.Nodes) error {
	n.telling.Lock()
	defer n.telling.Unlock()
	gone := n.forget(l, e.Removed)
	if err := n.admit(l, e.Added); err != nil {
		n.tellLocked(l, nil, gone)
		return err
	}
	n.tellLocked(l, e.Added, gone)
	return nil
}

// onGoodbye learns that the peer ends the connection, and why.
func (s *session) onGoodbye(e *wire.Goodbye) error {
	if e.Code == wire.CodeOK {
		if s.link.role == wire.RoleServer { // its names are free before it sees the connection end
			s.endSenders(sig.NewError(sig.CodeNotConnected, e.Reason), s.handlersNext)
		}
		s.fail(sig.NewError(sig.CodeClosed, "the peer said goodbye: "+e.Reason))
		return nil
	}
	s.fail(sig.NewError(sig.Code(e.Code), e.Reason))
	return nil
}
