package tcp_test

import (
	"bufio"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/tcp"
)

func TestSecurity(t *testing.T) {
	ca := certstest.New(t, "CA")
	cert, key := ca.Server()
	set, err := carrier.NewSet(tcp.New(&tcp.Options{CAFile: ca.File}))
	require.NoError(t, err)
	ln, err := set.Listen(t.Context(), "tls://127.0.0.1:0?client_auth=none&"+certstest.Pair(cert, key))
	require.NoError(t, err)
	defer ln.Close()
	dialled, err := set.Dial(t.Context(), ln.Addr())
	require.NoError(t, err)
	defer dialled.Close()
	accepted, err := ln.Accept(t.Context())
	require.NoError(t, err)
	defer accepted.Close()
	_, ok := carrier.SecurityOf(dialled)
	assert.False(t, ok, "before the handshake")
	done := make(chan error, 1) // one value
	go func() { done <- carrier.Handshake(t.Context(), accepted) }()
	require.NoError(t, carrier.Handshake(t.Context(), dialled))
	require.NoError(t, <-done)
	s, ok := carrier.SecurityOf(dialled)
	require.True(t, ok)
	assert.Equal(t, "TLS 1.3", s.Protocol)
	assert.Contains(t, s.Cipher, "TLS_")
	assert.NotEmpty(t, s.KeyExchange)
	assert.Equal(t, tcp.ALPN, s.ALPN)
	require.NotEmpty(t, s.Peer)
	assert.Equal(t, "server", s.Peer[0].Subject.CommonName)
	s, ok = carrier.SecurityOf(accepted)
	require.True(t, ok)
	assert.Empty(t, s.Peer, "the client showed none")
}

// A server that speaks in lines, whatever is sent to it.
func TestServersOfOtherProtocols(t *testing.T) {
	for banner, want := range map[string]string{"HTTP/1.1 400 Bad Request\r\n": "it is a web server", "SSH-2.0-x\r\n": `"SSH-"`} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer ln.Close()
		go func() {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(banner))
			_, _ = bufio.NewReader(c).ReadByte() // until the client has gone
			c.Close()
		}()
		set, err := carrier.NewSet(tcp.New(nil))
		require.NoError(t, err)
		conn, err := set.Dial(t.Context(), "tcp://"+ln.Addr().String())
		require.NoError(t, err)
		_, err = conn.Receive(t.Context(), nil)
		assert.ErrorIs(t, err, tcp.ErrIsText)
		assert.ErrorContains(t, err, want)
		require.NoError(t, conn.Close())
	}
}
