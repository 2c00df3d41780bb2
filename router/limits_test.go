package router_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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

// newLimitedHub makes a hub with options of its own, in a bubble of synthetic time
// as well.
func newLimitedHub(t *testing.T, opts router.ServerOptions) *hub {
	t.Helper()
	h := &hub{t: t, ctx: t.Context(), network: mem.New(), name: "hub", reg: quietRegistry(t)}
	opts.Carriers, opts.Codecs, opts.Name = []carrier.Carrier{h.network}, []codec.Codec{json.New()}, h.name
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	var err error
	h.srv, err = router.NewServerRouter(h.reg, &opts)
	require.NoError(t, err)
	t.Cleanup(func() { h.srv.Close() })
	_, err = h.srv.Listen(h.ctx, "mem://hub")
	require.NoError(t, err)
	return h
}

func connects(n uint32) wire.Connect {
	return wire.Connect{Sender: n, Route: n, Epoch: 1, Name: fmt.Sprintf("s/%d", n), Events: []string{"e"}}
}

// whoReaches a limit of these is told, at once.
var whoReaches = []struct {
	limit  router.Limit
	limits router.Limits
	reach  func(h *hub, g *guest) (code uint16, text string)
	code   sig.Code
	text   string
}{
	{router.LimitSenders, router.Limits{Senders: 1}, func(h *hub, g *guest) (uint16, string) {
		g.send(connects(1), connects(2))
		return g.thrownOut()
	}, sig.CodeLimit, "Senders: one connection may announce 1"},
	{router.LimitEventsPerSender, router.Limits{EventsPerSender: 1}, func(h *hub, g *guest) (uint16, string) {
		g.send(wire.Connect{Sender: 1, Epoch: 1, Name: "s", Events: []string{"a", "b"}})
		return g.thrownOut()
	}, sig.CodeLimit, "EventsPerSender: a sender may declare 1 events"},
	{router.LimitNames, router.Limits{NameBytes: 1000}, func(h *hub, g *guest) (uint16, string) {
		long := strings.Repeat("e", 250)
		g.send(connects(1), wire.Connect{Sender: 2, Route: 2, Epoch: 1, Name: "s", Events: []string{long + "1", long + "2"}, Requests: []string{long + "3", long + "4"}})
		return g.thrownOut()
	}, sig.CodeLimit, "NameBytes: the names of one connection's senders may have 1000 bytes"},
	{router.LimitRoutes, router.Limits{RoutesPerPeer: 10}, func(h *hub, g *guest) (uint16, string) {
		g.send(connects(10))
		return g.thrownOut()
	}, sig.CodeLimit, "RoutesPerPeer: route numbers end at 10"},
	{router.LimitSubscriptions, router.Limits{Subscriptions: 1}, func(h *hub, g *guest) (uint16, string) {
		g.send(wire.Subscribe{Sender: "a", Event: "e"}, wire.Subscribe{Sender: "b", Event: "e"})
		var r wire.Refused
		require.NoError(g.t, r.Decode(g.await(wire.TypeRefused)))
		return r.Code, r.Text
	}, sig.CodeLimit, "Subscriptions: one connection may have 1"},
	{router.LimitPendingRequests, router.Limits{PendingRequests: 1}, func(h *hub, g *guest) (uint16, string) {
		release := make(chan struct{})
		h.t.Cleanup(func() { close(release) })
		serve(h.t, h.reg, func(context.Context, *sig.Request) (any, error) { <-release; return 1, nil })
		var c wire.Connect
		require.NoError(g.t, c.Decode(g.await(wire.TypeConnect)))
		g.send(wire.Request{ID: 1, Sender: c.Sender, Method: "m"}, wire.Request{ID: 2, Sender: c.Sender, Method: "m"})
		var r wire.Reply
		require.NoError(g.t, r.Decode(g.await(wire.TypeReply)))
		return r.Code, r.Text
	}, sig.CodeBusy, "PendingRequests: one connection may have 1 under way"},
	{router.LimitFrame, router.Limits{MaxFrame: 4096}, func(h *hub, g *guest) (uint16, string) {
		g.send(event{0, strings.Repeat("1", 5000)})
		return g.thrownOut()
	}, sig.CodeTooLarge, "frame too large"},
	{router.LimitNodes, router.Limits{Nodes: 1}, func(h *hub, g *guest) (uint16, string) {
		g.send(wire.Nodes{Added: []wire.Node{{ID: wire.NodeID{8}, Name: "a"}, {ID: wire.NodeID{9}, Name: "b"}}})
		return g.thrownOut()
	}, sig.CodeLimit, "Nodes: one connection may lead to 1 routers"},
	{router.LimitConnections, router.Limits{Connections: 1}, func(h *hub, g *guest) (uint16, string) {
		return h.refused("")
	}, sig.CodeLimit, "Connections: 1 are open"},
	{router.LimitConnectionsPerIdentity, router.Limits{ConnectionsPerID: 1}, func(h *hub, g *guest) (uint16, string) {
		h.guestAs("pi", wire.Hello{ID: wire.NodeID{2}})
		return h.refused("pi")
	}, sig.CodeLimit, `ConnectionsPerID: 1 of "pi" are open`},
	{router.LimitConnectRate, router.Limits{ConnectRate: 1, ConnectBurst: 2, ConnectionsPerID: 1000}, func(h *hub, g *guest) (uint16, string) {
		for i := range byte(200) { // the third, or a later one if the machine is slow
			k := h.knockAs("pi")
			k.send(wire.Hello{MinVersion: wire.MinVersion, MaxVersion: wire.Version, ID: wire.NodeID{2, i}, Codecs: []string{"json"}})
			var last wire.Abort
			if frame := k.next(); last.Decode(frame) == nil {
				return last.Code, last.Reason
			}
			k.conn.Close()
		}
		return 0, "nobody is refused"
	}, sig.CodeLimit, `ConnectRate: "pi" may connect 2 times at once and 1 times a second`},
	{router.LimitHelloFrame, router.Limits{HelloFrame: 1024}, func(h *hub, g *guest) (uint16, string) {
		k := h.knock()
		k.send(wire.Hello{MinVersion: 1, MaxVersion: 1, ID: wire.NodeID{3}, Name: strings.Repeat("n", 200), Codecs: strings.Split(strings.Repeat("codec ", 200), " ")})
		return k.turnedAway()
	}, sig.CodeTooLarge, "frame too large"},
	{router.LimitHandshake, router.Limits{Handshake: time.Millisecond}, func(h *hub, g *guest) (uint16, string) {
		return h.knock().turnedAway()
	}, sig.CodeTimeout, "the handshake was not over within Handshake (1ms)"},
}

// TestWhoReachesALimitIsTold by a code and the name of the limit; it is counted
// by name, and logged (P11).
func TestWhoReachesALimitIsTold(t *testing.T) {
	for _, row := range whoReaches {
		t.Run(row.limit.String(), func(t *testing.T) {
			var logged lines
			first := row.limits
			if row.limit == router.LimitHandshake {
				first = router.Limits{}
			}
			opts := router.ServerOptions{Limits: first, Logger: slog.New(slog.NewTextHandler(&logged, nil))}
			opts.LimitsFor = func(router.ClientInfo) router.Limits { return router.Limits{Handshake: row.limits.Handshake} }
			h := newLimitedHub(t, opts)
			var g *guest
			if row.limit != router.LimitHandshake {
				g = h.guest(wire.Hello{})
				if row.limit == router.LimitNodes {
					g.conn.Close()
					g = h.guest(wire.Hello{ID: wire.NodeID{7}, Features: wire.FeatureNodes})
				}
			}
			code, text := row.reach(h, g)
			require.Equal(t, row.code, sig.Code(code), text)
			require.Contains(t, text, row.text)
			st := h.srv.Stats()
			require.Equal(t, map[router.Limit]uint64{row.limit: 1}, st.Limits)
			require.EqualValues(t, 1, st.LimitHits)
			require.Contains(t, logged.String(), `msg="limit reached" limit=`+row.limit.String())
		})
	}
}

// thrownOut is the code and the reason by which the hub ends the connection.
func (g *guest) thrownOut() (uint16, string) {
	g.t.Helper()
	bye := g.lastWord()
	return bye.Code, bye.Reason
}

// turnedAway is the code and the reason why a handshake came to nothing.
func (g *guest) turnedAway() (uint16, string) {
	g.t.Helper()
	var last wire.Abort
	require.NoError(g.t, last.Decode(g.await(wire.TypeAbort)))
	return last.Code, last.Reason
}

// refused is the code and the reason why one more connection is not let in.
func (h *hub) refused(principal string) (uint16, string) {
	h.t.Helper()
	k := h.knockAs(principal)
	k.send(wire.Hello{MinVersion: wire.MinVersion, MaxVersion: wire.Version, ID: wire.NodeID{99}, Codecs: []string{"json"}})
	return k.turnedAway()
}

// TestHeldBackByRate: whoever sends more than its allowance waits, for as long
// as that takes, loses nothing and is not taken for dead; another principal does
// not notice.
func TestHeldBackByRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, burst, n = 10, 20, 2000
		h := newLimitedHub(t, router.ServerOptions{LimitsFor: func(who router.ClientInfo) router.Limits {
			if who.Identity.ID != "flood" {
				return router.Limits{}
			}
			return router.Limits{Rate: rate, Burst: burst}
		}})
		var mu sync.Mutex // events of two senders come at the same time
		counts := make(map[sig.Name]int)
		gone := 0
		heard := func(who sig.Name) int { mu.Lock(); defer mu.Unlock(); return counts[who] }
		_, err := sig.Subscribe(h.reg, sig.Any, sig.Any, func(ev sig.Event) {
			mu.Lock()
			defer mu.Unlock()
			switch ev.Name {
			case "e":
				counts[ev.Sender]++
			case sig.EventLost, sig.EventDisconnect:
				gone++
			}
		}, nil)
		require.NoError(t, err)
		desks := map[string]*sig.Sender{}
		var routers []*router.ClientRouter
		for _, who := range []string{"flood", "calm"} {
			reg := quietRegistry(t)
			cr := h.dial(reg, "mem://hub?as="+who, router.ClientOptions{})
			require.NoError(t, cr.WaitConnected(t.Context()))
			routers = append(routers, cr)
			desks[who], err = reg.Connect(sig.Name(who), sig.Spec{Events: []sig.Name{"e"}})
			require.NoError(t, err)
		}
		start := time.Now()
		for i := range n {
			require.NoError(t, desks["flood"].Emit("e", i))
		}
		require.NoError(t, desks["calm"].Emit("e", 1))
		synctest.Wait()
		require.Equal(t, 1, heard("calm"))
		for heard("flood") < n {
			require.Less(t, time.Since(start), 10*time.Minute)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		require.GreaterOrEqual(t, time.Since(start), (n-2*burst-smallBatch)/rate*time.Second)
		mu.Lock()
		require.Zero(t, gone, "nothing is lost, nobody has left")
		mu.Unlock()
		require.NotZero(t, h.srv.Stats().Limits[router.LimitRate])
		for _, cr := range routers {
			require.EqualValues(t, 1, cr.Stats().Connections, "the connection has stood")
			require.NoError(t, cr.Close())
		}
		require.NoError(t, h.srv.Close())
	})
}

// TestHeldBackBehindLargeFrame: room for large frames is no room for more small ones at
// once than anybody else has who is held back.
func TestHeldBackBehindLargeFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, burst, n = 10, 20, 2000
		h := newLimitedHub(t, router.ServerOptions{Limits: router.Limits{Rate: rate, Burst: burst}})
		var heard atomic.Int64
		_, err := sig.Subscribe(h.reg, "pi", "e", func(sig.Event) { heard.Add(1) }, nil)
		require.NoError(t, err)
		pi := h.guest(wire.Hello{ID: wire.NodeID{1}})
		pi.send(wire.Connect{Sender: 1, Epoch: 1, Name: "pi", Events: []string{"e"}, Fresh: true})
		event := func(data string) []byte { return carrier.AppendFrame(nil, wire.AppendEvent(nil, 0, 0, []byte(data))) }
		require.NoError(t, pi.conn.Send(pi.ctx, event(`"`+strings.Repeat("1", 200<<10)+`"`)))
		synctest.Wait()
		require.EqualValues(t, 1, heard.Load())
		require.NoError(t, pi.conn.Send(pi.ctx, bytes.Repeat(event("1"), n)))
		synctest.Wait()
		require.LessOrEqual(t, heard.Load(), int64(burst+2*smallBatch))
		time.Sleep(n / rate * time.Second)
		synctest.Wait()
		require.EqualValues(t, 1+n, heard.Load(), "and none is lost")
		pi.conn.Close()
		require.NoError(t, h.srv.Close())
	})
}

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// smallBatch is how many small events one read of a connection with an allowance
// takes in, about: the last batch is delivered before it is paid for.
const smallBatch = 500

// TestRequestNobodyAnswers is given up after ReplyTTL, whatever its caller says.
func TestRequestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLimitedHub(t, router.ServerOptions{Limits: router.Limits{ReplyTTL: time.Minute}})
		mute := h.guest(wire.Hello{ID: wire.NodeID{1}})
		mute.send(wire.Connect{Sender: 1, Epoch: 1, Name: "mute", Requests: []string{"m"}})
		mute.round()
		asks := h.guest(wire.Hello{ID: wire.NodeID{2}})
		var c wire.Connect
		require.NoError(t, c.Decode(asks.await(wire.TypeConnect)))
		start := time.Now()
		keep := time.AfterFunc(30*time.Second, func() { mute.send(wire.Ping{}); asks.send(wire.Ping{}) })
		defer keep.Stop()
		asks.send(wire.Request{ID: 1, Sender: c.Sender, Method: "m"}, wire.Request{ID: 2, Sender: c.Sender, Method: "m", TimeoutMS: 3_600_000})
		for range 2 {
			var r wire.Reply
			require.NoError(t, r.Decode(asks.await(wire.TypeReply)))
			require.Equal(t, sig.CodeTimeout, sig.Code(r.Code))
			require.Equal(t, time.Minute, time.Since(start))
		}
		mute.await(wire.TypeCancel)
		require.EqualValues(t, 2, h.srv.Stats().Limits[router.LimitReplyTTL])
		mute.conn.Close()
		asks.conn.Close()
		require.NoError(t, h.srv.Close())
	})
}

// TestHeldBackByNames: whoever announces senders again and again waits, so that what
// others are told of them does not fill their queues.
func TestHeldBackByNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const names, n = 50_000, 400 // 189,000 bytes, of which 100,000 may come at once, then 3,333 a second
		h := newLimitedHub(t, router.ServerOptions{Limits: router.Limits{NameBytes: names}})
		slow, restless := h.guest(wire.Hello{ID: wire.NodeID{1}}), h.guest(wire.Hello{ID: wire.NodeID{2}})
		slow.subscribes("**", "**")
		start := time.Now()
		for i := range uint32(n) {
			restless.send(wire.Connect{Sender: i + 1, Route: 1, Epoch: 1, Name: fmt.Sprintf("s/%d", i), Events: []string{strings.Repeat("a", 200), strings.Repeat("b", 200)}},
				wire.Disconnect{Sender: i + 1})
			synctest.Wait()
		}
		for range n {
			slow.await(wire.TypeConnect)
		}
		require.InDelta(t, 24, time.Since(start).Seconds(), 4)
		require.Positive(t, h.srv.Stats().Limits[router.LimitNames])
		slow.conn.Close()
		restless.conn.Close()
		require.NoError(t, h.srv.Close())
	})
}

// TestStrangersShareABudget: what those may send whom nobody knows yet is bounded
// as a whole, also where a listener lets each send more.
func TestStrangersShareABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLimitedHub(t, router.ServerOptions{
			Limits:    router.Limits{UnauthenticatedBytes: 40 << 10},
			LimitsFor: func(router.ClientInfo) router.Limits { return router.Limits{HelloFrame: 16 << 10} },
		})
		first, second, third := h.knock(), h.knock(), h.knock()
		hello := wire.Hello{MinVersion: wire.MinVersion, MaxVersion: wire.Version, Codecs: []string{"json"}}
		hello.ID[0] = 3
		third.send(hello)
		synctest.Wait()
		require.Empty(t, h.srv.Clients(), "two have the budget")
		require.EqualValues(t, 1, h.srv.Stats().Limits[router.LimitUnauthenticatedBytes])
		hello.ID[0] = 1
		first.send(hello)
		synctest.Wait()
		require.Len(t, h.srv.Clients(), 2, "who is known makes room")
		for _, g := range []*guest{first, second, third} {
			g.conn.Close()
		}
		require.NoError(t, h.srv.Close())
	})
}
