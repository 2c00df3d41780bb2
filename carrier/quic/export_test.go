package quic

// Ended is closed when nothing is left of a conn that was closed.
func Ended(c *Conn) <-chan struct{} { return c.link.ended }

// LookAgain makes the next handshake look at the certificate files, whenever
// the last one did.
func (c *Carrier) LookAgain() { c.certs.LookAgain() }

// PeerSerial returns the serial number of the peer's certificate.
func PeerSerial(c *Conn) string {
	return c.link.conn.ConnectionState().TLS.PeerCertificates[0].SerialNumber.String()
}

// PeerAddr is where the peer is now.
func PeerAddr(c *Conn) string { return c.link.conn.RemoteAddr().String() }
