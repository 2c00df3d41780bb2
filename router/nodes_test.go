package router_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/wire"
)

const asRouter = wire.FeatureHeld | wire.FeatureNodes

// routers makes up n of them, whose names take their time.
func routers(n int) (list []wire.Node) {
	for i := range n {
		list = append(list, wire.Node{ID: wire.NodeID{200, byte(i >> 8), byte(i)}, Name: strings.Repeat("n", 200)})
	}
	return list
}

// lastWord returns the GOODBYE that ends a guest's connection.
func (g *guest) lastWord() (bye wire.Goodbye) {
	g.t.Helper()
	require.NoError(g.t, bye.Decode(g.await(wire.TypeGoodbye)))
	return bye
}

// TestNodesNeedTheFeature: a client that passes nothing on has nothing to say
// about other routers.
func TestNodesNeedTheFeature(t *testing.T) {
	h := newHub(t, router.Limits{})
	g := h.guest(wire.Hello{Features: wire.FeatureHeld})
	g.send(wire.Nodes{Added: routers(1)})
	require.Equal(t, wire.CodeProtocol, g.lastWord().Code)
}

func TestNodesAreLimited(t *testing.T) {
	h := newHub(t, router.Limits{Nodes: 10})
	g := h.guest(wire.Hello{Features: asRouter})
	g.send(wire.Nodes{Added: routers(9)}, wire.Nodes{Added: routers(9)}, wire.Nodes{Removed: []wire.NodeID{routers(1)[0].ID}})
	g.round()
	g.send(wire.Nodes{Added: routers(10)})
	bye := g.lastWord()
	require.Equal(t, wire.CodeLimit, bye.Code)
	require.Contains(t, bye.Reason, "Nodes")

	late := newHub(t, router.Limits{Nodes: 10}).knock()
	late.send(wire.Hello{
		MinVersion: 1, MaxVersion: 1, ID: wire.NodeID{2}, Codecs: []string{"json"}, Features: asRouter, Nodes: routers(10),
	})
	var abort wire.Abort
	require.NoError(t, abort.Decode(late.await(wire.TypeAbort)))
	require.Equal(t, wire.CodeLimit, abort.Code)
}

// nodes collects the routers that a guest is told of until there are n.
func (g *guest) nodes(n, maxFrame int) {
	g.t.Helper()
	known := map[wire.NodeID]bool{}
	for _, r := range g.welcome.Nodes {
		known[r.ID] = true
	}
	for len(known) < n {
		var e wire.Nodes
		frame := g.await(wire.TypeNodes)
		require.LessOrEqual(g.t, len(frame), maxFrame)
		require.NoError(g.t, e.Decode(frame))
		for _, r := range e.Added {
			known[r.ID] = true
		}
		for _, id := range e.Removed {
			delete(known, id)
		}
	}
	require.Len(g.t, known, n)
}

// TestNodesFitIntoFrames, also of a peer that takes only small ones.
func TestNodesFitIntoFrames(t *testing.T) {
	const many, small = 300, 512
	h := newHub(t, router.Limits{})
	limits := wire.Limits{MaxFrame: small}
	before := h.guest(wire.Hello{ID: wire.NodeID{1}, Features: asRouter, Limits: limits})
	edge := h.guest(wire.Hello{ID: wire.NodeID{2}, Features: asRouter})
	edge.send(wire.Nodes{Added: routers(many)})
	before.nodes(many+1, small)
	after := h.knock()
	after.send(wire.Hello{MinVersion: 1, MaxVersion: 1, ID: wire.NodeID{3}, Codecs: []string{"json"}, Features: asRouter, Limits: limits})
	frame := after.next()
	require.LessOrEqual(t, len(frame), small)
	require.NoError(t, after.welcome.Decode(frame))
	after.nodes(many+2, small)
	edge.conn.Close()
	var e wire.Nodes
	gone := 0
	for gone < many+1 {
		frame := after.await(wire.TypeNodes)
		require.LessOrEqual(t, len(frame), small)
		require.NoError(t, e.Decode(frame))
		gone += len(e.Removed)
	}

	d := &doorman{t: t, ctx: h.ctx, network: h.network}
	up := d.listen("up")
	defer up.Close()
	edge = h.guest(wire.Hello{ID: wire.NodeID{4}, Features: asRouter})
	edge.send(wire.Nodes{Added: routers(many)})
	edge.round()
	h.dial(h.reg, "mem://up", router.ClientOptions{})
	conn, err := up.Accept(h.ctx)
	require.NoError(t, err)
	defer conn.Close()
	batch, err := conn.Receive(h.ctx, nil)
	require.NoError(t, err)
	frame, _, err = carrier.Next(batch)
	require.NoError(t, err)
	require.LessOrEqual(t, len(frame), 4096, "protocol.md §4.2: a HELLO")
	var hello wire.Hello
	require.NoError(t, hello.Decode(frame))
	require.NotEmpty(t, hello.Nodes)
	d.say(conn, wire.Welcome{Version: wire.Version, ID: wire.NodeID{9}, Codec: "json", Features: asRouter})
	upstream := &guest{t: t, ctx: h.ctx, conn: conn, welcome: wire.Welcome{Nodes: hello.Nodes}}
	upstream.nodes(many+3, 1<<20)
}

// TestRoutersComeAndGoDuringAHandshake: each side is told of those that the
// HELLO or the WELCOME has missed, or a ring would go unnoticed (P12).
func TestRoutersComeAndGoDuringAHandshake(t *testing.T) {
	h := newHub(t, router.Limits{})
	d := &doorman{t: t, ctx: h.ctx, network: h.network}
	up := d.listen("up")
	defer up.Close()
	leaves := h.guest(wire.Hello{ID: wire.NodeID{1}, Name: "leaves", Features: asRouter})
	h.dial(h.reg, "mem://up", router.ClientOptions{})
	conn, hello := d.greet(up)
	defer conn.Close()
	require.Len(t, hello.Nodes, 1)
	cellar := h.guest(wire.Hello{ID: wire.NodeID{2}, Name: "cellar", Features: asRouter})
	leaves.conn.Close()
	var e wire.Nodes
	for len(e.Removed) == 0 { // until the hub has noticed
		require.NoError(t, e.Decode(cellar.await(wire.TypeNodes)))
	}
	d.say(conn, wire.Welcome{Version: wire.Version, ID: wire.NodeID{9}, Codec: "json", Features: asRouter})
	upstream := &guest{t: t, ctx: h.ctx, conn: conn}
	told := map[string]bool{}
	for len(told) < 2 {
		require.NoError(t, e.Decode(upstream.await(wire.TypeNodes)))
		for _, n := range e.Added {
			told["+"+n.Name] = true
		}
		for _, id := range e.Removed {
			told[fmt.Sprint("-", id[0])] = true
		}
	}
	require.Equal(t, map[string]bool{"+cellar": true, "-1": true}, told)

	a, b := mem.Pipe()
	defer a.Close()
	slow := &halfOpen{Conn: b, sent: make(chan struct{}), release: make(chan struct{})}
	go func() { _ = h.srv.Serve(h.ctx, newHandout(slow)) }()
	g := &guest{t: t, ctx: h.ctx, conn: a}
	g.send(wire.Hello{MinVersion: 1, MaxVersion: 1, ID: wire.NodeID{3}, Codecs: []string{"json"}, Features: asRouter})
	<-slow.sent
	h.guest(wire.Hello{ID: wire.NodeID{4}, Name: "attic", Features: asRouter})
	close(slow.release)
	require.NoError(t, g.welcome.Decode(g.next()))
	require.Len(t, g.welcome.Nodes, 2)
	require.NoError(t, e.Decode(g.await(wire.TypeNodes)))
	require.Equal(t, "attic", e.Added[0].Name)
}

// TestBecomesARouterDuringAHandshake: a client that said in its HELLO that nobody
// is behind it says it anew if that has changed.
func TestBecomesARouterDuringAHandshake(t *testing.T) {
	ctx := t.Context()
	d := &doorman{t: t, ctx: ctx, network: mem.New()}
	up := d.listen("up")
	defer up.Close()
	reg := quietRegistry(t)
	h := &hub{t: t, ctx: ctx, network: d.network}
	h.dial(reg, "mem://up", router.ClientOptions{})
	conn, hello := d.greet(up)
	require.Zero(t, hello.Features&wire.FeatureNodes)
	newHubFor(t, ctx, d.network, "edge", reg, router.Limits{})
	d.say(conn, wire.Welcome{Version: wire.Version, ID: wire.NodeID{9}, Codec: "json", Features: asRouter})
	again, hello := d.greet(up)
	require.NotZero(t, hello.Features&wire.FeatureNodes)
	again.Close()
	conn.Close()
}
