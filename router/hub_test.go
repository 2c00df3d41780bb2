package router_test

import (
	"cmp"
	"context"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// patience is how long a test waits for what must happen, on however busy a machine.
const patience = time.Minute

// hub is a server with a network of its own, for clients and for guests.
type hub struct {
	t       *testing.T
	ctx     context.Context
	network *mem.Network
	name    string
	reg     *sig.Registry
	srv     *router.ServerRouter
}

func newHub(t *testing.T, limits router.Limits) *hub {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return newHubOn(t, ctx, mem.New(), "hub", limits)
}

// newHubOn makes a hub that listens as mem://name.
func newHubOn(t *testing.T, ctx context.Context, network *mem.Network, name string, limits router.Limits) *hub {
	t.Helper()
	return newHubFor(t, ctx, network, name, quietRegistry(t), limits)
}

func newHubFor(t *testing.T, ctx context.Context, network *mem.Network, name string, reg *sig.Registry, limits router.Limits) *hub {
	t.Helper()
	h := &hub{t: t, ctx: ctx, network: network, name: name, reg: reg}
	limits = atLeisure(limits)
	var err error
	h.srv, err = router.NewServerRouter(h.reg, &router.ServerOptions{
		Carriers: []carrier.Carrier{network}, Codecs: []codec.Codec{json.New()}, Name: name,
		Logger: slog.New(slog.DiscardHandler), Limits: limits,
	})
	require.NoError(t, err)
	t.Cleanup(func() { h.srv.Close() })
	_, err = h.srv.Listen(ctx, "mem://"+name)
	require.NoError(t, err)
	return h
}

// atLeisure are limits that no machine reaches because it is busy, but for those that a
// test has chosen.
func atLeisure(l router.Limits) router.Limits {
	l.Handshake, l.WriteTimeout = cmp.Or(l.Handshake, patience), cmp.Or(l.WriteTimeout, patience)
	return l
}

// receive takes from a channel what must come.
func receive[T any](t *testing.T, ctx context.Context, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-ctx.Done():
		t.Fatal("nothing has come")
		panic("not reached")
	}
}

func quietRegistry(t *testing.T) *sig.Registry {
	reg := sig.New(&sig.Options{OnWarning: func(sig.Warning) {}})
	t.Cleanup(func() { reg.Close() })
	return reg
}

// dial gives reg a client of an address of the hub's network.
func (h *hub) dial(reg *sig.Registry, address string, opts router.ClientOptions) *router.ClientRouter {
	h.t.Helper()
	if opts.Carriers == nil {
		opts.Carriers = []carrier.Carrier{h.network}
	}
	opts.Codecs, opts.Logger = []codec.Codec{json.New()}, slog.New(slog.DiscardHandler)
	if opts.MinBackoff == 0 {
		opts.MinBackoff = time.Millisecond
	}
	cr, err := router.NewClientRouter(reg, []string{address}, &opts)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { cr.Close() })
	return cr
}

// join connects a new registry to the hub.
func (h *hub) join() (*sig.Registry, *router.ClientRouter) {
	h.t.Helper()
	reg := quietRegistry(h.t)
	cr := h.dial(reg, "mem://hub", router.ClientOptions{})
	require.NoError(h.t, cr.WaitConnected(h.ctx))
	return reg, cr
}

// guest is a client that says what a test wants it to say, byte by byte.
type guest struct {
	t       *testing.T
	ctx     context.Context
	conn    carrier.Conn
	batch   []byte // received, not yet looked at
	welcome wire.Welcome
}

// knock dials the hub and says nothing.
func (h *hub) knock() *guest { return h.knockAs("") }

// knockAs is knock as a principal.
func (h *hub) knockAs(principal string) *guest {
	h.t.Helper()
	conn, err := h.network.Dial(h.ctx, &url.URL{Scheme: "mem", Host: h.name, RawQuery: url.Values{"as": {principal}}.Encode()})
	require.NoError(h.t, err)
	h.t.Cleanup(func() { conn.Close() })
	return &guest{t: h.t, ctx: h.ctx, conn: conn}
}

// guest is let in with a HELLO, whose gaps are filled.
func (h *hub) guest(hello wire.Hello) *guest { return h.guestAs("", hello) }

func (h *hub) guestAs(principal string, hello wire.Hello) *guest {
	h.t.Helper()
	g := h.knockAs(principal)
	hello.MinVersion, hello.MaxVersion, hello.Codecs = wire.MinVersion, wire.Version, []string{"json"}
	if hello.ID == (wire.NodeID{}) {
		hello.ID = wire.NodeID{1}
	}
	g.send(hello)
	require.NoError(h.t, g.welcome.Decode(g.next()))
	return g
}

func (g *guest) send(envelopes ...envelope) {
	g.t.Helper()
	var batch []byte
	for _, e := range envelopes {
		batch = carrier.AppendFrame(batch, e.Append(nil))
	}
	require.NoError(g.t, g.conn.Send(g.ctx, batch))
}

func (g *guest) next() []byte {
	g.t.Helper()
	if len(g.batch) == 0 {
		var err error
		g.batch, err = g.conn.Receive(g.ctx, nil)
		require.NoError(g.t, err)
	}
	frame, rest, err := carrier.Next(g.batch)
	require.NoError(g.t, err)
	g.batch = rest
	return frame
}

// await returns the next frame of a type, and forgets those before it.
func (g *guest) await(want wire.Type) []byte {
	g.t.Helper()
	for {
		frame := g.next()
		if got, _ := wire.TypeOf(frame); got == want {
			return frame
		}
	}
}

// round returns the types of what came until the hub has taken in all that was
// sent.
func (g *guest) round() (types []wire.Type) {
	g.t.Helper()
	g.send(wire.Ping{Nonce: 1})
	for {
		got, _ := wire.TypeOf(g.next())
		if got == wire.TypePong {
			return types
		}
		types = append(types, got)
	}
}

// hears returns the payload of the next EVENT, and forgets what is before it.
func (g *guest) hears() string {
	g.t.Helper()
	_, _, payload, err := wire.ParseEvent(g.await(wire.TypeEvent))
	require.NoError(g.t, err)
	return string(payload)
}

// subscribes returns when the pattern is in force at the hub.
func (g *guest) subscribes(sender, event string) {
	g.t.Helper()
	g.send(wire.Subscribe{Sender: sender, Event: event}, wire.Sync{ID: 1})
	g.await(wire.TypeSynced)
}
