package wire

// Challenge is a server's question who the client is, instead of a WELCOME
// (protocol.md §4.8). It needs [FeatureAuth] in the client's HELLO.
//
//	+----+----------+--------------+---------+---------+
//	|0x04| server   | methods      | binding | nonce   |
//	|    | ID 16B   | list of name | name    | 32 bytes|
//	+----+----------+--------------+---------+---------+
type Challenge struct {
	ID      NodeID   // the server's
	Methods []string // that it takes, the best first; at least one
	Binding string   // what binds a proof to this channel: BindingExporter, BindingNone, or a newer one
	Nonce   Nonce
}

// Nonce is random, and used once.
type Nonce [32]byte

// What binds a proof to the channel that it is sent on.
const (
	BindingNone     = "none"         // nothing but the nonces
	BindingExporter = "tls-exporter" // RFC 9266, of TLS, QUIC or DTLS
)

// Append appends the envelope to dst.
func (e Challenge) Append(dst []byte) []byte {
	dst = append(append(dst, byte(TypeChallenge)), e.ID[:]...)
	dst = appendNames(dst, e.Methods)
	return append(appendName(dst, e.Binding), e.Nonce[:]...)
}

// Decode reads the envelope from frame.
func (e *Challenge) Decode(frame []byte) error {
	r := open(frame, TypeChallenge)
	*e = Challenge{ID: r.nodeID("node ID"), Methods: r.names("methods")}
	if r.err == nil && len(e.Methods) == 0 {
		r.fail(CodeProtocol, "methods", "none")
	}
	e.Binding = r.name("binding")
	copy(e.Nonce[:], r.take("nonce", len(e.Nonce)))
	return r.done()
}

// Auth is the client's answer to a [Challenge]. What the proof is, the method
// says.
//
//	+----+--------+--------------+
//	|0x05| method | proof to end |
//	+----+--------+--------------+
type Auth struct {
	Method string
	Proof  []byte
}

// Append appends the envelope to dst.
func (e Auth) Append(dst []byte) []byte {
	return append(appendName(append(dst, byte(TypeAuth)), e.Method), e.Proof...)
}

// Decode reads the envelope from frame; Proof shares its memory.
func (e *Auth) Decode(frame []byte) error {
	r := open(frame, TypeAuth)
	*e = Auth{Method: r.name("method"), Proof: r.rest()}
	return r.done()
}
