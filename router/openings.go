package router

import (
	"context"

	"github.com/gosig/gosig/carrier"
)

// openings are a server's connections that are still in their handshake, or
// being told why they were refused: strangers, whom Limits.Unauthenticated
// bounds in number and Limits.UnauthenticatedBytes in what they may send. The
// server's lock guards it.
type openings struct {
	n     int
	bytes int // that they may send before they are known
	perIP map[string]int
	room  chan struct{} // closed when there is one less; nil: nobody waits
}

// fullLocked reports which limit keeps one more stranger of a listener outside.
func (r *ServerRouter) fullLocked(frame int) (limit Limit, full bool) {
	switch o := &r.opening; {
	case o.n >= r.limits.Unauthenticated:
		return LimitUnauthenticated, true
	case o.n > 0 && o.bytes+frame > r.limits.UnauthenticatedBytes:
		return LimitUnauthenticatedBytes, true
	}
	return 0, false
}

// awaitRoom waits until one more connection may be opened, whose first frame may
// have as many bytes; false if ctx ended.
func (r *ServerRouter) awaitRoom(ctx context.Context, frame int) bool {
	for told := false; ; told = true {
		r.mu.Lock()
		limit, full := r.fullLocked(frame)
		if !full {
			r.mu.Unlock()
			return true
		}
		if r.opening.room == nil {
			r.opening.room = make(chan struct{}) // closed by opened
		}
		room, n := r.opening.room, r.opening.n
		r.mu.Unlock()
		if !told {
			r.stats.hit(r.log, limit, "handshakes", n, "then", "no connection is accepted until one of them is over")
		}
		select {
		case <-room:
		case <-ctx.Done():
			return false
		}
	}
}

// begin starts a connection's goroutine once there is room for it, which another
// listener may have taken meanwhile; false if the router is closed.
func (r *ServerRouter) begin(ctx context.Context, conn carrier.Conn, from *entrance) bool {
	ip := host(conn.RemoteAddr())
	for r.awaitRoom(ctx, from.limits.HelloFrame) {
		switch done, closed := r.tryBegin(conn, ip, from); {
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
func (r *ServerRouter) tryBegin(conn carrier.Conn, ip string, from *entrance) (done, closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, full := r.fullLocked(from.limits.HelloFrame)
	switch {
	case r.closed:
		return false, true
	case full:
		return false, false
	case ip != "" && r.opening.perIP[ip] >= from.limits.UnauthenticatedPerIP:
		// No last word: it would cost what the limit is there to save.
		r.stats.hit(r.log, LimitUnauthenticatedPerIP, "listener", from.listener, "peer", conn.RemoteAddr())
		conn.Close()
		return true, false
	}
	r.opening.n++
	r.opening.bytes += from.limits.HelloFrame
	count(r.opening.perIP, ip, 1)
	r.greeters.open(r.ctx, func() { r.connection(conn, ip, from) })
	return true, false
}

// opened makes room: a handshake is over.
func (r *ServerRouter) opened(ip string, from *entrance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opening.n--
	r.opening.bytes -= from.limits.HelloFrame
	count(r.opening.perIP, ip, -1)
	if r.opening.room != nil {
		close(r.opening.room)
		r.opening.room = nil
	}
}
