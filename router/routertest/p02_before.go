package routertest

import (
	"strings"

	"github.com/gosig/gosig/sig"
)

var beforeAndAfter = []promise{
	{name: "P2/before its sender, and after it has left", run: beforeItsSender},
	{name: "P2/after its sender", run: afterItsSender},
	{name: "P2/event that a connected sender does not declare", run: undeclared},
	{name: "P2/event that an absent sender will not declare", run: undeclaredLater},
	{name: "P2/unsubscribed", run: unsubscribed},
}

func beforeItsSender(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "kitchen", "temp", nil)
	for life := 1; life <= 3; life++ {
		sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
		sp.say("temp", life, life)
		sp.finish()
		sp.end.sub.Unsubscribe()
		k.must(sp.Disconnect("for now"), "disconnect")
	}
	e.hears("P2: a subscription survives its sender's leaving and returning", "kitchen temp 1", "kitchen temp 2", "kitchen temp 3")
}

func afterItsSender(k *kit) {
	s := k.open(options{})
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 1) // nobody listens yet
	sp.finish()
	sp.say("temp", 2, 5)
	sp.finish()
	e := k.listen(s.to, "kitchen", "temp", nil)
	sp.say("temp", 6, 7)
	sp.finish()
	e.hears("P2: what is emitted once the subscription is in force, and nothing was lost before", "kitchen temp 6", "kitchen temp 7")
}

func undeclared(k *kit) {
	s := k.open(options{})
	k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp", "door/open"}})
	k.awaitPresent(s.to, "kitchen")
	_, err := sig.Subscribe(s.to, "kitchen", "tepm", func(sig.Event) {}, nil)
	k.is(err, sig.ErrNotDeclared, "P2: subscribing to what a connected sender does not declare")
	for _, name := range []string{"kitchen", "temp", "door/open"} {
		if !strings.Contains(err.Error(), name) {
			k.Errorf("P2: the error must name the declared events, %q is missing: %v", name, err)
		}
	}
}

func undeclaredLater(k *kit) {
	k.allow(sig.ErrNotDeclared)
	s := k.open(options{})
	e := k.listen(s.to, "kitchen", "tepm", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	w := k.warnings.awaitOne(k, "a warning that kitchen does not declare tepm", func(w sig.Warning) bool {
		return w.Sender == "kitchen" && w.Event == "tepm"
	})
	k.is(w.Err, sig.ErrNotDeclared, "P2: the warning")
	sp.finish()
	e.hears("P2: nothing can come")
}

func unsubscribed(k *kit) {
	s := k.open(options{})
	gone, stays := k.listen(s.to, "kitchen", "temp", nil), k.listen(s.to, "kitchen", "temp", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 2)
	sp.finish()
	gone.sub.Unsubscribe()
	gone.sub.Unsubscribe() // a second time does nothing
	sp.say("temp", 3, 4)
	sp.finish()
	gone.hears("P2: nothing comes after Unsubscribe", "kitchen temp 1", "kitchen temp 2")
	stays.hears("P2: the other one goes on", "kitchen temp 1", "kitchen temp 2", "kitchen temp 3", "kitchen temp 4")
	stays.sub.Unsubscribe()
	sp.finish()
	sp.say("temp", 5, 6) // nobody listens
	sp.finish()
	again := k.listen(s.to, "kitchen", "temp", nil)
	sp.say("temp", 7, 7)
	sp.finish()
	again.hears("P2: a pattern can be subscribed to again, and what came between is not lost", "kitchen temp 7")
}
