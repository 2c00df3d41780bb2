package routertest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var heldBack = []promise{
	{name: "P7/held-back emission loses nothing and stops one emitter only", run: heldBackEmission},
	{name: "P7/held-back emission with several subscribers", run: heldBackSeveral},
	{name: "P7/held-back emission ends with its context", run: heldBackContext},
	{name: "P7/held-back emission goes on without a subscriber that leaves", run: heldBackLeaver},
	{name: "P7/TryEmit", run: tryEmit},
	{name: "P7/held back over a full line", where: joined, slow: true, run: heldBackBytes},
}

// window is small, so that few events show what many would.
var window = options{limits: router.Limits{WindowEvents: 16, WindowBytes: 4 << 10}}

// turnstile lets a handler take as many events as it was told.
type turnstile struct {
	k    *kit
	pass chan struct{}
}

func (t turnstile) wait(sig.Event) {
	select {
	case <-t.pass:
	case <-t.k.ctx.Done():
	}
}

func heldBackEmission(k *kit) {
	s := k.open(window)
	const n = 1000
	slow := turnstile{k, make(chan struct{})}
	e := k.listenAnd(s.to, "slow", "temp", &sig.SubscribeOptions{Queue: 8}, slow.wait)
	quick := k.listen(s.to, "quick", "temp", nil)
	emitter, beside := k.connect(s, "slow", sig.Spec{Events: []sig.Name{"temp"}}), k.connect(s, "quick", sig.Spec{Events: []sig.Name{"temp"}})
	var emitted journal[int]
	wait := k.background(func() error {
		for i := 1; i <= n; i++ {
			if err := emitter.EmitWait(k.ctx, "temp", k.num(i)); err != nil {
				return fmt.Errorf("held-back emission %d: %w", i, err)
			}
			emitted.add(i)
		}
		return nil
	})
	emitted.await(k, "the queue to be full", func(all []int) bool { return len(all) >= 8 })
	for i := 1; i <= 200; i++ { // a whole way each, beside the one that waits
		k.must(beside.EmitWait(k.ctx, "temp", k.num(i)), "emit beside")
		quick.awaitLen(i)
	}
	if out := len(emitted.all()); out > 8+4*16+8 {
		k.Errorf("P7: %d events were emitted before the subscriber has taken one", out)
	}
	for range n {
		slow.pass <- struct{}{}
	}
	wait()
	e.awaitLen(n)
	if _, lost := k.account(e.heard.all(), "temp", 1, n); lost > 0 {
		k.Errorf("P7: held-back emission has lost %d", lost)
	}
}

func heldBackSeveral(k *kit) {
	s := k.open(window)
	const n = 300
	var ears []*ear
	for i := range 4 {
		ears = append(ears, k.listen(s.to, "kitchen", []sig.Name{"temp", "*"}[i%2], &sig.SubscribeOptions{Queue: 3 * i}))
	}
	near := k.listen(s.from, "kitchen", "temp", &sig.SubscribeOptions{Queue: 2})
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	for i := 1; i <= n; i++ {
		k.must(sp.EmitWait(k.ctx, "temp", k.num(i)), "held-back emission")
	}
	for _, e := range append(ears, near) {
		e.awaitLen(n)
		if _, lost := k.account(e.heard.all(), "temp", 1, n); lost > 0 {
			k.Errorf("P7: held-back emission has lost %d", lost)
		}
	}
}

func heldBackContext(k *kit) {
	s := k.open(window)
	g := k.gate()
	e := k.listenAnd(s.to, "kitchen", "temp", &sig.SubscribeOptions{Queue: 1}, g.pass)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	n := 0
	for {
		ctx, cancel := context.WithTimeout(k.ctx, 100*time.Millisecond)
		err := sp.EmitWait(ctx, "temp", k.num(n+1))
		cancel()
		if err != nil {
			k.is(err, sig.ErrTimeout, "P7: an emitter that waits in vain")
			break
		}
		if n++; n > 1000 {
			k.Fatal("P7: EmitWait never waits, although nobody takes the events")
		}
	}
	close(g.opened)
	e.awaitLen(n)
	sp.finish()
	if _, lost := k.account(e.heard.all(), "temp", 1, n); lost > 0 {
		k.Errorf("P7: held-back emission has lost %d", lost)
	}
}

// heldBackLeaver: who unsubscribes has room for anything.
func heldBackLeaver(k *kit) {
	s := k.open(window)
	g := k.gate()
	full := k.listenAnd(s.to, "kitchen", "temp", &sig.SubscribeOptions{Queue: 1}, g.pass)
	stays := k.listen(s.to, "kitchen", "temp", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	const n = 200
	wait := k.background(func() error {
		for i := 1; i <= n; i++ {
			if err := sp.EmitWait(k.ctx, "temp", k.num(i)); err != nil {
				return err
			}
		}
		return nil
	})
	receive(k, g.reached, "the handler")
	full.sub.Unsubscribe()
	wait()
	sp.finish()
	close(g.opened)
	if _, lost := k.account(stays.heard.all(), "temp", 1, n); lost > 0 {
		k.Errorf("P7: held-back emission has lost %d", lost)
	}
}

// tryEmit fails where it would have to wait, and then reaches nobody.
func tryEmit(k *kit) {
	s := k.open(window)
	g := k.gate()
	e := k.listenAnd(s.to, "kitchen", "temp", &sig.SubscribeOptions{Queue: 4}, g.pass)
	other := k.listen(s.to, "kitchen", "temp", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	n := 0
	for {
		err := sp.TryEmit("temp", k.num(n+1))
		if errors.Is(err, sig.ErrBusy) {
			break
		}
		k.must(err, "TryEmit")
		if n++; n > 1000 {
			k.Fatal("P7: TryEmit never fails, although nobody takes the events")
		}
	}
	if n == 0 {
		k.Fatal("P7: TryEmit fails at once, although there is room")
	}
	close(g.opened)
	k.must(sp.EmitWait(k.ctx, "temp", k.num(n+1)), "once there is room")
	sp.finish()
	for _, each := range []*ear{e, other} {
		each.awaitLen(n + 1)
		if _, lost := k.account(each.heard.all(), "temp", 1, n+1); lost > 0 {
			k.Errorf("P7: of what TryEmit has accepted %d were lost", lost)
		}
	}
}

// heldBackBytes fills the line and the buffers with other events meanwhile:
// held-back ones are never dropped.
func heldBackBytes(k *kit) {
	s := k.open(options{limits: router.Limits{InboundBytes: 16 << 10, OutboundBytes: 16 << 10, WindowEvents: 16, WindowBytes: 4 << 10}})
	held := k.listen(s.to, "kitchen", "held", &sig.SubscribeOptions{Queue: 4})
	plain := k.listen(s.to, "kitchen", "plain", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"held", "plain"}})
	const n, each = 200, 20
	for i := 1; i <= n; i++ {
		for j := range each {
			k.must(sp.Emit("plain", k.num(i*each+j)), "emit")
		}
		k.must(sp.EmitWait(k.ctx, "held", k.num(i)), "held-back emission")
	}
	sp.finish()
	held.awaitLen(n)
	if _, lost := k.account(held.heard.all(), "held", 1, n); lost > 0 {
		k.Errorf("P7: held-back emission has lost %d", lost)
	}
	k.account(plain.heard.all(), "plain", each, n*each+each-1)
}
