package tcp

import "github.com/gosig/gosig/carrier"

// LookAgain makes the next handshake look at the certificate files, whenever
// the last one did.
func (c *Carrier) LookAgain() { c.certs.LookAgain() }

// PeerSerial returns the serial number of the peer's certificate.
func PeerSerial(c carrier.Conn) string {
	return c.(*tlsConn).tls.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// LockDir is lockDir.
var LockDir = lockDir
