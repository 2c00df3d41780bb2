package routertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var returning = []promise{
	{name: "P9/return to the first address", where: connections, run: returnToFirst},
	{name: "P9/return to another router", where: connections, run: returnToAnother},
	{name: "P9/an edge router returns", where: connections, run: edgeReturns},
	{name: "P9/return when a request is answered", where: connections, run: returnAfterRequest},
	{name: "P9/no return to where the handshake fails", where: connections, run: noReturnToImpostor},
}

// soon is how often clients of these cases try to return.
const soon = 5 * time.Millisecond

// later is a URL at which a server can listen later.
func (k *kit) later() string {
	k.Helper()
	gone := k.serve("gone", options{})
	k.must(gone.router.Close(), "close")
	return gone.addr
}

// awaitAddress waits until the client is connected to an address.
func (c *client) awaitAddress(addr string) {
	c.k.Helper()
	c.states.await(c.k, fmt.Sprintf("%s to be connected to %s", c.reg.Name(), addr), func(states []router.State) bool {
		return len(connectedTo(states, addr)) > 0
	})
}

func connectedTo(states []router.State, addr string) []router.State {
	return slices.DeleteFunc(slices.Clone(states), func(st router.State) bool {
		return st.Phase != router.Connected || st.Address != addr
	})
}

// stream is events both ways between a client that returns and another one.
type stream struct {
	k         *kit
	out, in   *ear     // what the other hears of the client, and the client of the other
	near, far *speaker // of the client, and of the other
	n         int      // numbers emitted
}

func (k *kit) stream(client, other *sig.Registry) *stream {
	k.Helper()
	st := &stream{k: k, out: k.listen(other, "near", sig.Any, nil), in: k.listen(client, "far", sig.Any, nil)}
	spec := sig.Spec{Events: []sig.Name{"temp"}}
	st.near = k.connect(&sides{from: client, to: other}, "near", spec)
	st.far = k.connect(&sides{from: other, to: client}, "far", spec)
	st.say(10)
	st.near.finish()
	st.far.finish()
	return st
}

func (st *stream) say(n int) {
	st.k.Helper()
	for _, sp := range []*speaker{st.near, st.far} {
		sp.say("temp", st.n+1, st.n+n)
	}
	st.n += n
}

// sayUntil goes on with the stream until something has happened.
func (st *stream) sayUntil(done func() bool) {
	st.k.Helper()
	for !done() {
		st.say(1)
		wait := time.NewTimer(100 * time.Microsecond) // not a flood, which would be dropped somewhere
		select {
		case <-wait.C:
		case <-st.k.ctx.Done():
			st.k.Fatalf("P9: after %d events the client has not returned", st.n)
		}
	}
}

// check ends the stream: nothing of the client's is lost, and what it has missed
// is announced to it. Each side has seen the other leave so often.
func (st *stream) check(departures int) {
	k := st.k
	k.Helper()
	st.say(10)
	st.near.finish()
	st.far.finish()
	if _, lost := k.account(st.out.heard.all(), "temp", 1, st.n); lost > 0 {
		k.Errorf("P9: returning has lost %d events of the client's", lost)
	}
	delivered, lost := k.account(st.in.heard.all(), "temp", 1, st.n)
	k.Logf("to the client: %d delivered, %d announced as lost", delivered, lost)
	for _, e := range []*ear{st.out, st.in} {
		sender := sig.Name(strings.Fields(e.what)[0])
		k.inLives(e, sender)
		n := 0
		for _, line := range e.of(sender) {
			if line == "#disconnect" {
				n++
			}
		}
		if n != departures {
			k.Errorf("P9: %s has left %d times, want %d", sender, n, departures)
		}
	}
}

// returnToFirst: one server, two addresses. Who has not asked for it stays.
func returnToFirst(k *kit) {
	first := k.later()
	srv := k.serve("hub", options{})
	stays := k.join("stays", options{}, first, srv.addr)
	c := k.join("returns", options{returns: soon, codec: k.world.Senders}, first, srv.addr)
	other := k.join("other", options{codec: k.world.Subscribers}, srv.addr)
	st := k.stream(c.reg, other.reg)
	_, err := srv.router.Listen(k.ctx, first)
	k.must(err, "listen on the first address")
	st.sayUntil(func() bool { return len(connectedTo(c.states.all(), first)) > 0 })
	st.check(1)
	for _, state := range c.states.all() {
		if errors.Is(state.Err, router.ErrReturning) && strings.Contains(state.Err.Error(), first) {
			if stays.connections() != 1 {
				k.Errorf("P9: a client that has not asked to return has done so: %+v", stays.states.all())
			}
			return
		}
	}
	k.Errorf("P9: no state says why the connection ended: %+v", c.states.all())
}

func returnToAnother(k *kit) { k.returnToAnother(false) }

func edgeReturns(k *kit) { k.returnToAnother(true) }

// returnToAnother router of the same signal space. An edge router has to be
// forgotten there first, or it would close a ring.
func (k *kit) returnToAnother(edge bool) {
	addr := k.later()
	first, second := k.serve("first", options{}), k.serve("second", options{})
	k.dial(first.reg, options{}, second.addr).awaitConnected(1)
	reg := k.registry("returns")
	near := reg
	if edge {
		near = k.join("client of the edge", options{}, k.serveAt(reg, k.setup.listen(), options{}).addr).reg
	}
	c := k.dial(reg, options{returns: soon, codec: k.world.Senders}, addr, second.addr)
	c.awaitConnected(1)
	other := k.join("other", options{codec: k.world.Subscribers}, second.addr)
	st := k.stream(near, other.reg)
	k.listenOn(first.router, addr)
	st.sayUntil(func() bool { return len(connectedTo(c.states.all(), addr)) > 0 })
	k.awaitPresent(near, "far")
	st.check(1)
}

// returnAfterRequest: a request under way is answered before the client goes.
func returnAfterRequest(k *kit) {
	addr := k.later()
	srv := k.serve("hub", options{})
	c := k.join("returns", options{returns: soon, codec: k.world.Senders}, addr, srv.addr)
	asked, reply := make(chan struct{}), make(chan struct{})
	_, err := srv.reg.Connect("slow", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
		"ask": func(context.Context, *sig.Request) (any, error) {
			close(asked)
			<-reply
			return k.num(1), nil
		},
	}})
	k.must(err, "connect")
	k.awaitPresent(c.reg, "slow")
	wait := k.background(func() error {
		_, err := c.reg.Request(k.ctx, "slow", "ask", nil)
		return err
	})
	receive(k, asked, "the request")
	k.listenOn(srv.router, addr)
	srv.clients.awaitOne(k, "the client to find that its first address answers", func(ev router.ClientEvent) bool {
		return !ev.Open // it has hung up, and now waits for the answer
	})
	close(reply)
	wait()
	c.awaitAddress(addr)
}

// noReturnToImpostor: somebody answers at the first address, but is no router.
func noReturnToImpostor(k *kit) {
	srv := k.serve("hub", options{})
	set, err := carrier.NewSet(k.setup.Carriers...)
	k.must(err, "carriers")
	ln, err := set.Listen(k.ctx, k.setup.listen())
	k.must(err, "listen")
	c := k.dial(k.registry("stays"), options{returns: soon}, ln.Addr(), srv.addr)
	wait := k.background(func() error { return impostor(k.ctx, ln, 5) })
	c.awaitConnected(1)
	wait()
	if states := c.states.all(); states[len(states)-1].Phase != router.Connected || c.connections() != 1 {
		k.Errorf("P9: the client has left its connection for one that fails: %+v", states)
	}
}

// impostor takes so many connections, and hangs up when their HELLO has come.
func impostor(ctx context.Context, ln carrier.Listener, n int) error {
	defer ln.Close()
	for range n {
		conn, err := ln.Accept(ctx)
		if err != nil {
			return err
		}
		if carrier.Handshake(ctx, conn) == nil {
			_, err = conn.Receive(ctx, nil)
		}
		conn.Close()
		if err != nil {
			return fmt.Errorf("waiting for the HELLO: %w", err)
		}
	}
	return nil
}
