//go:build race

package hostile

// Under the race detector everything takes ten times as long, and the honest are to
// be served in time: the carriers with handshakes that count the seconds stay out,
// which the same tests cover without it.
const (
	usualSchemes   = "tcp,unix,quic,ws,mem"
	usualHonest    = 8
	usualEnvelopes = 5_000
)
