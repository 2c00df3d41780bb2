package routertest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var chains = []promise{
	{name: "P12/three routers in a row", where: connections, run: threeInARow},
	{name: "P12/ring", where: connections, run: ring},
	{name: "P12/two ways to the same router", where: connections, run: twoWays},
}

// threeInARow has a client at each of three routers; the one in the middle dies
// and comes back.
func threeInARow(k *kit) {
	left, middle, right := k.serve("left", options{}), k.serve("middle", options{}), k.serve("right", options{})
	joints := []*client{k.dial(left.reg, options{}, middle.addr), k.dial(right.reg, options{}, middle.addr)}
	clients := []*client{k.join("c1", options{}, left.addr), k.join("c2", options{}, middle.addr), k.join("c3", options{}, right.addr)}
	for _, j := range joints {
		j.awaitConnected(1)
	}
	ears := make([]*ear, len(clients))
	senders := make([]*sig.Sender, len(clients))
	for i, c := range clients {
		name := sig.Name(fmt.Sprintf("s%d", i))
		var err error
		senders[i], err = c.reg.Connect(name, sig.Spec{Events: []sig.Name{"t"}, Requests: map[sig.Name]sig.RequestHandler{
			"who": func(context.Context, *sig.Request) (any, error) { return string(name), nil },
		}})
		k.must(err, "connect")
	}
	for i, c := range clients {
		for _, other := range senders {
			k.awaitPresent(c.reg, other.Name())
		}
		ears[i] = k.listen(c.reg, sig.Any, "t", nil)
	}
	k.everyoneHears(clients, senders, ears, 1)
	k.must(middle.router.Close(), "close the middle")
	for i := range clients {
		for _, other := range senders {
			if joints[0] != nil && i != 1 && other != senders[i] {
				k.awaitAbsent(clients[i].reg, other.Name())
			}
		}
	}
	k.serveAt(k.registry("middle again"), middle.addr, options{})
	for i, c := range clients {
		for _, other := range senders {
			k.awaitPresent(c.reg, other.Name())
		}
		k.must(ears[i].sub.InForce(k.ctx), "in force")
	}
	k.everyoneHears(clients, senders, ears, 101)
}

// everyoneHears lets each sender say something, and each client ask each.
func (k *kit) everyoneHears(clients []*client, senders []*sig.Sender, ears []*ear, first int) {
	k.Helper()
	const n = 50
	for _, s := range senders {
		for i := range n {
			k.must(s.EmitWait(k.ctx, "t", k.num(first+i)), "emit")
		}
	}
	for i, e := range ears {
		for _, s := range senders {
			e.await(fmt.Sprintf("%s t %d", s.Name(), first+n-1))
			var got []sig.Event
			for _, ev := range e.heard.all() {
				if ev.Sender == s.Name() && (ev.Name == sig.EventLost || k.number(ev.Data) >= first) {
					got = append(got, ev)
				}
			}
			k.account(got, "t", first, first+n-1)
			who, err := sig.Call[string](k.ctx, clients[i].reg, s.Name(), "who", nil)
			k.must(err, "P12: request over all hops")
			if who != string(s.Name()) {
				k.Errorf("P12: %s answers as %s", s.Name(), who)
			}
		}
	}
}

// ring: whoever closes it is refused, with the name of whom it already reaches.
func ring(k *kit) {
	a, b, c := k.serve("alpha", options{}), k.serve("beta", options{}), k.serve("gamma", options{})
	k.dial(b.reg, options{}, a.addr).awaitConnected(1)
	k.dial(c.reg, options{}, b.addr).awaitConnected(1)
	k.expectRing(k.dial(a.reg, options{}, c.addr), "alpha", "beta", "gamma")
	k.expectRing(k.dial(a.reg, options{}, a.addr), "alpha")
	e := k.listen(c.reg, "kitchen", "t", nil) // the others go on
	sender, err := a.reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"t"}})
	k.must(err, "connect")
	k.must(sender.EmitWait(k.ctx, "t", k.num(1)), "emit")
	e.hears("P12: beside a ring that was refused", "kitchen t 1")
}

func (k *kit) expectRing(c *client, names ...string) {
	k.Helper()
	st := c.states.awaitOne(k, "the ring to be refused", func(st router.State) bool { return st.Err != nil })
	k.is(st.Err, sig.ErrRing, "P12: a ring of routers")
	if !slices.ContainsFunc(names, func(name string) bool { return strings.Contains(st.Err.Error(), name) }) {
		k.Errorf("P12: the error names none of %v: %v", names, st.Err)
	}
	if c.connections() > 0 {
		k.Error("P12: the ring was closed for a while")
	}
	k.must(c.router.Close(), "close")
}

func twoWays(k *kit) {
	a, b := k.serve("alpha", options{}), k.serve("beta", options{})
	k.dial(b.reg, options{}, a.addr).awaitConnected(1)
	k.expectRing(k.dial(b.reg, options{}, a.addr), "alpha", "beta")
	k.expectRing(k.dial(a.reg, options{}, b.addr), "alpha", "beta")
}
