package router

import (
	"context"

	"github.com/gosig/gosig/carrier"
)

// openings are a server's connections that are still in their handshake, or
// being told why they were refused: strangers, whom Limits.Unauthenticated
// bounds. The server's lock guards it.
type openings struct {
	n     int
	perIP map[string]int
	room  chan struct{} // closed when there is one less; nil: nobody waits
}

// awaitRoom waits until one more connection may be opened; false if ctx ended.
func (r *ServerRouter) awaitRoom(ctx context.Context) bool {
	for {
		r.mu.Lock()
		if r.opening.n < r.limits.Unauthenticated {
			r.mu.Unlock()
			return true
		}
		if r.opening.room == nil {
			r.opening.room = make(chan struct{}) // closed by opened
		}
		room := r.opening.room
		r.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return false
		}
	}
}

// begin starts a connection's goroutine once there is room for it, which another
// listener may have taken meanwhile; false if the router is closed.
func (r *ServerRouter) begin(ctx context.Context, conn carrier.Conn, listener string) bool {
	ip := host(conn.RemoteAddr())
	for r.awaitRoom(ctx) {
		switch done, closed := r.tryBegin(conn, ip, listener); {
		case closed:
			conn.Close()
			return false
		case done:
			return true
		}
	}
	conn.Close()
	return false
}

// tryBegin is done with the connection if it has begun, or was refused; not if
// there is no room.
func (r *ServerRouter) tryBegin(conn carrier.Conn, ip, listener string) (done, closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return false, true
	case r.opening.n >= r.limits.Unauthenticated:
		return false, false
	case ip != "" && r.opening.perIP[ip] >= r.limits.UnauthenticatedPerIP:
		// No last word: it would cost what the limit is there to save.
		r.stats.limitHits.Add(1)
		r.log.Debug("connection refused", "listener", listener, "peer", conn.RemoteAddr(), "UnauthenticatedPerIP", r.limits.UnauthenticatedPerIP)
		conn.Close()
		return true, false
	}
	r.opening.n++
	count(r.opening.perIP, ip, 1)
	r.group.Go(func() { r.connection(conn, ip, listener) }) // ends with the connection
	return true, false
}

// opened makes room: a handshake is over.
func (r *ServerRouter) opened(ip string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opening.n--
	count(r.opening.perIP, ip, -1)
	if r.opening.room != nil {
		close(r.opening.room)
		r.opening.room = nil
	}
}
