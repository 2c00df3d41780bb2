package ctest

import (
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/wire"
)

// kitchenAlone lets a principal be the sender kitchen, and nothing else.
func kitchenAlone(who string) acl.Authorizer {
	return acl.Func(func(p acl.Principal, q acl.Question) bool {
		return p.ID == who && q.Sender == "kitchen"
	})
}

// mayBeKitchen checks that the device is let in, as kitchen and not as cellar.
func (d *device) mayBeKitchen(h *hub) {
	h.t.Helper()
	r := h.record("kitchen", "temp")
	d.do(0, "connect kitchen temp -")
	d.do(0, "connect cellar temp -")
	assert.True(h.t, strings.HasPrefix(d.expect("ended"), "ended cellar 6 "), "denied")
	d.expect(online)
	d.do(0, "emit kitchen 0 07")
	assert.Equal(h.t, "temp 7", r.next(h.t))
}

// TestPortIsIdentity: who a device is may be where it is plugged in; it proves
// nothing else.
func TestPortIsIdentity(t *testing.T) {
	t.Parallel()
	h := newHub(t, clean, router.Limits{})
	h.guard(router.AccessOptions{
		Identify: func(id carrier.Identity) acl.Principal { // as [[identity]] of a policy does
			if id.Method == serial.Method && id.ID == h.near.Path() {
				return acl.Principal{ID: "plant/oven", Method: id.Method}
			}
			return acl.Principal{ID: id.ID, Method: id.Method}
		},
		Authorizer: kitchenAlone("plant/oven"),
	})
	h.device("cbor").mayBeKitchen(h)
}

// TestToken: a device proves who it is by a token, where the router asks for one; one
// that has a wrong token, or none, is told that it is denied.
func TestToken(t *testing.T) {
	t.Parallel()
	token := auth.NewToken()
	store, err := auth.NewStore(auth.Entry{ID: "plant/oven", Token: token.Hash(), Expires: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	h := newHub(t, clean, router.Limits{})
	h.guard(router.AccessOptions{Authenticator: store, TrustedWires: []string{"serial"}, Authorizer: kitchenAlone("plant/oven")})
	for name, args := range map[string][]string{"wrong": {auth.NewToken().Reveal()}, "none": nil} {
		d := h.device("cbor", args...)
		if name == "wrong" {
			assert.Contains(t, d.expect("state 5"), "state 5 6 ", name)
		}
		d.kill()
	}
	h.device("cbor", token.Reveal()).mayBeKitchen(h)
}

// server is a router that a test plays itself, by envelopes.
type server struct {
	t    *testing.T
	conn carrier.Conn
	rest []byte
}

// TestOffersNothing: a device offers none of the protocol's features, so that nothing
// comes to it in fragments, held back or in datagrams. What comes nevertheless is
// refused, and a datagram of the link ignored.
func TestOffersNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	line := linesim.NewLine(&clean)
	t.Cleanup(func() { require.NoError(t, line.Close()) })
	near, err := linesim.NewPort(filepath.Join(dir, "router"))
	require.NoError(t, err)
	far, err := linesim.NewPort(filepath.Join(dir, "device"))
	require.NoError(t, err)
	line.Attach(linesim.A, near)
	line.Attach(linesim.B, far)
	set, err := carrier.NewSet(serial.New(&serial.Options{Logger: slog.New(slog.DiscardHandler)}))
	require.NoError(t, err)
	ln, err := set.Listen(patient(t), "serial://"+near.Path())
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	d := startDevice(t, far.Path(), "cbor")
	conn, err := ln.Accept(patient(t))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	s := &server{t: t, conn: conn}

	var hello wire.Hello
	require.NoError(t, hello.Decode(s.next()))
	assert.Zero(t, hello.Features)
	assert.EqualValues(t, 512, hello.Limits.MaxFrame)
	s.send(wire.Welcome{Version: 1, ID: wire.NodeID{1}, Codec: "cbor", Limits: wire.DefaultLimits.Min(hello.Limits)}.Append(nil))
	d.expect("state 2")
	grams, ok := carrier.DatagramsOf(conn)
	require.True(t, ok)
	require.NoError(t, grams.SendDatagram([]byte("nobody wants this")))
	s.send(wire.Ping{Nonce: 77}.Append(nil))
	for { // behind SYNC and what else it says
		if typ, _ := wire.TypeOf(s.next()); typ == wire.TypePong {
			break
		}
	}

	s.send([]byte{byte(wire.TypeFragment), 0, 1, 2, 3})
	var bye wire.Goodbye
	require.NoError(t, bye.Decode(s.next()))
	assert.Equal(t, wire.CodeProtocol, bye.Code)
	d.expect("state 4 17")
	conn.Close()
	d.expect("state 5")
}

func (s *server) send(envelope []byte) {
	s.t.Helper()
	require.NoError(s.t, s.conn.Send(patient(s.t), carrier.AppendFrame(nil, envelope)))
}

// next returns the next envelope of the device.
func (s *server) next() []byte {
	s.t.Helper()
	if len(s.rest) == 0 {
		batch, err := s.conn.Receive(patient(s.t), nil)
		require.False(s.t, errors.Is(err, io.EOF), "the device has hung up")
		require.NoError(s.t, err)
		s.rest = batch
	}
	frame, rest, err := carrier.Next(s.rest)
	require.NoError(s.t, err)
	s.rest = rest
	return frame
}
