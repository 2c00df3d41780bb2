package routertest

import (
	"time"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

var slowPeers = []promise{
	{name: "P8/peer that stops reading", where: connections, run: stopsReading},
	{name: "P8/handler that never returns", where: joined, run: neverReturns},
}

// pair is a sender and a subscriber in two clients, to see that others do not
// notice.
type pair struct {
	k    *kit
	said int
	sp   *sig.Sender
	ear  *ear
	came chan struct{} // one sign for each word
}

func (k *kit) pair(srv *server, o options) *pair {
	k.Helper()
	a, b := k.join("bystander a", o, srv.addr), k.join("bystander b", o, srv.addr)
	p := &pair{k: k, came: make(chan struct{}, 1)}
	p.ear = k.listenAnd(b.reg, "bystander", "word", nil, func(sig.Event) { p.came <- struct{}{} })
	var err error
	p.sp, err = a.reg.Connect("bystander", sig.Spec{Events: []sig.Name{"word"}})
	k.must(err, "connect")
	return p
}

// goesOn says a word and hears it.
func (p *pair) goesOn() {
	p.k.Helper()
	p.said++
	p.k.must(p.sp.Emit("word", p.k.num(p.said)), "emit beside")
	receive(p.k, p.came, "the word")
}

// undisturbed checks that every word has come, once and in order.
func (p *pair) undisturbed() {
	p.k.Helper()
	p.goesOn()
	p.ear.awaitLen(p.said)
	if _, lost := p.k.account(p.ear.heard.all(), "word", 1, p.said); lost > 0 {
		p.k.Errorf("P8: others have lost %d", lost)
	}
}

// stopsReading: a peer subscribes to everything and takes nothing.
func stopsReading(k *kit) {
	o := options{limits: router.Limits{OutboundBytes: 64 << 10, WriteTimeout: 500 * time.Millisecond}}
	srv := k.serve("hub", o)
	others := k.pair(srv, options{})
	deaf := k.greet(srv.addr)
	deaf.send(wire.Subscribe{Sender: "siren", Event: "**"})
	deaf.sync()
	siren, err := srv.reg.Connect("siren", sig.Spec{Events: []sig.Name{"noise"}})
	k.must(err, "connect")
	payload := k.filler(8 << 10)
	over := func(ev router.ClientEvent) bool { return !ev.Open && ev.Client.Name == "by hand" }
	for {
		if events := srv.clients.all(); anyOf(events, over) {
			break
		}
		for range 10 { // somewhat more than may wait for it
			k.must(siren.Emit("noise", payload), "P8: emitting to a peer that stops reading")
		}
		others.goesOn()
		if k.ctx.Err() != nil {
			k.Fatal("P8: the peer that stops reading keeps its connection")
		}
	}
	ev := srv.clients.awaitOne(k, "the end of the deaf peer's connection", over)
	k.Logf("ended: %v", ev.Err)
	others.undisturbed()
	if lost := srv.router.Stats().Lost[sig.LossSlowPeer]; lost == 0 {
		k.Error("P8: nothing was counted as lost by the peer that stops reading")
	}
}

func anyOf[T any](items []T, f func(T) bool) bool {
	for _, item := range items {
		if f(item) {
			return true
		}
	}
	return false
}

// neverReturns: a handler that is stuck delays its own registry's events at
// most.
func neverReturns(k *kit) {
	s := k.open(options{})
	g := k.gate()
	k.listenAnd(s.to, "kitchen", "temp", nil, g.pass)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}, Requests: map[sig.Name]sig.RequestHandler{"ask": answer}})
	sp.say("temp", 1, 1)
	receive(k, g.reached, "the handler")
	for range 10 {
		_, err := s.to.Request(k.ctx, "kitchen", "ask", nil)
		k.must(err, "P8: requests beside a handler that is stuck")
	}
	near := k.listen(s.from, "answering", "machine", nil) // and subscriptions, both ways
	machine, err := s.to.Connect("answering", sig.Spec{Events: []sig.Name{"machine"}})
	k.must(err, "connect")
	k.must(machine.Emit("machine", k.num(1)), "emit")
	near.hears("P8: the other way", "answering machine 1")
	close(g.opened)
	sp.finish()
}
