package routertest

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var losses = []promise{
	{name: "P7/policies of a full queue", run: policies},
	{name: "P7/keep latest of each", run: keepLatest},
	{name: "P7/block holds the emitter back in process", where: inProcess, run: blocks},
	{name: "P7/payload that does not fit", run: badPayload},
	{name: "P7/losses on the way add up, in order", where: joined, run: lossesAddUp},
	{name: "P7/losses of many routes add up", where: joined, slow: true, run: lossesOfMany},
}

// gate lets a handler be held at its first event.
type gate struct {
	k       *kit
	once    sync.Once
	reached chan struct{} // closed when the first event is there
	opened  chan struct{} // closed by the test
}

func (k *kit) gate() *gate {
	return &gate{k: k, reached: make(chan struct{}), opened: make(chan struct{})}
}

func (g *gate) pass(sig.Event) {
	g.once.Do(func() {
		close(g.reached)
		select {
		case <-g.opened:
		case <-g.k.ctx.Done():
		}
	})
}

// policies fills a queue of three behind a handler that is busy.
func policies(k *kit) {
	s := k.open(options{})
	type row struct {
		policy sig.Policy
		want   []string
		err    error
	}
	rows := []row{
		{sig.DropOldest, []string{"temp 1", "#lost 6 temp: queue full", "temp 8", "temp 9", "temp 10"}, nil},
		{sig.DropNewest, []string{"temp 1", "temp 2", "temp 3", "temp 4", "#lost 6 temp: queue full"}, nil},
		{sig.KeepLatest, []string{"temp 1", "#lost 6 temp: queue full", "temp 8", "temp 9", "temp 10"}, nil},
		{sig.Disconnect, []string{"temp 1", "temp 2", "temp 3", "temp 4", "#lost 1 temp: queue full"}, sig.ErrLimit},
	}
	if s.from != s.to { // within the process it would hold back this test
		rows = append(rows, row{sig.Block, []string{"temp 1", "#lost 6 temp: queue full", "temp 8", "temp 9", "temp 10"}, nil})
	}
	var ears []*ear
	var gates []*gate
	for _, r := range rows {
		g := k.gate()
		gates = append(gates, g)
		ears = append(ears, k.listenAnd(s.to, "kitchen", "temp", &sig.SubscribeOptions{Queue: 3, Policy: r.policy}, g.pass))
	}
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 1)
	for _, g := range gates {
		receive(k, g.reached, "the handlers")
	}
	sp.say("temp", 2, 10)
	sp.finish()
	for i, r := range rows {
		close(gates[i].opened)
		e := ears[i]
		var want []string
		for _, line := range r.want {
			want = append(want, "kitchen "+line)
		}
		e.hears(fmt.Sprintf("P7: policy %d", r.policy), want...)
		if r.err != nil {
			receive(k, e.sub.Done(), "the subscription to end")
			k.is(e.sub.Err(), r.err, "P7: why the subscription has ended")
		}
	}
}

func keepLatest(k *kit) {
	s := k.open(options{})
	g := k.gate()
	e := k.listenAnd(s.to, "kitchen", "*", &sig.SubscribeOptions{Queue: 3, Policy: sig.KeepLatest}, g.pass)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp", "door"}})
	sp.say("temp", 0, 0)
	receive(k, g.reached, "the handler")
	sp.say("door", 1, 1)
	sp.say("temp", 1, 10)
	sp.finishNow() // its event takes a place as well: it matches the pattern
	close(g.opened)
	e.await("kitchen temp 10")
	lines := e.lines()
	if lines[0] != "kitchen temp 0" || !slices.Contains(lines, "kitchen door 1") {
		k.Errorf("P7: keep latest must keep the one event of door; heard %q", lines)
	}
}

// blocks: one process only.
func blocks(k *kit) {
	s := k.open(options{})
	g := k.gate()
	e := k.listenAnd(s.to, "kitchen", "temp", &sig.SubscribeOptions{Queue: 3, Policy: sig.Block}, g.pass)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	var emitted journal[int]
	wait := k.background(func() error {
		for n := 1; n <= 100; n++ {
			if err := sp.Emit("temp", k.num(n)); err != nil {
				return err
			}
			emitted.add(n)
		}
		return nil
	})
	receive(k, g.reached, "the handler")
	emitted.await(k, "the queue to be full", func(all []int) bool { return len(all) == 4 })
	if n := len(emitted.all()); n > 4 {
		k.Errorf("P7: %d events were emitted, although one is being handled and three wait", n)
	}
	close(g.opened)
	wait()
	e.awaitLen(100)
	if _, lost := k.account(e.heard.all(), "temp", 1, 100); lost > 0 {
		k.Errorf("P7: a queue that blocks has lost %d", lost)
	}
}

// badPayload: what cannot become the handler's type counts as lost for it alone.
func badPayload(k *kit) {
	k.allowIf(func(error) bool { return true })
	s := k.open(options{})
	var lost journal[sig.Lost]
	var got journal[map[string]int]
	sub, err := sig.Subscribe(s.to, "kitchen", "temp", func(ev sig.EventOf[map[string]int]) { got.add(ev.Data) },
		&sig.SubscribeOptions{OnLost: lost.add})
	k.must(err, "subscribe")
	k.must(sub.InForce(k.ctx), "in force")
	other := k.listen(s.to, "kitchen", "temp", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 3)
	sp.finish()
	other.hears("P7: the others get it", "kitchen temp 1", "kitchen temp 2", "kitchen temp 3")
	total := 0
	for _, l := range lost.all() {
		if l.Reason != sig.LossBadPayload || l.Event != "temp" {
			k.Errorf("P7: a payload that does not fit is announced as %v", l)
		}
		total += int(l.Count)
	}
	if total != 3 || len(got.all()) != 0 {
		k.Errorf("P7: %d of 3 payloads that do not fit were announced as lost, %d delivered", total, len(got.all()))
	}
	k.warnings.awaitOne(k, "a warning", func(w sig.Warning) bool { return w.Event == "temp" })
}

// lossesAddUp overruns every buffer on the way while a handler is busy.
func lossesAddUp(k *kit) {
	s := k.open(options{limits: router.Limits{InboundBytes: 16 << 10, OutboundBytes: 4 << 10}})
	for _, queue := range []int{0, 10} {
		g := k.gate()
		name := sig.Name(fmt.Sprintf("kitchen/%d", queue))
		e := k.listenAnd(s.to, name, "temp", &sig.SubscribeOptions{Queue: queue}, g.pass)
		sp := k.connect(s, name, sig.Spec{Events: []sig.Name{"temp"}})
		sp.say("temp", 1, 1)
		receive(k, g.reached, "the handler")
		n := 6_000
		sp.say("temp", 2, n)
		_, err := s.to.Request(k.ctx, "nobody", "any", nil) // the reader still reads
		k.is(err, sig.ErrNoSender, "P7: beside a busy handler")
		close(g.opened)
		sp.finish()
		e.heard.await(k, "the last event or its loss", func(events []sig.Event) bool { return k.upTo(events, "temp") >= n })
		delivered, lost := k.account(e.heard.all(), "temp", 1, n)
		k.Logf("queue %d: %d delivered, %d announced as lost", queue, delivered, lost)
		if lost == 0 {
			k.Errorf("P7: nothing was lost of %d events, so nothing was tested", n)
		}
	}
}

// upTo is how far the delivered and lost events reach.
func (k *kit) upTo(events []sig.Event, name sig.Name) (n int) {
	for _, ev := range events {
		if l, ok := ev.Data.(sig.Lost); ok {
			n += int(l.Count)
		} else if ev.Name == name {
			n++
		}
	}
	return n
}

// lossesOfMany has several senders and events share the buffers that overflow.
func lossesOfMany(k *kit) {
	s := k.open(options{limits: router.Limits{InboundBytes: 16 << 10, OutboundBytes: 16 << 10}})
	g := k.gate()
	var ears []*ear
	var speakers []*speaker
	events := []sig.Name{"t", "u"}
	const n = 3000
	for i := range 4 {
		name := sig.Name(fmt.Sprintf("s/%d", i))
		for _, event := range events {
			ears = append(ears, k.listenAnd(s.to, name, event, nil, g.pass))
		}
		speakers = append(speakers, k.connect(s, name, sig.Spec{Events: events}))
	}
	var wg sync.WaitGroup
	for _, sp := range speakers {
		wg.Go(func() {
			for i := range n {
				for _, event := range events {
					if err := sp.Emit(event, k.num(i)); err != nil {
						k.Errorf("emit: %v", err)
					}
				}
			}
		})
	}
	receive(k, g.reached, "a handler")
	wg.Wait()
	close(g.opened)
	for _, sp := range speakers {
		sp.finish()
	}
	lost := 0
	for i, e := range ears {
		_, l := k.account(e.heard.all(), events[i%2], 0, n-1)
		lost += l
	}
	if lost == 0 {
		k.Error("P7: nothing was lost, so nothing was tested")
	}
}

// filler is a payload of some size.
func (k *kit) filler(size int) any { return k.text(string(bytes.Repeat([]byte("x"), size))) }
