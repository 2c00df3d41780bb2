package stream

import "net"

// LimitBacklog implements [carrier.BacklogLimiter] for streams that have such a
// method, and for TCP, also below TLS or whatever else tells by a method NetConn
// what it runs over, on systems that can (Linux, macOS). On any other stream it
// does nothing.
func (c *Conn) LimitBacklog(n int) {
	var below any = c.rwc
	for {
		if s, ok := below.(*net.TCPConn); ok {
			if raw, err := s.SyscallConn(); err == nil {
				limitBacklog(raw, n)
			}
			return
		}
		if l, ok := below.(interface{ LimitBacklog(n int) }); ok {
			l.LimitBacklog(n)
			return
		}
		over, ok := below.(interface{ NetConn() net.Conn })
		if !ok {
			return
		}
		below = over.NetConn()
	}
}
