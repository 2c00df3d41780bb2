package carrier_test

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
)

// plain serves two schemes and describes one of them, or none.
type plain struct{ carrier.Carrier }

func (plain) Schemes() []string { return []string{"a", "b"} }

type described struct{ plain }

func (described) Describe() []carrier.SchemeInfo {
	return []carrier.SchemeInfo{{Scheme: "c", Syntax: "c://"}, {Scheme: "b", Syntax: "b://x", Params: []carrier.Param{
		{Name: "ours", Use: carrier.Listening}, {Name: "theirs", Use: carrier.Dialing}, {Name: "all", Use: carrier.Dialing | carrier.Listening},
	}}}
}

func TestDescribe(t *testing.T) {
	assert.Equal(t, []carrier.SchemeInfo{{Scheme: "a"}, {Scheme: "b"}}, carrier.Describe(plain{}), "a carrier need not describe itself")
	got := carrier.Describe(described{})
	assert.Len(t, got, 2, "one entry for each scheme it serves, no other")
	assert.Equal(t, carrier.SchemeInfo{Scheme: "a"}, got[0])
	assert.Equal(t, "b://x", got[1].Syntax)
	assert.Equal(t, []string{"theirs", "all"}, got[1].Names(carrier.Dialing))
	assert.Equal(t, []string{"ours", "all"}, got[1].Names(carrier.Listening))
}

func TestUse(t *testing.T) {
	for use, want := range map[carrier.Use]string{0: "neither", 1: "dial", 2: "listen", 3: "both"} {
		assert.Equal(t, want, use.String())
	}
}

func TestSecurityOf(t *testing.T) {
	a, b := mem.Pipe()
	defer a.Close()
	defer b.Close()
	_, ok := carrier.SecurityOf(a)
	assert.False(t, ok, "memory has no cipher")
	_, ok = carrier.TLSSecurity(tls.ConnectionState{Version: tls.VersionTLS13})
	assert.False(t, ok, "before the handshake is over nothing is agreed on")
	s, ok := carrier.TLSSecurity(tls.ConnectionState{
		HandshakeComplete: true, Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256,
		CurveID: tls.X25519, NegotiatedProtocol: "gosig/1", DidResume: true,
	})
	assert.True(t, ok)
	assert.Equal(t, carrier.Security{Protocol: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", KeyExchange: "X25519", ALPN: "gosig/1", Resumed: true}, s)
}
