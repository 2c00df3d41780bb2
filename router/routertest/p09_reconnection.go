package routertest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var reconnection = []promise{
	{name: "P9/connection lost again and again", where: joined, run: lostAgain},
	{name: "P9/connection lost before the first event", where: joined, run: lostBeforeFirst},
	{name: "P9/connection lost before the last event", where: joined, run: lostBeforeLast},
	{name: "P9/offline, kept", where: fromClient, run: offlineKept},
	{name: "P9/offline, more than is kept", where: fromClient, run: offlineOverflow},
	{name: "P9/offline, refused", where: fromClient, run: offlineRefused},
	{name: "P9/offline, when nobody had wanted it", where: fromClient, run: offlineUnwanted},
	{name: "P9/offline, refused when nobody had wanted it", where: fromClient, run: offlineUnwantedRefused},
	{name: "P9/offline, sender leaves", where: fromClient, run: offlineLeaves},
	{name: "P9/held-back emission waits for the connection", where: fromClient, run: heldBackOffline},
	{name: "P9/server restarted", where: connections, run: serverRestarted},
	{name: "P9/several addresses", where: connections, run: severalAddresses},
}

// lostAgain cuts the connections in a stream of events.
func lostAgain(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "kitchen", sig.Any, nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 1) // a gap can be told from where a subscription has begun
	sp.finish()
	n := 1
	for range 4 {
		sp.say("temp", n+1, n+200)
		n += 200
		back := cut(k, s.clients...)
		sp.say("temp", n+1, n+200)
		n += 200
		back()
		sp.finish()
	}
	sp.say("temp", n+1, n+1)
	sp.finish()
	delivered, lost := k.account(e.heard.all(), "temp", 1, n+1)
	k.Logf("%d delivered, %d announced as lost", delivered, lost)
	k.inLives(e, "kitchen")
}

// lostBeforeFirst cuts the connections before any event of a sender that is known
// has arrived.
func lostBeforeFirst(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "kitchen", sig.Any, nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	e.await("kitchen #connect")
	k.must(e.sub.InForce(k.ctx), "in force")
	sp.say("temp", 1, 200)
	back := cut(k, s.clients...)
	sp.say("temp", 201, 400)
	back()
	sp.say("temp", 401, 401)
	sp.finish()
	delivered, lost := k.account(e.heard.all(), "temp", 1, 401)
	k.Logf("%d delivered, %d announced as lost", delivered, lost)
}

// lostBeforeLast cuts the connections, and nothing of what is lost then is
// followed by another event.
func lostBeforeLast(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "kitchen", sig.Any, nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 1)
	sp.finish()
	sp.say("temp", 2, 200)
	back := cut(k, s.clients...)
	sp.say("temp", 201, 400)
	back()
	heard := e.heard.await(k, "400 events and losses", func(events []sig.Event) bool {
		n := 0
		for _, ev := range events {
			if lost, ok := ev.Data.(sig.Lost); ok {
				n += int(lost.Count)
			} else if ev.Name == "temp" {
				n++
			}
		}
		return n >= 400
	})
	delivered, lost := k.account(heard, "temp", 1, 400)
	k.Logf("%d delivered, %d announced as lost", delivered, lost)
}

// inLives checks that a sender's events lie between #connect and #disconnect.
func (k *kit) inLives(e *ear, sender sig.Name) {
	k.Helper()
	there := false
	for i, line := range e.of(sender) {
		event, _, _ := strings.Cut(line, " ")
		if event == "#connect" == there {
			k.Errorf("P9: at %s, %q of %s is number %d, but connected is %v", e.what, line, sender, i, there)
		}
		there = event != "#disconnect"
	}
}

// cut ends the connections of clients; what it returns waits until they are
// back.
func cut(k *kit, clients ...*client) (back func()) {
	k.Helper()
	before := make([]int, len(clients))
	for i, c := range clients {
		before[i] = c.connections()
	}
	for _, c := range clients {
		c.net.cut()
	}
	return func() {
		k.Helper()
		for i, c := range clients {
			c.awaitConnected(before[i] + 1)
		}
	}
}

// offline cuts the connection of the senders' client and lets none come back
// until again is called.
func (s *sides) offline(k *kit) (again func()) {
	k.Helper()
	c := s.source
	c.net.refuse(true)
	before := len(c.states.all())
	back := cut(k, c)
	c.states.await(k, "the loss to be noticed", func(states []router.State) bool {
		return slices.ContainsFunc(states[before:], func(st router.State) bool { return st.Phase == router.Connecting && st.Err != nil })
	})
	return func() {
		k.Helper()
		c.net.refuse(false)
		back()
	}
}

func offlineKept(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "kitchen", "temp", nil)
	near := k.listen(s.from, "kitchen", "temp", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 5)
	sp.finish()
	again := s.offline(k)
	sp.say("temp", 6, 20)
	near.awaitLen(20)
	again()
	sp.say("temp", 21, 25)
	sp.finish()
	if _, lost := k.account(near.heard.all(), "temp", 1, 25); lost > 0 {
		k.Errorf("P9: in its own process the sender has lost %d", lost)
	}
	if _, lost := k.account(e.heard.all(), "temp", 1, 25); lost > 0 {
		k.Errorf("P9: %d were lost of what is kept while there is no connection", lost)
	}
}

func offlineOverflow(k *kit) {
	const n = 2000
	s := k.open(options{limits: router.Limits{OfflineBytes: 512}})
	e := k.listen(s.to, "kitchen", "temp", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 5)
	sp.finish()
	again := s.offline(k)
	sp.say("temp", 6, n)
	again()
	sp.say("temp", n+1, n+5)
	sp.finish()
	_, lost := k.account(e.heard.all(), "temp", 1, n+5)
	if lost == 0 {
		k.Errorf("P9: %d events fit into 512 bytes", n)
	}
}

func offlineRefused(k *kit) {
	s := k.open(options{offline: router.OfflineRefuse})
	e := k.listen(s.to, "kitchen", "temp", nil)
	near := k.listen(s.from, "kitchen", "temp", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 5)
	sp.finish()
	again := s.offline(k)
	k.is(sp.Emit("temp", k.num(6)), sig.ErrNotConnected, "P9: emitting without a connection")
	near.await("kitchen temp 6")
	again()
	sp.say("temp", 7, 8)
	sp.finish()
	if _, lost := k.account(e.heard.all(), "temp", 1, 8); lost != 1 {
		k.Errorf("P9: one event was refused, but %d are announced as lost", lost)
	}
}

// offlineUnwanted: whether anybody wants an event by then, nobody can say
// without a connection.
func offlineUnwanted(k *kit) {
	s := k.open(options{})
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.finish() // the peer has said by now that nobody wants temp
	again := s.offline(k)
	e := k.listen(s.to, "kitchen", "temp", nil)
	sp.say("temp", 1, 5)
	again()
	sp.say("temp", 6, 6)
	sp.finish()
	if _, lost := k.account(e.heard.all(), "temp", 1, 6); lost > 0 {
		k.Errorf("P9: %d were lost of what is kept while there is no connection", lost)
	}
}

func offlineUnwantedRefused(k *kit) {
	s := k.open(options{offline: router.OfflineRefuse})
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.finish()
	again := s.offline(k)
	k.is(sp.Emit("temp", k.num(1)), sig.ErrNotConnected, "P9: emitting without a connection")
	again()
	sp.finish()
	k.must(sp.Emit("temp", k.num(2)), "emit")
}

// offlineLeaves: a sender that leaves without a connection still says what it
// had to say.
func offlineLeaves(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "kitchen", sig.Any, nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 1)
	sp.finish()
	again := s.offline(k)
	sp.say("temp", 2, 3)
	k.must(sp.Disconnect("bye"), "disconnect")
	next, err := s.from.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp", endEvent}})
	k.must(err, "connect again")
	k.must(next.Emit("temp", k.num(100)), "emit")
	again()
	k.must(next.EmitWait(k.ctx, "temp", k.num(101)), "emit")
	e.await("kitchen temp 101")
	k.inLives(e, "kitchen")
	want := []string{"#connect", "temp 1", "#disconnect", "#connect", "temp 2", "temp 3", "#disconnect", "#connect", "temp 100", "temp 101"}
	if lines := e.of("kitchen"); !slices.Equal(lines, want) {
		k.Errorf("P9: heard %q, want %q", lines, want)
	}
}

func heldBackOffline(k *kit) {
	s := k.open(window)
	e := k.listen(s.to, "kitchen", "temp", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 1)
	sp.finish()
	again := s.offline(k)
	wait := k.background(func() error { return sp.EmitWait(k.ctx, "temp", k.num(2)) })
	again()
	wait()
	sp.say("temp", 3, 3)
	sp.finish()
	if _, lost := k.account(e.heard.all(), "temp", 1, 3); lost > 0 {
		k.Errorf("P9: held-back emission has lost %d", lost)
	}
}

// serverRestarted: the process is another one, the address is the same.
func serverRestarted(k *kit) {
	srv := k.serve("hub", options{})
	a, b := k.join("left", options{codec: k.world.Senders}, srv.addr), k.join("right", options{codec: k.world.Subscribers}, srv.addr)
	e := k.listen(b.reg, "kitchen", sig.Any, nil)
	s := &sides{from: a.reg, to: b.reg}
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}, Requests: map[sig.Name]sig.RequestHandler{"ask": answer}})
	sp.say("temp", 1, 10)
	sp.finish()
	n := 10
	for round := 2; round <= 3; round++ {
		k.must(srv.router.Close(), "P13: close")
		sp.say("temp", n+1, n+10)
		srv = k.serveAt(k.registry(fmt.Sprintf("hub %d", round)), srv.addr, options{})
		a.awaitConnected(round)
		b.awaitConnected(round)
		k.awaitPresent(b.reg, "kitchen")
		sp.say("temp", n+11, n+20)
		sp.finish()
		n += 20
		_, err := b.reg.Request(k.ctx, "kitchen", "ask", nil)
		k.must(err, "P9: request after the server was restarted")
	}
	delivered, lost := k.account(e.heard.all(), "temp", 1, n)
	k.Logf("%d delivered, %d announced as lost", delivered, lost)
	k.inLives(e, "kitchen")
}

func severalAddresses(k *kit) {
	gone := k.serve("gone", options{})
	k.must(gone.router.Close(), "close")
	first, second := k.serve("first", options{}), k.serve("second", options{})
	c := k.dial(k.registry("client"), options{}, gone.addr, first.addr, second.addr)
	c.awaitConnected(1)
	if st := c.router.State(); st.Server != "first" || st.Address != first.addr {
		k.Errorf("P9: connected to %q at %s, want the first address that answers, %s", st.Server, st.Address, first.addr)
	}
	k.must(first.router.Close(), "close")
	c.awaitConnected(2)
	if st := c.router.State(); st.Server != "second" {
		k.Errorf("P9: connected to %q at %s, want the next address, %s", st.Server, st.Address, second.addr)
	}
}
