package router

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestChurnLeavesNothing: connections that come and go, each of somebody new with
// names of its own, leave nothing behind in what a router keeps by names, identities,
// addresses and numbers. There are GOSIG_SCALE of them, 1,000 by default.
func TestChurnLeavesNothing(t *testing.T) {
	times := 1000
	if n := os.Getenv("GOSIG_SCALE"); n != "" {
		_, err := fmt.Sscan(n, &times)
		require.NoError(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	reg := sig.New(&sig.Options{OnWarning: func(sig.Warning) {}})
	defer reg.Close()
	network := mem.New()
	srv, err := NewServerRouter(reg, &ServerOptions{
		Carriers: []carrier.Carrier{network}, Codecs: []codec.Codec{json.New()}, Logger: slog.New(slog.DiscardHandler),
		Limits: Limits{Rate: 1_000_000, GapMemory: 16},
	})
	require.NoError(t, err)
	defer srv.Close()
	_, err = srv.Listen(ctx, "mem://hub")
	require.NoError(t, err)
	waits := func(ctx context.Context, _ *sig.Request) (any, error) { <-ctx.Done(); return nil, ctx.Err() }
	_, err = reg.Connect("hub/desk", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"wait": waits}})
	require.NoError(t, err)
	for i := range times {
		comesAndGoes(t, ctx, network, i)
	}
	require.Eventually(t, func() bool { return len(srv.Clients()) == 0 }, time.Minute, time.Millisecond)
	for what, n := range srv.keeps() {
		require.Zero(t, n, what)
	}
	require.Len(t, reg.Senders(), 1)
	require.LessOrEqual(t, len(srv.node.gaps.lives), 16)
	require.LessOrEqual(t, len(srv.allowances.of), leastBuckets+1, "those that are full are forgotten")
}

// comesAndGoes is one who has a name of its own, a sender, a pattern, and a request
// under way, and hangs up.
func comesAndGoes(t *testing.T, ctx context.Context, network *mem.Network, i int) {
	who := fmt.Sprintf("who-%d", i)
	conn, err := network.Dial(ctx, &url.URL{Scheme: "mem", Host: "hub", RawQuery: "as=" + who})
	require.NoError(t, err)
	defer conn.Close()
	hello := wire.Hello{MinVersion: wire.MinVersion, MaxVersion: wire.Version, Name: who, Codecs: []string{"json"}, Features: wire.FeatureNodes | wire.FeatureLossyInterest}
	_, _ = rand.Read(hello.ID[:]) // never fails
	send := func(envelopes ...interface{ Append([]byte) []byte }) {
		var batch []byte
		for _, e := range envelopes {
			batch = carrier.AppendFrame(batch, e.Append(nil))
		}
		require.NoError(t, conn.Send(ctx, batch))
	}
	send(hello)
	desk := uint32(0)
	await := func(want wire.Type) {
		for {
			batch, err := conn.Receive(ctx, nil)
			require.NoError(t, err)
			for frame := range carrier.Frames(batch) {
				var c wire.Connect
				if c.Decode(frame) == nil && c.Name == "hub/desk" {
					desk = c.Sender
				}
				if got, _ := wire.TypeOf(frame); got == want {
					return
				}
			}
		}
	}
	await(wire.TypeWelcome)
	send(wire.Ping{Nonce: 1})
	await(wire.TypePong)
	send(
		wire.Nodes{Added: []wire.Node{{ID: wire.NodeID{byte(i), byte(i >> 8), byte(i >> 16), 1}, Name: "behind"}}},
		wire.Connect{Sender: 1, Route: 0, Epoch: uint64(i + 1), Name: who, Events: []string{"a", "b"}, Requests: []string{"m"}},
		wire.Subscribe{Sender: who + "/*", Event: "e"}, wire.Subscribe{Sender: "**", Event: "**"},
		wire.Request{ID: 1, Sender: desk, Method: "wait"}, wire.Ping{Nonce: 1},
	)
	await(wire.TypePong)
}

// keeps is how much there is of what is kept for connections.
func (r *ServerRouter) keeps() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.node
	n.mu.Lock()
	defer n.mu.Unlock()
	n.restless.mu.Lock()
	defer n.restless.mu.Unlock()
	return map[string]int{
		"connections": len(r.links), "tokens": len(r.tokens), "identities": len(r.perID), "addresses": len(r.perIP),
		"handshakes": r.opening.n, "bytes of handshakes": r.opening.bytes, "addresses of handshakes": len(r.opening.perIP),
		"links": len(n.links), "senders but one": len(n.senders), "routers behind": len(n.reach), "what routers are behind": len(n.behinds),
		"restless links": len(n.restless.links),
	}
}
