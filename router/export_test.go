package router

import "github.com/gosig/gosig/sig"

// HandlersIdle reports whether nothing waits for the handlers of a registry that
// connections have brought.
func HandlersIdle(reg *sig.Registry) bool {
	nodes.Lock()
	n := nodes.byRegistry[reg]
	nodes.Unlock()
	if n == nil {
		return true
	}
	for _, l := range n.others(nil) {
		l.inbound.mu.Lock()
		busy := l.inbound.running
		l.inbound.mu.Unlock()
		if busy {
			return false
		}
	}
	return true
}

// InBatch makes the reader that takes in a sender's events look as if it were in
// the middle of a batch, until the next batch ends.
func InBatch(reg *sig.Registry, sender sig.Name) {
	nodes.Lock()
	n := nodes.byRegistry[reg]
	nodes.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	for s := range n.senders {
		if s.Name() == sender {
			origin(s.Routes()[0]).sess.begins.busy()
		}
	}
}

// CallersRead tells how often callers have read their answers themselves on a
// client's connection, and whether nobody reads at the moment.
func CallersRead(c *ClientRouter) (times uint64, nobody bool) {
	s := c.link.current.Load()
	if s == nil {
		return 0, false
	}
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	if s.lead == nil {
		return 0, false
	}
	return s.lead.reads, s.lead.role == byNoOne
}
