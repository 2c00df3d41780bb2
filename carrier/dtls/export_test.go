package dtls

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
