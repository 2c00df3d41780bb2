package router_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/router/routertest"
	"github.com/gosig/gosig/sig"
)

// TestOneGate: who comes in, and as whom, is decided in one place for every
// carrier. No carrier lets anybody past it.
func TestOneGate(t *testing.T) {
	t.Parallel()
	for _, c := range slices.Concat(carriers[:7], serialLines[:min(1, len(serialLines))], []medium{{"mem", overMem}}) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			setup := c.setup(t)
			t.Run("without an authenticator", func(t *testing.T) { gateOpen(t, setup) })
			t.Run("with one", func(t *testing.T) { gateGuarded(t, setup) })
		})
	}
}

type gate struct {
	t     *testing.T
	setup routertest.Setup
	ctx   context.Context
	srv   *router.ServerRouter
	addr  string
	log   audit
}

func newGate(t *testing.T, setup routertest.Setup, access router.AccessOptions) *gate {
	g := &gate{t: t, setup: setup}
	var cancel context.CancelFunc
	g.ctx, cancel = context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	access.Audit, access.TrustedWires = g.log.take, []string{"serial"}
	var err error
	g.srv, err = router.NewServerRouter(quietRegistry(t), &router.ServerOptions{
		Carriers: setup.Carriers, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler), Access: access,
	})
	require.NoError(t, err)
	t.Cleanup(func() { g.srv.Close() })
	listen := setup.Listen
	if setup.Another != nil {
		listen = setup.Another()
	}
	g.addr, err = g.srv.Listen(g.ctx, listen)
	require.NoError(t, err)
	return g
}

// try connects, as a principal of the carrier's if it is named, and returns who
// the router takes the client for. On a busy machine the time for a handshake may run
// out, which says nothing of who is let in: then it tries again.
func (g *gate) try(principal string, creds ...auth.Credential) (acl.Principal, error) {
	g.t.Helper()
	for {
		p, err := g.tryOnce(principal, creds...)
		if err == nil || errors.Is(err, sig.ErrDenied) || g.ctx.Err() != nil {
			return p, err
		}
	}
}

func (g *gate) tryOnce(principal string, creds ...auth.Credential) (acl.Principal, error) {
	g.t.Helper()
	with, addr := g.setup.Clients, g.addr
	if with == nil {
		with = g.setup.Carriers
	}
	if principal != "" {
		with, addr = g.setup.As(g.t, principal, g.addr)
	}
	reg := sig.New(nil)
	defer reg.Close()
	cr, err := router.NewClientRouter(reg, []string{addr}, &router.ClientOptions{
		Carriers: with, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler), Credentials: creds, TrustedWires: []string{"serial"}, MaxAttempts: 1,
	})
	require.NoError(g.t, err)
	defer cr.Close()
	if err := cr.WaitConnected(g.ctx); err != nil {
		return acl.Principal{}, err
	}
	clients := g.srv.Clients()
	require.NotEmpty(g.t, clients)
	return clients[len(clients)-1].Principal, cr.Shutdown(g.ctx)
}

// proves reports what the carrier proves of a client that does nothing for it.
func (g *gate) proves() string {
	switch {
	case strings.HasPrefix(g.addr, "unix"):
		return "unix-peercred"
	case strings.HasPrefix(g.addr, "dtls"):
		return "dtls-psk"
	case strings.HasPrefix(g.addr, "serial"):
		return "serial-port"
	}
	return ""
}

func gateOpen(t *testing.T, setup routertest.Setup) {
	g := newGate(t, setup, router.AccessOptions{})
	p, err := g.try("")
	require.NoError(t, err)
	assert.Equal(t, g.proves() == "", p.Anonymous(), "%v", p)
	p, err = g.try("", auth.NewToken(), auth.NewKey()) // nobody asks
	require.NoError(t, err)
	assert.Equal(t, g.proves() == "", p.Anonymous(), "%v", p)
	if setup.As != nil {
		p, err = g.try("cook")
		require.NoError(t, err)
		assert.Contains(t, p.ID, "cook")
	}
}

func gateGuarded(t *testing.T, setup routertest.Setup) {
	token, key, expired := auth.NewToken(), auth.NewKey(), auth.NewKey()
	g := newGate(t, setup, router.AccessOptions{Authenticator: storeOf(t,
		auth.Entry{ID: "by token", Token: token.Hash()}, auth.Entry{ID: "by key", Key: key.Public()},
		auth.Entry{ID: "old", Key: expired.Public(), Expires: time.Unix(1, 0)})})
	p, err := g.try("")
	if g.proves() == "" {
		require.ErrorIs(t, err, sig.ErrDenied)
		assert.ErrorContains(t, err, "ed25519 or token")
	} else {
		require.NoError(t, err)
		assert.Equal(t, g.proves(), p.Method)
	}
	for name, creds := range map[string][]auth.Credential{
		"by token": {token}, "by key": {key},
	} {
		p, err := g.try("", creds...)
		require.NoError(t, err, name)
		assert.Equal(t, name, p.ID)
	}
	for name, cred := range map[string]auth.Credential{"another token": auth.NewToken(), "another key": auth.NewKey(), "an expired key": expired} {
		_, err := g.try("", cred)
		require.ErrorIs(t, err, sig.ErrDenied, name)
		if setup.As != nil { // who proves something false is not let in for what the carrier proves
			_, err = g.try("cook", cred)
			require.ErrorIs(t, err, sig.ErrDenied, name)
		}
	}
	if setup.As != nil {
		p, err := g.try("cook")
		require.NoError(t, err)
		assert.Contains(t, p.ID, "cook")
		p, err = g.try("cook", key)
		require.NoError(t, err)
		assert.Equal(t, "by key", p.ID)
	}
	require.Eventually(t, func() bool { return len(g.srv.Clients()) == 0 }, patience, time.Millisecond)
	require.Eventually(t, func() bool { // the audit is told behind
		return g.srv.Stats().AuthFailures == uint64(len(g.log.of(router.AuditAuthFailed)))
	}, patience, time.Millisecond)
}

// TestRelayedProof: a router that a client trusts, and that is not what it seems,
// hands the real router's challenge on to the client, and the client's answer to
// the real router. Over a carrier with a channel binding that is worth nothing.
func TestRelayedProof(t *testing.T) {
	t.Parallel()
	for _, c := range []medium{{"tls", overTLS}, {"quic", overQUIC}, {"wss", overWSS}, {"dtls", overDTLS}} {
		t.Run(c.name, func(t *testing.T) {
			setup := c.setup(t)
			key := auth.NewKey()
			store := storeOf(t, auth.Entry{ID: "victim", Key: key.Public()})
			honest := newGate(t, setup, router.AccessOptions{Authenticator: store, AdmitAnonymous: true})
			set, err := carrier.NewSet(setup.Carriers...)
			require.NoError(t, err)
			ln, err := set.Listen(honest.ctx, setup.Listen)
			require.NoError(t, err)
			defer ln.Close()
			with := setup.Clients
			dialer, err := carrier.NewSet(with...)
			require.NoError(t, err)

			told := make(chan struct{}) // closed when the relay has ended
			go func() {
				defer close(told)
				victim, err := ln.Accept(honest.ctx)
				if err != nil {
					return
				}
				defer victim.Close()
				real, err := dialer.Dial(honest.ctx, honest.addr)
				if err != nil {
					return
				}
				defer real.Close()
				for from, to := victim, real; ; from, to = to, from { // one frame each way, in turn
					batch, err := from.Receive(honest.ctx, make([]byte, 4096))
					if err != nil || to.Send(honest.ctx, batch) != nil {
						return
					}
				}
			}()
			relayed := &gate{t: t, setup: setup, ctx: honest.ctx, srv: honest.srv, addr: ln.Addr()}
			_, err = relayed.try("", key)
			require.ErrorIs(t, err, sig.ErrDenied)
			<-told
			rec := honest.log.await(t, router.AuditAuthFailed)
			assert.Contains(t, rec.Reason, "is not for this connection")
			_, err = honest.try("", key)
			require.NoError(t, err, "without the relay it is good")
		})
	}
}
