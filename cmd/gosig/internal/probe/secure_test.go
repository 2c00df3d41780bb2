package probe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/dtls"
	"github.com/gosig/gosig/carrier/quic"
	"github.com/gosig/gosig/carrier/ws"
)

// What is encrypted says by what, whose certificate it has seen, and that a
// certificate was refused at the step "secure", also where the handshake is part
// of connecting.
func TestEncryptedCarriers(t *testing.T) {
	ca, other := certstest.New(t, "CA"), certstest.New(t, "another CA")
	cert, key := ca.Issue("plant", certstest.Loopback)
	trusting := func(ca *certstest.CA) []carrier.Carrier {
		return []carrier.Carrier{
			quic.New(&quic.Options{CAs: ca.Pool, Logger: quiet}),
			dtls.New(&dtls.Options{CAs: ca.Pool, Logger: quiet}),
			ws.New(&ws.Options{CAs: ca.Pool, Logger: quiet}),
		}
	}
	for _, row := range []struct {
		url, protocol, cipher, alpn string
		carrier                     carrier.Carrier
	}{
		{"quic://127.0.0.1:0", "TLS 1.3", "TLS_AES_128_GCM_SHA256", quic.ALPN, quic.New(&quic.Options{CertFile: cert, KeyFile: key, Logger: quiet})},
		{"dtls://127.0.0.1:0", "DTLS 1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", dtls.ALPN, dtls.New(&dtls.Options{CertFile: cert, KeyFile: key, Logger: quiet})},
		{"wss://127.0.0.1:0", "TLS 1.3", "TLS_AES_128_GCM_SHA256", "http/1.1", ws.New(&ws.Options{CertFile: cert, KeyFile: key, Logger: quiet})},
	} {
		t.Run(row.url, func(t *testing.T) {
			addr := listen(t, row.carrier, row.url)
			report := probed(t, addr, trusting(ca))
			require.NoError(t, report.Err)
			s := report.Steps[2].Secure
			assert.Equal(t, []string{row.protocol, row.alpn}, []string{s.Protocol, s.ALPN})
			assert.Contains(t, s.Cipher, row.cipher[:4])
			assert.Equal(t, "127.0.0.1", s.Identity)
			assert.Equal(t, "CN=plant", s.Certificate.Subject)
			assert.Contains(t, report.Steps[2].Text(), row.protocol+", "+s.Cipher)

			report = probed(t, addr, trusting(other))
			require.Error(t, report.Err)
			assert.Equal(t, Secure, report.Failed)
			assert.True(t, report.Steps[1].OK, "it could be reached")
			assert.Contains(t, report.Hint, "--tls-ca")
			require.NotNil(t, report.Steps[2].Secure.Certificate, "the certificate that was refused is shown")
			assert.Equal(t, "CN=plant", report.Steps[2].Secure.Certificate.Subject)
		})
	}
}

func TestPreSharedKeys(t *testing.T) {
	key, wrong := []byte("sixteen bytes 01"), []byte("sixteen bytes 02")
	with := func(id string, key []byte) []carrier.Carrier {
		return []carrier.Carrier{dtls.New(&dtls.Options{PSKs: map[string][]byte{id: key}, Logger: quiet})}
	}
	addr := listen(t, with("press-1", key)[0], "dtls://127.0.0.1:0")
	report := probed(t, addr, with("press-1", key))
	require.NoError(t, report.Err)
	s := report.Steps[2].Secure
	assert.Equal(t, "press-1", s.Identity)
	assert.Equal(t, dtls.Method, s.Method)
	assert.Equal(t, "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", s.Cipher)
	assert.Contains(t, report.Steps[2].Text(), "the router has the key of press-1")
	assert.Equal(t, "press-1", report.Steps[3].Hello.Identity)

	report = probed(t, addr, with("press-9", key))
	assert.Equal(t, Secure, report.Failed)
	assert.Contains(t, report.Error, `no key for the identity "press-9"`)

	report = Run(t.Context(), addr, &Options{Carriers: with("press-1", wrong), Codecs: []string{"cbor"}, Timeout: 3 * time.Second})
	assert.Equal(t, Secure, report.Failed)
	assert.Contains(t, report.Hint, "the key may be wrong")
}

// Nobody, on a port of UDP, and a port where something else answers.
func TestNobodyOnUDP(t *testing.T) {
	both := []carrier.Carrier{quic.New(&quic.Options{Logger: quiet}), dtls.New(&dtls.Options{PSKs: map[string][]byte{"a": []byte("sixteen bytes 01")}, Logger: quiet})}
	ln := listen(t, both[1], "dtls://127.0.0.1:0")
	for _, row := range []struct{ url, hint string }{
		{"quic://127.0.0.1:1", "start one with"},
		{"dtls://127.0.0.1:1", "start one with"},
		{"quic" + ln[len("dtls"):], "UDP port"},
	} {
		report := Run(t.Context(), row.url, &Options{Carriers: both, Codecs: []string{"cbor"}, Timeout: 3 * time.Second})
		assert.Equal(t, Connect, report.Failed, row.url)
		assert.Contains(t, report.Hint, row.hint, row.url)
	}
}
