package router

import "sync"

// restless are the links of a node that a barrier may have to wait for. A router
// has thousands of connections and a barrier for each new one: it looks at these
// only.
type restless struct {
	mu    sync.Mutex
	links map[*link]struct{}
}

func (r *restless) add(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.links == nil {
		r.links = make(map[*link]struct{})
	}
	r.links[l] = struct{}{}
}

func (r *restless) remove(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.links, l)
}

func (r *restless) list() []*link {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*link, 0, len(r.links))
	for l := range r.links {
		list = append(list, l)
	}
	return list
}

// askedLocked notes that the peer has been asked for events, if so: the next
// barrier has to reach it.
func (l *link) askedLocked(so bool) {
	if so && !l.unsynced {
		l.unsynced = true
		l.node.restless.add(l)
	}
}

// rests reports whether no barrier has to wait for the link. Then it is restless
// no more: whoever makes it so again holds one of the locks taken here.
func (l *link) rests() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, _ := l.connectionLocked()
	if s == nil {
		return false // until it is removed or has a connection
	}
	if s.outstandingLocked() != nil {
		return false
	}
	s.begins.mu.Lock()
	defer s.begins.mu.Unlock()
	if s.begins.unsettledLocked() {
		return false
	}
	l.node.restless.remove(l)
	return true
}

// unsettledLocked reports whether somebody has yet to be told where a route
// stands.
func (b *begins) unsettledLocked() bool { return len(b.waiting) > 0 || b.telling }
