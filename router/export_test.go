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
