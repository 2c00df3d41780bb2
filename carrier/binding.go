package carrier

import "crypto/tls"

// BindingSize is the length of a channel binding, in bytes.
const BindingSize = 32

// bindingLabel is that of the tls-exporter (RFC 9266).
const bindingLabel = "EXPORTER-Channel-Binding"

// Bound is a [Conn] that shares a value with the other end which nobody else
// has and no other connection: who signs it proves something about this very
// connection. A medium has it whose handshake agrees on a secret.
type Bound interface {
	// ChannelBinding returns the tls-exporter of RFC 9266, BindingSize bytes, and
	// false before the handshake is over, or where there is none.
	ChannelBinding() ([]byte, bool)
}

// ChannelBindingOf returns the channel binding of conn, and false where its
// medium has none.
func ChannelBindingOf(conn Conn) ([]byte, bool) {
	c, ok := conn.(Bound)
	if !ok {
		return nil, false
	}
	b, ok := c.ChannelBinding()
	return b, ok && len(b) == BindingSize
}

// TLSBinding is the channel binding of a connection over package tls, or over
// QUIC. TLS 1.2 without the extended master secret has none.
func TLSBinding(state tls.ConnectionState) ([]byte, bool) {
	if !state.HandshakeComplete {
		return nil, false
	}
	b, err := state.ExportKeyingMaterial(bindingLabel, nil, BindingSize)
	return b, err == nil
}

// ExportBinding is the channel binding of a medium with an exporter of its own.
func ExportBinding(export func(label string, context []byte, length int) ([]byte, error)) ([]byte, bool) {
	b, err := export(bindingLabel, nil, BindingSize)
	return b, err == nil
}
