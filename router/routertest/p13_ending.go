package routertest

import (
	"context"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var ending = []promise{
	{name: "P13/Shutdown of a client drains", where: connections, run: clientDrains},
	{name: "P13/Shutdown of a server drains", where: connections, run: serverDrains},
	{name: "P13/Shutdown lets requests be answered", where: connections, run: shutdownAnswers},
	{name: "P13/Close twice, and from several goroutines", where: connections, run: closeTwice},
	{name: "P13/Shutdown of a registry drains", where: inProcess, run: registryDrains},
}

const drained = 5000

func clientDrains(k *kit) {
	srv := k.serve("hub", options{})
	c := k.join("client", options{}, srv.addr)
	e := k.listen(srv.reg, "kitchen", sig.Any, nil)
	sp, err := c.reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	k.must(err, "connect")
	for n := range drained {
		k.must(sp.Emit("temp", k.num(n)), "emit")
	}
	k.must(c.router.Shutdown(k.ctx), "P13: shut down")
	k.must(c.router.Shutdown(k.ctx), "P13: shut down again")
	e.await("kitchen #disconnect")
	if _, lost := k.account(e.heard.all(), "temp", 0, drained-1); lost > 0 {
		k.Errorf("P13: Shutdown has lost %d", lost)
	}
	if st := c.router.State(); st.Phase != router.Closed {
		k.Errorf("P13: after Shutdown the client is %v", st.Phase)
	}
	k.is(c.router.WaitConnected(k.ctx), sig.ErrClosed, "P13: waiting for a client that was shut down")
}

func serverDrains(k *kit) {
	srv := k.serve("hub", options{})
	c := k.join("client", options{}, srv.addr)
	e := k.listen(c.reg, "kitchen", sig.Any, nil)
	sp, err := srv.reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	k.must(err, "connect")
	for n := range drained {
		k.must(sp.Emit("temp", k.num(n)), "emit")
	}
	k.must(srv.router.Shutdown(k.ctx), "P13: shut down")
	k.must(srv.router.Shutdown(k.ctx), "P13: shut down again")
	e.await("kitchen #disconnect")
	if _, lost := k.account(e.heard.all(), "temp", 0, drained-1); lost > 0 {
		k.Errorf("P13: Shutdown has lost %d", lost)
	}
	st := c.states.awaitOne(k, "the client to know why", func(st router.State) bool { return st.Err != nil })
	k.is(st.Err, sig.ErrClosed, "P13: what the client is told")
	_, err = srv.router.Listen(k.ctx, k.setup.listen())
	k.is(err, sig.ErrClosed, "P13: listening after Shutdown")
}

// shutdownAnswers: requests under way are answered first.
func shutdownAnswers(k *kit) {
	srv := k.serve("hub", options{})
	c := k.join("client", options{}, srv.addr)
	began, finish := make(chan struct{}, 1), make(chan struct{}) // one request; closed by the test
	_, err := srv.reg.Connect("desk", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
		"slow": func(ctx context.Context, r *sig.Request) (any, error) {
			began <- struct{}{}
			select {
			case <-finish:
				return r.Data, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
	}})
	k.must(err, "connect")
	k.awaitPresent(c.reg, "desk")
	wait := k.background(func() error {
		_, err := c.reg.Request(k.ctx, "desk", "slow", k.num(1))
		return err
	})
	receive(k, began, "the handler")
	down := k.background(func() error { return srv.router.Shutdown(k.ctx) })
	close(finish)
	wait()
	down()
}

func closeTwice(k *kit) {
	srv := k.serve("hub", options{})
	c := k.join("client", options{}, srv.addr)
	lonely := k.dial(k.registry("lonely"), options{}, srv.addr)
	var waits []func()
	for range 3 {
		waits = append(waits, k.background(srv.router.Close), k.background(c.router.Close), k.background(lonely.router.Close))
	}
	for _, wait := range waits {
		wait()
	}
	k.must(srv.router.Close(), "P13: close again")
	k.must(c.router.Close(), "P13: close again")
	k.must(srv.router.Shutdown(k.ctx), "P13: shut down after Close")
}

// registryDrains: queues are emptied before Shutdown returns.
func registryDrains(k *kit) {
	reg := k.registry("plain")
	e := k.listen(reg, "kitchen", "temp", &sig.SubscribeOptions{Queue: drained})
	sp, err := reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	k.must(err, "connect")
	for n := range drained {
		k.must(sp.Emit("temp", k.num(n)), "emit")
	}
	k.must(reg.Shutdown(k.ctx), "P13: shut down")
	if _, lost := k.account(e.heard.all(), "temp", 0, drained-1); lost > 0 {
		k.Errorf("P13: Shutdown has lost %d", lost)
	}
	k.is(sp.Emit("temp", k.num(0)), sig.ErrNotConnected, "P13: emitting afterwards")
	_, err = sig.Subscribe(reg, "a", "b", func(sig.Event) {}, nil)
	k.is(err, sig.ErrClosed, "P13: subscribing afterwards")
	k.must(reg.Shutdown(k.ctx), "P13: shut down again")
}
