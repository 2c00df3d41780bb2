package certs_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs/certstest"
	"github.com/gosig/gosig/carrier/dtls"
	"github.com/gosig/gosig/carrier/quic"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/carrier/ws"
)

// TestCarriers: each carrier that has certificates refuses the same ones, on
// both sides, for the same reasons.
func TestCarriers(t *testing.T) {
	ca, other := certstest.New(t, "CA"), certstest.New(t, "other CA")
	pair := func(ca *certstest.CA, name string, edits ...certstest.Edit) string {
		return "&" + certstest.Pair(ca.Issue(name, edits...))
	}
	server := func(ca *certstest.CA, name string, edits ...certstest.Edit) string {
		return pair(ca, name, append([]certstest.Edit{certstest.DNS("localhost"), certstest.Loopback}, edits...)...)
	}
	var (
		hub    = server(ca, "hub")
		me     = pair(ca, "me", certstest.DNS("me"))
		mutual = hub + "&ca=" + ca.File
	)
	for _, c := range []struct {
		name         string
		listen, dial string
		client       string // the client's reason to refuse; "": it does not
		server       string // the server's
	}{
		{"right", mutual, me, "", ""},
		{"server's expired", server(ca, "old hub", certstest.Expired), "", "expired", ""},
		{"server's not valid yet", server(ca, "new hub", notYet), "", "not yet valid", ""},
		{"server's for another host", pair(ca, "elsewhere", certstest.DNS("router.example"), certstest.At("192.0.2.1")), "", "not 127.0.0.1", ""},
		{"server's for another name", hub, "&server_name=router.example", "not router.example", ""},
		{"server's of another CA", server(other, "strange hub"), "", "unknown authority", ""},
		{"server's is a client's", server(ca, "no hub", forClients), "", "incompatible key usage", ""},
		{"client's expired", mutual, pair(ca, "old me", certstest.DNS("me"), certstest.Expired), "", "expired"},
		{"client's not valid yet", mutual, pair(ca, "new me", certstest.DNS("me"), notYet), "", "not yet valid"},
		{"client's of another CA", mutual, pair(other, "strange me", certstest.DNS("me")), "", "unknown authority"},
		{"client's is a server's", mutual, pair(ca, "no me", certstest.DNS("me"), forServers), "", "incompatible key usage"},
		{"client's missing", mutual, "", "", "client"}, // each stack in its own words
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, scheme := range []string{"tls", "quic", "dtls", "wss"} {
				t.Run(scheme, func(t *testing.T) {
					clientErr, serverErr := meet(t, scheme, c.listen[1:], "ca="+ca.File+c.dial)
					switch {
					case c.client != "":
						assert.ErrorContains(t, clientErr, c.client)
						assert.Error(t, serverErr, "a server does not take a client for one that trusts it")
					case c.server != "":
						assert.ErrorContains(t, clientErr, "the peer refused", "the client learns whose fault it is")
						if scheme != "wss" { // its listener hands out only those that it has let in
							assert.ErrorContains(t, serverErr, c.server)
						}
						assert.Error(t, serverErr)
					default:
						require.NoError(t, errors.Join(clientErr, serverErr))
					}
					assert.NotErrorIs(t, clientErr, net.ErrClosed)
					assert.NotErrorIs(t, clientErr, context.DeadlineExceeded)
				})
			}
		})
	}
}

func notYet(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }

func forClients(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

func forServers(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }

// meet has a client with these parameters dial such a listener, and returns what
// came of it on both sides: a frame from the server to the client, or not. Under
// TLS 1.3 a client learns only by receiving that it was refused.
func meet(t *testing.T, scheme, listen, dial string) (clientErr, serverErr error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	set := func() *carrier.Set {
		s, err := carrier.NewSet(tcp.New(&tcp.Options{HandshakeTimeout: time.Minute}), quic.New(&quic.Options{HandshakeTimeout: time.Minute}),
			dtls.New(&dtls.Options{HandshakeTimeout: time.Minute}), ws.New(&ws.Options{HandshakeTimeout: time.Minute}))
		require.NoError(t, err)
		return s
	}
	ln, err := set().Listen(ctx, scheme+"://127.0.0.1:0?"+listen)
	require.NoError(t, err)
	accepting, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1) // one result
	go func() { served <- serve(accepting, ln) }()
	client, clientErr := set().Dial(ctx, ln.Addr()+"?"+dial)
	if clientErr == nil {
		_, clientErr = client.Receive(ctx, nil)
	}
	if clientErr != nil && scheme == "wss" {
		stop() // there is nobody to accept
	}
	serverErr = <-served
	if client != nil {
		client.Close()
	}
	ln.Close()
	return clientErr, serverErr
}

// serve accepts one connection and sends it a frame.
func serve(ctx context.Context, ln carrier.Listener) error {
	c, err := ln.Accept(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := carrier.Handshake(ctx, c); err != nil {
		return err
	}
	return c.Send(ctx, carrier.AppendFrame(nil, []byte("welcome")))
}
