package routertest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

var ownership = []promise{
	{name: "P10/second claimant", run: secondClaimant},
	{name: "P10/two claim at once", where: connections, run: twoAtOnce},
	{name: "P10/name free again", run: freeAgain},
	{name: "P10/takeover by the same principal", where: connections, run: takeover},
	{name: "P10/nobody speaks in another's name", where: connections, run: inAnothersName},
}

func secondClaimant(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "kitchen", sig.Any, nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	k.awaitPresent(s.to, "kitchen")
	for _, reg := range []*sig.Registry{s.from, s.to} {
		_, err := reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
		k.is(err, sig.ErrNameTaken, "P10: a second claimant in "+reg.Name())
	}
	sp.say("temp", 1, 1)
	sp.finish()
	e.hears("P10: the owner goes on", "kitchen #connect", "kitchen temp 1")
}

// twoAtOnce: two clients claim a name before either can know of the other. One
// keeps it, the other is told.
func twoAtOnce(k *kit) {
	srv := k.serve("hub", options{})
	a, b := k.join("a", options{}, srv.addr), k.join("b", options{}, srv.addr)
	for round := range 20 {
		name := sig.Name(fmt.Sprintf("name/%d", round))
		var claims []*sig.Sender
		results := make(chan *sig.Sender, 2) // one from each
		for _, c := range []*client{a, b} {
			go func() { // ends at once
				sender, err := c.reg.Connect(name, sig.Spec{Events: []sig.Name{"temp"}})
				if err != nil && !errors.Is(err, sig.ErrNameTaken) {
					k.Errorf("P10: claim: %v", err)
				}
				results <- sender
			}()
		}
		for range 2 {
			if sender := receive(k, results, "the claims"); sender != nil {
				claims = append(claims, sender)
			}
		}
		k.oneKeeps(srv, name, claims)
	}
}

// oneKeeps checks that one of the claims is in force everywhere.
func (k *kit) oneKeeps(srv *server, name sig.Name, claims []*sig.Sender) {
	k.Helper()
	winner := claims[0]
	if len(claims) == 2 {
		select {
		case <-claims[0].Done():
			winner = claims[1]
			k.is(claims[0].Err(), sig.ErrNameTaken, "P10: the one that was refused")
		case <-claims[1].Done():
			k.is(claims[1].Err(), sig.ErrNameTaken, "P10: the one that was refused")
		case <-k.ctx.Done():
			k.Fatal("P10: two senders keep the same name")
		}
	}
	e := k.listen(srv.reg, name, "temp", nil)
	k.must(winner.EmitWait(k.ctx, "temp", k.num(1)), "P10: the one that keeps the name emits")
	e.await(fmt.Sprintf("%s temp 1", name))
	e.sub.Unsubscribe()
}

// freeAgain: when the owner has left, anybody may have the name.
func freeAgain(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "kitchen", sig.Any, nil)
	far := k.listen(s.from, "kitchen", sig.Any, nil)
	var want []string
	for round := 1; round <= 5; round++ {
		for i, reg := range []*sig.Registry{s.from, s.to} {
			n := 2*round + i
			k.awaitAbsent(reg, "kitchen")
			sender, err := reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
			k.must(err, "P10: a name that is free again")
			k.must(sender.Emit("temp", k.num(n)), "emit")
			k.must(sender.Disconnect("bye"), "disconnect")
			want = append(want, "kitchen #connect", fmt.Sprintf("kitchen temp %d", n), "kitchen #disconnect")
			e.awaitLen(len(want))
			far.awaitLen(len(want))
		}
	}
	e.hears("P10: at the subscribers", want...)
	far.hears("P10: at the other side", want...)
}

// inAnothersName: a client made by hand tries what no client would.
func inAnothersName(k *kit) {
	srv := k.serve("hub", options{})
	owner := k.join("owner", options{}, srv.addr)
	e := k.listen(srv.reg, "kitchen", sig.Any, nil)
	sp, err := owner.reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}, Requests: map[sig.Name]sig.RequestHandler{"ask": answer}})
	k.must(err, "connect")
	e.await("kitchen #connect")

	if srv.router.Clients()[0].Identity.ID == "" { // else the two are the same principal
		k.claimByHand(srv)
	}
	// What comes under numbers that were not given, or answers what was not
	// asked, ends the connection.
	for _, forged := range []struct {
		name  string
		frame []byte
	}{
		{"EVENT", wire.AppendEvent(nil, 0, 0, []byte{24, 99})},
		{"DISCONNECT", wire.Disconnect{Sender: 0, Reason: "gone"}.Append(nil)},
		{"REPLY", wire.Reply{ID: 1, Payload: []byte{24, 99}}.Append(nil)},
		{"LOST", wire.Lost{Route: 0, Count: 3, Reason: 2}.Append(nil)},
		{"ROUTE", wire.Route{Route: 0, Seq: 5}.Append(nil)},
	} {
		thief := k.greet(srv.addr)
		k.must(thief.sendFrames(forged.frame), "send "+forged.name)
		k.is(thief.lastWord(), sig.ErrProtocol, "P10: forged "+forged.name)
	}
	k.must(sp.Emit("temp", k.num(1)), "emit")
	_, err = srv.reg.Request(k.ctx, "kitchen", "ask", nil)
	k.must(err, "P10: the owner answers")
	e.hears("P10: only the owner's", "kitchen #connect", "kitchen temp 1")
}

// claimByHand claims a name that is taken; what comes under the numbers that are
// refused is ignored.
func (k *kit) claimByHand(srv *server) {
	k.Helper()
	thief := k.greet(srv.addr)
	thief.send(wire.Connect{Sender: 7, Route: 3, Epoch: 1, Name: "kitchen", Events: []string{"temp"}})
	var answer wire.Connected
	k.must(answer.Decode(thief.until(wire.TypeConnected)), "read the CONNECTED")
	if answer.Code != wire.CodeNameTaken {
		k.Errorf("P10: a second claimant is answered code %d, %q", answer.Code, answer.Text)
	}
	k.must(thief.sendFrames(wire.Route{Route: 3, Seq: 1}.Append(nil), wire.AppendEvent(nil, 0, 3, []byte{24, 99}), wire.Disconnect{Sender: 7}.Append(nil)), "send")
	thief.sync()
}

// takeover: a client that proves to be the same principal gets its names back
// from a connection that is still open, another one does not.
func takeover(k *kit) {
	if k.setup.As == nil {
		return // the carrier proves nobody's identity
	}
	srv := k.serve("hub", options{})
	e := k.listen(srv.reg, "kitchen", sig.Any, nil)
	first := k.claim(srv, "cook", "first")
	k.must(first.EmitWait(k.ctx, "temp", k.num(1)), "emit")
	e.await("kitchen temp 1")
	thief := k.claim(srv, "thief", "thief")
	receive(k, thief.Done(), "the thief to be refused")
	k.is(thief.Err(), sig.ErrNameTaken, "P10: another principal")
	second := k.claim(srv, "cook", "second")
	receive(k, first.Done(), "the first connection's sender to end")
	k.is(first.Err(), sig.ErrNameTaken, "P10: what was taken over")
	k.must(second.EmitWait(k.ctx, "temp", k.num(2)), "P10: the same principal gets its name")
	e.hears("P10: takeover", "kitchen #connect", "kitchen temp 1", "kitchen #disconnect", "kitchen #connect", "kitchen temp 2")
	if !strings.Contains(k.log.String(), "taken over") {
		k.Error("P10: the takeover was not logged")
	}
}

// claim connects a client that has the sender kitchen before it can know of
// another one.
func (k *kit) claim(srv *server, principal, name string) *sig.Sender {
	k.Helper()
	reg := k.registry(name)
	sender, err := reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	k.must(err, "connect")
	carriers, addr := k.setup.As(k, principal, srv.addr)
	k.dial(reg, options{carriers: carriers}, addr).awaitConnected(1)
	return sender
}
