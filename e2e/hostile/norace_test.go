//go:build !race

package hostile

const (
	usualSchemes   = "tcp,tls,unix,quic,dtls,ws,wss,mem"
	usualHonest    = 20
	usualEnvelopes = 20_000
)
