package router

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
)

// A mistake of ours that one peer can provoke must not cost the others anything: what
// works for one connection alone ends that one when it panics, and is counted, so that
// it does not go unnoticed. Handlers are package sig's business.

// contain is deferred by whatever works for this connection alone: taking in the
// peer's bytes, writing to it, watching it. A panic there is ours, not a handler's,
// and costs this connection only.
func (s *session) contain() {
	if p := recover(); p != nil {
		s.link.stats.panicked(s.link.log, s.describe(), p)
		s.fail(fmt.Errorf("panic: %v", p))
	}
}

// panicked counts a panic that has cost a connection, and logs where it was.
func (c *counters) panicked(log *slog.Logger, peer string, p any) {
	c.panics.Add(1)
	log.Error("panic; connection ended", "peer", peer, "panic", p, "stack", string(debug.Stack()))
}

// broken ends a connection whose events or tasks have made us panic.
func (l *link) broken(p any) {
	l.stats.panicked(l.log, l.describe(), p)
	if s := l.session(); s != nil {
		s.fail(fmt.Errorf("panic: %v", p))
	}
}

// greet is welcome, but that a panic in it costs this connection alone.
func (r *ServerRouter) greet(l *link, conn carrier.Conn, from *entrance) (s *session, sc *serverConn, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.stats.panicked(r.log, conn.RemoteAddr(), p)
			r.forget(l)
			err = errBroken
		}
	}()
	return r.welcome(l, conn, from)
}

var errBroken = sig.NewError(sig.CodeConnectionLost, "the router has failed in the handshake; its log says how")

// brokenOff ends an attempt to connect that has panicked, in a carrier or a
// credential of the program's perhaps: it has failed, and the next one may not.
func (r *ClientRouter) brokenOff(address string, conn carrier.Conn, p any) error {
	r.stats.panicked(r.log, address, p)
	if conn != nil {
		func() {
			defer func() { _ = recover() }() // what has panicked may do so again
			conn.Close()
		}()
	}
	return sig.NewError(sig.CodeConnectionLost, "connecting to "+address+" has failed on this side; the log says how")
}

// forget undoes what was done for a connection that does not come into being.
func (r *ServerRouter) forget(l *link) {
	r.node.removeLink(l)
	r.node.depart(l)
	r.mu.Lock()
	sc := r.links[l]
	r.mu.Unlock()
	if sc != nil {
		r.dropConn(l, sc)
	}
}
