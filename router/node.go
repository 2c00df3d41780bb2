package router

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// node is what all routers of one registry share: the numbers of its senders,
// its connections, and which routers lie behind which of them.
type node struct {
	reg   *sig.Registry
	id    wire.NodeID
	group tasks // short ones that must not run under the registry's lock
	users int   // routers that hold this node; nodes guards it

	// retired counts the senders that have left, once for each connection that
	// announced them, before its peer is told.
	retired atomic.Uint64

	// telling puts the announcements of routers in the order of the changes. It
	// is taken before any other lock.
	telling sync.Mutex

	mu      sync.Mutex
	name    string
	serves  bool // has a ServerRouter: others may lie behind it
	links   map[*link]struct{}
	senders map[*sig.Sender]*senderInfo
	numbers numberPool // of senders
	routes  numberPool // of routes
	reach   map[wire.NodeID]reached
	behinds map[*link][]wire.NodeID // those of reach that are by each
	gaps    gapMemory

	restless restless
	spare    sync.Pool // of requests under way, see newAsked
	served   sync.Pool // of those that are answered here, see newServed

	policy atomic.Pointer[policy] // that uplinks fall under; nil: none
}

// nodes finds the node of a registry while a router holds it.
var nodes struct {
	sync.Mutex
	byRegistry map[*sig.Registry]*node
}

// joinNode returns the registry's node; leave gives it back.
func joinNode(reg *sig.Registry, name string, serves bool, limits Limits) *node {
	nodes.Lock()
	defer nodes.Unlock()
	n := nodes.byRegistry[reg]
	if n == nil {
		n = &node{
			reg: reg, id: wire.NodeID(reg.ID()),
			links: make(map[*link]struct{}), senders: make(map[*sig.Sender]*senderInfo),
			reach: make(map[wire.NodeID]reached), behinds: make(map[*link][]wire.NodeID), gaps: gapMemory{bound: limits.GapMemory},
			routes: numberPool{next: firstRoute(limits.RoutesPerPeer)},
		}
		if nodes.byRegistry == nil {
			nodes.byRegistry = make(map[*sig.Registry]*node)
		}
		nodes.byRegistry[reg] = n
	}
	n.users++
	n.mu.Lock()
	if name != "" || n.name == "" {
		n.name = nodeName(name, reg)
	}
	n.routes.limit(limits.RoutesPerPeer)
	became := serves && !n.serves
	n.serves = n.serves || serves
	n.mu.Unlock()
	if became {
		n.reintroduce()
	}
	return n
}

// reintroduce has connections made anew that were opened when nobody could lie
// behind this node: their peers have to know now, or a ring would go unnoticed.
func (n *node) reintroduce() {
	for _, l := range n.others(nil) {
		if s := l.current.Load(); s != nil {
			s.reintroduce()
		}
	}
}

// reintroduce ends a client's session whose HELLO has become out of date.
func (s *session) reintroduce() {
	if s.link.role == wire.RoleClient && s.offered&wire.FeatureNodes == 0 {
		s.fail(sig.NewError(sig.CodeConnectionLost, "this registry has become a router; connecting again to say so"))
	}
}

// isServer reports whether others may lie behind this node.
func (n *node) isServer() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.serves
}

func nodeName(name string, reg *sig.Registry) string {
	if name != "" {
		return name
	}
	return reg.Name()
}

func (n *node) leave() {
	n.group.Wait()
	nodes.Lock()
	defer nodes.Unlock()
	if n.users--; n.users == 0 {
		delete(nodes.byRegistry, n.reg)
	}
}

// senderInfo holds the numbers that a sender and its routes have on every
// connection on which this node announces it. They are the same on all, so that
// a forwarded event is encoded once for any number of peers.
type senderInfo struct {
	number     uint32
	base       uint32 // of the first route
	count      int
	refs       atomic.Int32 // none is new, and the last is not given back, without the node's lock
	numberless bool         // there were no numbers left for its routes: it cannot be announced
}

// noNumber is where the numbers of routes begin that no peer is told of.
const noNumber = 1 << 31

// routeInfo is what the router keeps at a sig.Route.
type routeInfo struct {
	in atomic.Pointer[inRoute] // where its events come from; nil: a sender of this process
}

// hold returns the numbers of a sender, assigning them on first use. release
// gives them back.
func (n *node) hold(s *sig.Sender) *senderInfo {
	n.mu.Lock()
	defer n.mu.Unlock()
	info := n.senders[s]
	if info == nil {
		routes := s.Routes()
		info = &senderInfo{count: len(routes)}
		info.number, _ = n.numbers.get(1)
		base, ok := n.routes.get(len(routes))
		if info.base = base; !ok {
			info.base, info.numberless = noNumber, true
		}
		n.senders[s] = info
		for _, rt := range routes {
			rt.SetUser(new(routeInfo))
		}
	}
	info.refs.Add(1)
	return info
}

func (n *node) release(s *sig.Sender) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if info := n.senders[s]; info != nil {
		n.releaseLocked(s, info)
	}
}

// releaseOf is release for who has the numbers. Of a sender that ends, thousands of
// connections give theirs back: all but the last do so without the lock.
func (n *node) releaseOf(s *sig.Sender, info *senderInfo) {
	for refs := info.refs.Load(); refs > 1; refs = info.refs.Load() {
		if info.refs.CompareAndSwap(refs, refs-1) {
			return
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.releaseLocked(s, info)
}

func (n *node) releaseLocked(s *sig.Sender, info *senderInfo) {
	if info.refs.Add(-1) > 0 {
		return
	}
	delete(n.senders, s)
	n.numbers.put(info.number, 1)
	if !info.numberless {
		n.routes.put(info.base, info.count)
	}
}

// reached says by which connection another router is reached.
type reached struct {
	link *link
	name string
	at   int // where it is in the list of those
}

// around lists the routers reached by other connections than l, for a HELLO, a
// WELCOME or a NODES.
func (n *node) around(l *link) []wire.Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []wire.Node
	for id, r := range n.reach {
		if r.link != l && r.name != leafName {
			list = append(list, wire.Node{ID: id, Name: r.name})
		}
	}
	return list
}

// leafName marks a peer that has nobody behind it: known here so that it cannot
// connect twice, told to nobody.
const leafName = "\x00"

// admit records that the given routers are reached by l. It refuses when one of
// them is this node, or is reached by another connection already: events would
// run in a ring or arrive twice (P12). It refuses as well when they are too many.
func (n *node) admit(l *link, peers []wire.Node) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	fresh := make(map[wire.NodeID]struct{})
	for _, p := range peers {
		if p.ID == n.id {
			return sig.NewError(sig.CodeRing, fmt.Sprintf("this connection leads back to %s itself; remove one of the connections between them", describe(n.name, n.id)))
		}
		r, ok := n.reach[p.ID]
		if ok && r.link != l && enforced("ring") {
			return sig.NewError(sig.CodeRing, fmt.Sprintf("%s already reaches %s by %s; remove one of the two connections",
				describe(n.name, n.id), describe(p.Name, p.ID), r.link.describe()))
		}
		if !ok {
			fresh[p.ID] = struct{}{}
		}
	}
	if limit := l.limits.Nodes; len(n.behinds[l])+len(fresh) > limit {
		l.stats.hit(l.log, LimitNodes, "peer", l.describe())
		return unless("nodes", sig.NewError(sig.CodeLimit, fmt.Sprintf("Nodes: one connection may lead to %d routers", limit)))
	}
	for _, p := range peers {
		r := n.reach[p.ID]
		if r.link != l {
			r.at = len(n.behinds[l])
			n.behinds[l] = append(n.behinds[l], p.ID)
		}
		n.reach[p.ID] = reached{l, p.Name, r.at}
	}
	return nil
}

func describe(name string, id wire.NodeID) string {
	if name == leafName || name == "" {
		return fmt.Sprintf("node %.4x", id[:])
	}
	return fmt.Sprintf("node %q (%.4x)", name, id[:])
}

// forget drops what was reached by l and returns it.
func (n *node) forget(l *link, ids []wire.NodeID) (gone []wire.NodeID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range ids {
		if r, ok := n.reach[id]; ok && r.link == l {
			n.unlist(l, r.at)
			delete(n.reach, id)
			if r.name != leafName {
				gone = append(gone, id)
			}
		}
	}
	return gone
}

// unlist takes one of those that are reached by l out of their list. The last takes its
// place, so that it costs the same however many there are.
func (n *node) unlist(l *link, at int) {
	by := n.behinds[l]
	last := by[len(by)-1]
	by[at] = last
	r := n.reach[last]
	r.at = at
	n.reach[last] = r
	if n.behinds[l] = by[:len(by)-1]; len(by) == 1 {
		delete(n.behinds, l)
	}
}

// behind lists the routers reached by l.
func (n *node) behind(l *link) (ids []wire.NodeID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.behinds[l])
}

// tell announces to all other connections what is reached by l now.
func (n *node) tell(l *link, added []wire.Node) {
	n.telling.Lock()
	defer n.telling.Unlock()
	n.tellLocked(l, added, nil)
}

// depart forgets all that was reached by l, and tells the others.
func (n *node) depart(l *link) {
	n.telling.Lock()
	defer n.telling.Unlock()
	n.tellLocked(l, nil, n.forget(l, n.behind(l)))
}

func (n *node) tellLocked(l *link, added []wire.Node, removed []wire.NodeID) {
	if len(added) == 0 && len(removed) == 0 {
		return
	}
	for _, other := range n.others(l) {
		other.mu.Lock()
		if other.sess != nil {
			other.sess.nodesLocked(added, removed)
		}
		other.mu.Unlock()
	}
}

// others returns the links of this node except one.
func (n *node) others(except *link) []*link {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]*link, 0, len(n.links))
	for l := range n.links {
		if l != except {
			list = append(list, l)
		}
	}
	return list
}

func (n *node) addLink(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[l] = struct{}{}
}

func (n *node) removeLink(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.links, l)
	n.restless.remove(l)
}
