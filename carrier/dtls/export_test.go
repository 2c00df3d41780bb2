package dtls

import "github.com/gosig/gosig/carrier"

// LookAgain makes the next handshake look at the files, whenever the last one
// did.
func (c *Carrier) LookAgain() {
	c.certs.LookAgain()
	c.keys.lookAgain()
}

// ParseKeys reads a file of keys.
func ParseKeys(path string, content []byte) (map[string][]byte, error) {
	return parseKeys(path, content)
}

// Alive returns how many sessions a listener's socket has.
func Alive(ln carrier.Listener) int {
	ep := ln.(*listener).ep
	ep.mu.Lock()
	defer ep.mu.Unlock()
	return ep.alive
}

// Held returns how many addresses, connection IDs and handshakes a listener's
// socket remembers.
func Held(ln carrier.Listener) int {
	l := ln.(*listener)
	l.mu.Lock()
	n := len(l.ours)
	l.mu.Unlock()
	ep := l.ep
	ep.mu.Lock()
	defer ep.mu.Unlock()
	return n + len(ep.addresses) + len(ep.ids) + len(ep.half)
}
