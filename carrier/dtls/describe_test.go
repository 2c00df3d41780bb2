package dtls_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/dtls"
)

func TestSecurity(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, certKey := ca.Server()
	for _, c := range []struct {
		name   string
		server *dtls.Options
		client *dtls.Options
		cipher string
		shown  int // certificates that the client sees
	}{
		{"key", withKeys(), withKeys(), "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", 0},
		{"certificate", &dtls.Options{CertFile: cert, KeyFile: certKey}, &dtls.Options{CAFile: ca.File}, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln, _ := listen(t, c.server, "")
			client, server, clientErr, serverErr := shake(t, ln, c.client, "")
			require.NoError(t, errors.Join(clientErr, serverErr))
			for _, conn := range []carrier.Conn{client, server} {
				s, ok := carrier.SecurityOf(conn)
				require.True(t, ok)
				assert.Equal(t, "DTLS 1.2", s.Protocol)
				assert.Equal(t, c.cipher, s.Cipher)
			}
			s, _ := carrier.SecurityOf(client)
			require.Len(t, s.Peer, c.shown)
			if c.shown > 0 {
				assert.Equal(t, "server", s.Peer[0].Subject.CommonName)
				assert.Equal(t, dtls.ALPN, s.ALPN)
			}
			s, _ = carrier.SecurityOf(server)
			assert.Empty(t, s.Peer, "the client showed none")
		})
	}
}

// Nothing is claimed of a handshake that has failed.
func TestSecurityOfNothing(t *testing.T) {
	wrong := &dtls.Options{PSKs: map[string][]byte{"press-9": key}}
	ln, _ := listen(t, withKeys(), "")
	client, server, clientErr, _ := shake(t, ln, wrong, "")
	require.Error(t, clientErr)
	for _, conn := range []carrier.Conn{client, server} {
		if conn == nil {
			continue // it has not come so far
		}
		_, ok := carrier.SecurityOf(conn)
		assert.False(t, ok)
	}
}
