package router

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// supersede ends the older connection of a client that proves by its token that
// it is the same one, and is the same principal, before its senders are announced
// again (P9).
func (r *ServerRouter) supersede(ctx context.Context, hello *wire.Hello, who acl.Principal) {
	if hello.Token == (wire.Token{}) {
		return
	}
	r.mu.Lock()
	old := r.tokens[hello.Token]
	sc := r.links[old]
	r.mu.Unlock()
	if old == nil || sc == nil {
		return
	}
	if s := old.current.Load(); s != nil && s.peerID == hello.ID && mayReplace(s.principal, who) {
		s.fail(sig.NewError(sig.CodeConnectionLost, "the client has connected again"))
		select {
		case <-sc.ended:
		case <-ctx.Done():
		}
	}
}

// mayReplace reports whether a client that shows the token of a connection may end
// it: it is the same principal, or nobody has ever known who it is.
func mayReplace(old, who acl.Principal) bool {
	return samePrincipal(old, who) || old.Anonymous() && who.Anonymous()
}

// addConn counts a connection against the limits.
func (r *ServerRouter) addConn(l *link, sc *serverConn) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	lim, id := l.limits, sc.info.Principal.ID
	var limit Limit
	var reached string
	key := cmp.Or(id, sc.ip)
	switch {
	case r.closed:
		return sig.NewError(sig.CodeClosed, "the router is shutting down")
	case len(r.links) >= r.limits.Connections:
		limit, reached = LimitConnections, fmt.Sprintf("Connections: %d are open", r.limits.Connections)
	case sc.from.open >= lim.Connections:
		limit, reached = LimitConnections, fmt.Sprintf("Connections: %d of this listener are open", lim.Connections)
	case id != "" && r.perID[id] >= lim.ConnectionsPerID && enforced("connections of an identity"):
		limit, reached = LimitConnectionsPerIdentity, fmt.Sprintf("ConnectionsPerID: %d of %q are open", lim.ConnectionsPerID, id)
	case sc.ip != "" && r.perIP[sc.ip] >= lim.ConnectionsPerIP:
		limit, reached = LimitConnectionsPerIP, fmt.Sprintf("ConnectionsPerIP: %d from %s are open", lim.ConnectionsPerIP, sc.ip)
	case !r.arrivals.spend(key, float64(lim.ConnectRate), float64(lim.ConnectBurst)): // last: who is refused has spent nothing
		limit, reached = LimitConnectRate, fmt.Sprintf("ConnectRate: %q may connect %d times at once and %d times a second", key, lim.ConnectBurst, lim.ConnectRate)
	}
	if reached != "" {
		r.stats.hit(r.log, limit, "listener", sc.info.Listener, "peer", sc.info.Address, "error", reached)
		return sig.NewError(sig.CodeLimit, reached)
	}
	r.links[l] = sc
	r.tokens[sc.token] = l
	sc.from.open++
	if lim.Rate > 0 {
		sc.allowance = r.allowances.join(key, float64(lim.Rate), float64(lim.Burst))
	}
	sc.announces = r.announcing.join(key, float64(lim.NameBytes)/announceAnew, 2*float64(lim.NameBytes))
	sc.share = r.shares.join(key, lim.Processors)
	count(r.perID, id, 1)
	count(r.perIP, sc.ip, 1)
	return nil
}

func (r *ServerRouter) dropConn(l *link, sc *serverConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.links[l] == nil {
		return
	}
	delete(r.links, l)
	u := l.usage()
	u.Outbound, u.Inbound = 0, 0
	r.gone.add(u)
	delete(r.tokens, sc.token)
	sc.from.open--
	r.allowances.leave(sc.allowance)
	r.announcing.leave(sc.announces)
	r.shares.leave(cmp.Or(sc.info.Principal.ID, sc.ip), sc.share)
	count(r.perID, sc.info.Principal.ID, -1)
	count(r.perIP, sc.ip, -1)
	close(sc.ended)
}

// halt ends a connection at once, if it is open. Events that wait for handlers
// are announced as lost.
func (l *link) halt() {
	if s := l.session(); s != nil {
		l.inbound.discard()
		s.fail(sig.NewError(sig.CodeClosed, "the router was closed"))
	}
}

// count keeps no entry for what is not there.
func count(m map[string]int, key string, n int) {
	if key == "" {
		return
	}
	if m[key] += n; m[key] <= 0 {
		delete(m, key)
	}
}

// host is the IP address of a peer, "" for a local one.
func host(address string) string {
	h, _, err := net.SplitHostPort(trimScheme(address))
	ip := net.ParseIP(h)
	if err != nil || ip == nil || ip.IsLoopback() {
		return ""
	}
	return h
}

func (r *ServerRouter) tell(ev ClientEvent) {
	if r.onClient == nil {
		return
	}
	r.telling.Lock()
	defer r.telling.Unlock()
	r.onClient(ev)
}

// Clients lists the open connections, oldest first.
func (r *ServerRouter) Clients() []ClientInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]ClientInfo, 0, len(r.links))
	for l, sc := range r.links {
		info := sc.info
		info.Senders, info.Usage = l.senderCount(), l.usage()
		list = append(list, info)
	}
	slices.SortFunc(list, func(a, b ClientInfo) int { return a.Since.Compare(b.Since) })
	return list
}
