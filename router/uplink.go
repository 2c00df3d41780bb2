package router

import (
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// uplink is a client's link: the peer of a bridge to a server.
type uplink struct{ *link }

// Asked implements [sig.Asking]: where the server is no longer to send a route, its
// numbering gets a hole that is no loss. It is in [uplink] alone because the registry
// has to look for it.
func (u uplink) Asked(rt *sig.Route, on bool) {
	l := u.link
	l.mu.Lock()
	defer l.mu.Unlock()
	ir := origin(rt)
	if ir == nil {
		put(&l.early, rt, wish{on: on})
		return
	}
	ir.wish.on = on
	if !on {
		ir.lapsed.Store(true)
	}
}

// InterestAdded asks a server for what somebody here, or behind another
// connection, subscribes to.
func (l *link) InterestAdded(p sig.Pattern, lossy bool) {
	if l.role != wire.RoleClient {
		return // a server asks by route: Wanted
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	was, asked := l.interest[p]
	put(&l.interest, p, lossy)
	if s := l.sess; s != nil && (!asked || s.features&wire.FeatureLossyInterest != 0) {
		l.askedLocked(true)
		delete(s.syncs.refused, p) // it may be granted now
		s.askLocked(p, toldAsk{asked, was})
	}
}

// InterestRemoved takes it back.
func (l *link) InterestRemoved(p sig.Pattern) {
	if l.role != wire.RoleClient {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.interest, p)
	if l.sess != nil {
		delete(l.sess.syncs.refused, p)
		l.sess.unaskLocked(p)
	}
}
