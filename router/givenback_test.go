package router_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// behindAnEdge is a chain: a sender at the hub, an edge under a policy, a client of
// the edge as "device", whose one subscription is to everything.
//
//	kitchen - hub ---- edge (policy) ---- device
type behindAnEdge struct {
	*guardedEdge
	kitchen *sig.Sender
	device  *sig.Registry
	got     chan sig.Event // a #lost among them
	open    []acl.Rule
}

// newBehindAnEdge has the hub's limits, and first given to the edge before the client
// comes.
func newBehindAnEdge(t *testing.T, limits router.Limits, first ...acl.Rule) *behindAnEdge {
	t.Helper()
	c := &behindAnEdge{got: make(chan sig.Event, 1<<16), open: append(everything("device"), everything("upstream")...)}
	c.open = append(c.open, everything("other")...)
	h := newHub(t, limits)
	c.guardedEdge = newGuardedEdge(t, h, policyOf(t, append(c.open, first...)...))
	var err error
	c.kitchen, err = h.reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"smoke", "temp"}})
	require.NoError(t, err)
	c.device = c.joins("device")
	sub, err := sig.Subscribe(c.device, sig.Any, sig.Any, func(ev sig.Event) {
		if ev.Name != sig.EventConnect {
			c.got <- ev
		}
	}, &sig.SubscribeOptions{OnLost: func(l sig.Lost) { c.got <- sig.Event{Sender: l.Sender, Name: sig.EventLost, Data: l} }})
	require.NoError(t, err)
	require.NoError(t, sub.InForce(c.ctx))
	return c
}

// joins connects a client to the edge.
func (c *behindAnEdge) joins(who string) *sig.Registry {
	c.t.Helper()
	reg := quietRegistry(c.t)
	require.NoError(c.t, c.dial(reg, "mem://edge?as="+who, router.ClientOptions{}).WaitConnected(c.ctx))
	return reg
}

// takes puts a policy in force under which the device hears no smoke, and gives one
// under which it does.
func (c *behindAnEdge) takes() {
	c.srv.SetAuthorizer(policyOf(c.t, append(c.open[:len(c.open):len(c.open)], noSmoke)...))
}
func (c *behindAnEdge) gives() { c.srv.SetAuthorizer(policyOf(c.t, c.open...)) }

var noSmoke = deny("device", acl.Subscribe, "**", "smoke")

// hears returns the data of the device's next event, which is one of that name.
func (c *behindAnEdge) hears(name sig.Name) any {
	c.t.Helper()
	ev := receive(c.t, c.ctx, c.got)
	require.Equal(c.t, name, ev.Name, "%v", ev)
	return ev.Data
}

// TestGivenBackBehindARouter: a policy of the second router takes an event from a
// subscription that stays in force at the first one, and gives it back. It is heard
// from then on, without a word of the client's; what was emitted meanwhile is not, and
// is no loss (P7).
func TestGivenBackBehindARouter(t *testing.T) {
	c := newBehindAnEdge(t, router.Limits{})
	for n := range 20 {
		c.takes()
		for range n { // several, or none
			require.NoError(t, c.kitchen.Emit("smoke", "forbidden"))
		}
		require.NoError(t, c.kitchen.Emit("temp", n))
		require.EqualValues(t, n, c.hears("temp"), "behind all that was forbidden")
		c.gives()
		require.NoError(t, c.kitchen.Emit("smoke", n))
		require.EqualValues(t, n, c.hears("smoke"))
	}
}

// TestDeniedToTheFirst: who subscribes to what somebody else's pattern covers, and may
// have what the other may not, gets it; the hub sends it all the time.
func TestDeniedToTheFirst(t *testing.T) {
	c := newBehindAnEdge(t, router.Limits{}, noSmoke)
	other, heard := c.joins("other"), make(chan any, 8)
	for n := range 3 { // subscribe, and subscribe again
		require.NoError(t, c.kitchen.Emit("smoke", "before"))
		require.NoError(t, c.kitchen.Emit("temp", n))
		require.EqualValues(t, n, c.hears("temp"))
		sub, err := sig.Subscribe(other, "kitchen", "smoke", func(ev sig.Event) { heard <- ev.Data }, nil)
		require.NoError(t, err)
		require.NoError(t, sub.InForce(c.ctx))
		require.NoError(t, c.kitchen.Emit("smoke", n))
		require.EqualValues(t, n, receive(t, c.ctx, heard))
		sub.Unsubscribe()
		require.NoError(t, other.Sync(c.ctx))
	}
	require.Empty(t, c.got)
}

// TestGivenBackWithTheSender: the edge keeps the sender out while one of its clients
// begins to want what nobody had wanted before.
func TestGivenBackWithTheSender(t *testing.T) {
	h := newHub(t, router.Limits{})
	open := append(everything("device"), everything("upstream")...)
	e := newGuardedEdge(t, h, policyOf(t, open...))
	kiosk, err := h.reg.Connect("kiosk", sig.Spec{Events: []sig.Name{"key"}})
	require.NoError(t, err)
	clock, err := h.reg.Connect("clock", sig.Spec{Events: []sig.Name{"tick"}})
	require.NoError(t, err)
	device, heard := quietRegistry(t), make(chan any, 8)
	require.NoError(t, e.dial(device, "mem://edge?as=device", router.ClientOptions{}).WaitConnected(e.ctx))
	require.Eventually(t, func() bool { return len(device.Senders()) == 2 }, patience, time.Millisecond)
	e.srv.SetAuthorizer(policyOf(t, append(open, deny("upstream", acl.Emit, "kiosk", "**"))...))
	require.Len(t, e.reg.Senders(), 1)
	for _, p := range []sig.Pattern{{Sender: "kiosk", Event: "key"}, {Sender: "clock", Event: "tick"}} {
		sub, err := sig.Subscribe(device, p.Sender, p.Event, func(ev sig.Event) { heard <- ev.Data }, nil)
		require.NoError(t, err)
		require.NoError(t, sub.InForce(e.ctx))
	}
	require.NoError(t, kiosk.Emit("key", "forbidden"))
	require.NoError(t, clock.Emit("tick", "behind it"))
	require.EqualValues(t, "behind it", receive(t, e.ctx, heard))
	e.srv.SetAuthorizer(policyOf(t, open...))
	require.Len(t, e.reg.Senders(), 2)
	require.NoError(t, kiosk.Emit("key", 1))
	require.EqualValues(t, 1, receive(t, e.ctx, heard))
}

// TestTakenAndGivenInAStream asserts P7 exactly, with a hub that drops what the edge is
// too slow for: while the policy changes at random between markers that are held back,
// and so never lost, each event of a stretch in which the device may hear it is
// delivered or announced, and none of another.
func TestTakenAndGivenInAStream(t *testing.T) {
	c := newBehindAnEdge(t, router.Limits{OutboundBytes: 8 << 10})
	allowed, lost := true, uint64(0)
	for stretch := range 100 {
		n := rand.IntN(60)
		for i := range n {
			require.NoError(t, c.kitchen.Emit("smoke", fmt.Sprint(stretch, " ", i, strings.Repeat(" ", rand.IntN(600)))))
		}
		require.NoError(t, c.kitchen.EmitWait(c.ctx, "temp", stretch))
		lost += c.stretch(stretch, n, allowed)
		switch rand.IntN(4) {
		case 0, 1: // the same goes on
		case 2:
			allowed = !allowed
			c.apply(allowed)
		case 3: // there and back
			c.apply(!allowed)
			c.apply(allowed)
		}
	}
	t.Logf("%d events of allowed stretches were lost, and announced", lost)
}

func (c *behindAnEdge) apply(allowed bool) {
	if allowed {
		c.gives()
	} else {
		c.takes()
	}
}

// stretch takes in what comes up to a marker, in front of which n events were emitted.
func (c *behindAnEdge) stretch(marker, n int, allowed bool) (lost uint64) {
	c.t.Helper()
	next := 0
	for {
		ev := receive(c.t, c.ctx, c.got)
		switch ev.Name {
		case sig.EventLost:
			l := ev.Data.(sig.Lost)
			require.EqualValues(c.t, "smoke", l.Event)
			require.True(c.t, allowed, "%v: of what it may not hear", l)
			next += int(l.Count)
			lost += l.Count
		case "smoke":
			require.True(c.t, allowed, "%v: forbidden", ev)
			require.Equal(c.t, fmt.Sprint(marker, " ", next), strings.TrimRight(ev.Data.(string), " "))
			next++
		case "temp":
			require.EqualValues(c.t, marker, ev.Data)
			if allowed {
				require.Equal(c.t, n, next, "stretch %d: what has come and what was announced", marker)
			}
			return lost
		}
	}
}

// TestRouteOfAnInterestThatHasEnded: a ROUTE without begin that crosses UNSUBSCRIBE and
// SUBSCRIBE belongs to the interest that has ended, and what follows it.
func TestRouteOfAnInterestThatHasEnded(t *testing.T) {
	p := newPeer(t)
	e := listens(t, p.reg)
	p.send(p.welcome(), wire.Connect{Sender: 1, Route: 7, Epoch: 1, Name: "kitchen", Events: []string{"temp"}})
	p.send(wire.Route{Route: 7, Seq: 5, Begin: true}, event{7, "5"})
	require.Equal(t, 5, receive(t, p.ctx, e.heard))
	p.round()
	e.sub.Unsubscribe()
	e = listens(t, p.reg)
	defer e.sub.Unsubscribe()
	p.send(wire.Lost{Route: 7, Count: 2, Reason: 2}, wire.Route{Route: 7, Seq: 9}, event{7, "9"}) // these cross
	p.send(wire.Route{Route: 7, Seq: 12, Begin: true}, event{7, "12"})
	require.Equal(t, 12, receive(t, p.ctx, e.heard))
	p.round()
	assert.Empty(t, e.heard)
	assert.Empty(t, e.lost)
}
