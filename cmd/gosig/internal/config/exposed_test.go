package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExposed(t *testing.T) {
	pair, mutual := TLS{Cert: "c", Key: "k"}, TLS{Cert: "c", Key: "k", CA: "ca"}
	for _, row := range []struct {
		l       Listener
		exposed bool
		proofs  bool // with credentials in the policy
	}{
		{Listener{URL: "tcp://127.0.0.1:1"}, false, false},
		{Listener{URL: "tcp://127.9.9.9:1"}, false, false},
		{Listener{URL: "tcp://[::1]:1"}, false, false},
		{Listener{URL: "tcp://localhost:1"}, false, false},
		{Listener{URL: "unix:///run/s"}, false, false},
		{Listener{URL: "serial:///dev/ttyUSB0"}, false, false},
		{Listener{URL: "tcp://0.0.0.0:1"}, true, true},
		{Listener{URL: "tcp://:1"}, true, true},
		{Listener{URL: "tcp://[::]:1"}, true, true},
		{Listener{URL: "tcp://10.0.0.1:1"}, true, true},
		{Listener{URL: "tcp://localhost.example:1"}, true, true},
		{Listener{URL: "tcp://[::ffff:127.0.0.1]:1"}, false, false},
		{Listener{URL: "ws://0.0.0.0:1"}, true, true},
		{Listener{URL: "tls://0.0.0.0:1", TLS: pair}, true, false},
		{Listener{URL: "tls://0.0.0.0:1", TLS: mutual}, false, false},
		{Listener{URL: "tls://0.0.0.0:1?ca=x", TLS: pair}, false, false},
		{Listener{URL: "tls://0.0.0.0:1?client_auth=verify", TLS: mutual}, true, false},
		{Listener{URL: "tls://0.0.0.0:1?client_auth=none", TLS: mutual}, true, false},
		{Listener{URL: "tls://0.0.0.0:1?client_auth=require", TLS: mutual}, false, false},
		{Listener{URL: "quic://0.0.0.0:1", TLS: pair}, true, false},
		{Listener{URL: "wss://0.0.0.0:1", TLS: mutual}, false, false},
		{Listener{URL: "dtls://0.0.0.0:1", PSKFile: "p"}, false, false},
		{Listener{URL: "dtls://0.0.0.0:1?psk_file=p"}, false, false},
		{Listener{URL: "dtls://0.0.0.0:1", PSKFile: "p", TLS: pair}, true, false},
		{Listener{URL: "dtls://0.0.0.0:1", PSKFile: "p", TLS: mutual}, false, false},
		{Listener{URL: "dtls://0.0.0.0:1?cert=c&key=k", PSKFile: "p"}, true, false},
		{Listener{URL: "quic://0.0.0.0:1?psk_file=p", TLS: pair}, true, false},
	} {
		c := &Config{Listen: []Listener{row.l}}
		assert.Equal(t, row.exposed, len(c.Exposed()) == 1, "%+v", row.l)
		a, err := ParsePolicy("p", []byte(policyText))
		require.NoError(t, err)
		c.access = a
		assert.Equal(t, row.proofs, len(c.Exposed()) == 1, "%+v with credentials", row.l)
		c.AdmitAnonymous = true
		assert.Equal(t, row.exposed, len(c.Exposed()) == 1, "%+v with credentials, and the anonymous", row.l)
		c.AdmitAnonymous, c.TrustedWires = false, []string{"tcp", "ws://0.0.0.0:1"}
		assert.Empty(t, c.Exposed(), "%+v on a trusted wire", row.l)
		c.access = nil
		assert.Equal(t, row.exposed, len(c.Exposed()) == 1, "%+v on a trusted wire without credentials", row.l)
	}
}
