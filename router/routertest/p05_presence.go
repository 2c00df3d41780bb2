package routertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var presence = []promise{
	{name: "P5/what presence says", run: presenceContents},
	{name: "P5/list of senders", run: listOfSenders},
	{name: "P5/snapshot, then changes", run: snapshotThenChanges},
	{name: "P5/lost connection", where: joined, run: lostConnection},
	{name: "P5/silent peer", where: joined, slow: true, run: silentPeer},
}

func answer(context.Context, *sig.Request) (any, error) { return nil, nil }

func presenceContents(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "kitchen", sig.Any, nil)
	sender, err := s.from.Connect("kitchen", sig.Spec{
		Events:   []sig.Name{"temp", "door/open"},
		Requests: map[sig.Name]sig.RequestHandler{"set": answer, "get": answer},
		Default:  answer,
	})
	k.must(err, "connect")
	k.must(sender.Disconnect("lunch"), "disconnect")
	e.hears("P5", "kitchen #connect", "kitchen #disconnect")
	for i, ev := range e.heard.all() {
		p, ok := ev.Data.(sig.Presence)
		if !ok {
			k.Fatalf("P5: %s carries a %T", ev.Name, ev.Data)
		}
		want := sig.Presence{
			Sender: "kitchen", Events: []sig.Name{"temp", "door/open"}, Requests: []sig.Name{"get", "set"}, Default: true,
			Epoch: sender.Epoch(), Remote: s.from != s.to, Reason: []string{"", "lunch"}[i],
		}
		if fmt.Sprint(p) != fmt.Sprint(want) {
			k.Errorf("P5: %s says %+v, want %+v", ev.Name, p, want)
		}
	}
}

func listOfSenders(k *kit) {
	s := k.open(options{})
	var speakers []*speaker
	for _, name := range []sig.Name{"shed", "attic", "house/kitchen"} {
		speakers = append(speakers, k.connect(s, name, sig.Spec{}))
	}
	for _, sp := range speakers {
		k.awaitPresent(s.to, sp.Name())
	}
	for _, reg := range []*sig.Registry{s.from, s.to} {
		var names []sig.Name
		for _, p := range reg.Senders() {
			names = append(names, p.Sender)
		}
		if want := []sig.Name{"attic", "house/kitchen", "shed"}; !slices.Equal(names, want) {
			k.Errorf("P5: %s lists %v, want %v", reg.Name(), names, want)
		}
	}
	for _, sp := range speakers {
		k.must(sp.Disconnect("done"), "disconnect")
		k.awaitAbsent(s.to, sp.Name())
	}
}

// snapshotThenChanges watches while senders come and go.
func snapshotThenChanges(k *kit) {
	s := k.open(options{})
	names := []sig.Name{"a", "b", "c", "d"}
	var wg sync.WaitGroup
	for _, name := range names {
		wg.Go(func() {
			for range 25 {
				sender, err := s.from.Connect(name, sig.Spec{})
				if err != nil {
					k.Errorf("connect: %v", err)
					return
				}
				_ = sender.Disconnect("again") // has no error to give
			}
			if _, err := s.from.Connect(name, sig.Spec{}); err != nil {
				k.Errorf("connect: %v", err)
			}
		})
	}
	var watches []*journal[sig.PresenceChange]
	for i := range 20 {
		w := &journal[sig.PresenceChange]{}
		sub, err := s.to.Watch(sig.Any, w.add, &sig.SubscribeOptions{Queue: (i % 2) * 1000})
		k.must(err, "watch")
		k.Cleanup(sub.Unsubscribe)
		watches = append(watches, w)
	}
	wg.Wait()
	last := make(map[sig.Name]uint64)
	for _, p := range s.from.Senders() {
		last[p.Sender] = p.Epoch
	}
	for _, w := range watches {
		changes := w.await(k, "the last life of each sender", func(all []sig.PresenceChange) bool {
			seen := 0
			for _, c := range all {
				if c.Kind != sig.SnapshotDone && c.Kind != sig.Disconnected && last[c.Sender] == c.Epoch {
					seen++
				}
			}
			return seen >= len(names) && slices.ContainsFunc(all, func(c sig.PresenceChange) bool { return c.Kind == sig.SnapshotDone })
		})
		if wrong := followPresence(changes); wrong != "" {
			k.Errorf("P5: %s in %v", wrong, changes)
		}
	}
}

// followPresence finds a gap or a duplicate.
func followPresence(changes []sig.PresenceChange) string {
	present := make(map[sig.Name]uint64)
	told := false
	for i, c := range changes {
		epoch, is := present[c.Sender]
		switch c.Kind {
		case sig.Present:
			if told || is {
				return fmt.Sprintf("change %d belongs into the snapshot, once", i)
			}
			present[c.Sender] = c.Epoch
		case sig.SnapshotDone:
			if told {
				return fmt.Sprintf("change %d is a second end of the snapshot", i)
			}
			told = true
		case sig.Connected:
			if !told || is {
				return fmt.Sprintf("change %d connects %s, which is connected", i, c.Sender)
			}
			present[c.Sender] = c.Epoch
		case sig.Disconnected:
			if !told || !is || epoch != c.Epoch {
				return fmt.Sprintf("change %d ends a life of %s that had not begun", i, c.Sender)
			}
			delete(present, c.Sender)
		}
	}
	return ""
}

// lostConnection: senders behind it leave, and come back with it.
func lostConnection(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "kitchen", sig.Any, nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 1)
	sp.finish()
	cut(k, s.clients...)()
	sp.say("temp", 2, 2)
	sp.finish()
	e.await("kitchen temp 2")
	got := e.lines()
	if !slices.Equal(got[:3], []string{"kitchen #connect", "kitchen temp 1", "kitchen #disconnect"}) ||
		!slices.Equal(got[len(got)-2:], []string{"kitchen #connect", "kitchen temp 2"}) {
		k.Errorf("P5: a lost connection disconnects its senders; heard %q", got)
	}
	for _, ev := range e.heard.all() {
		if p, ok := ev.Data.(sig.Presence); ok && ev.Name == sig.EventDisconnect && !strings.Contains(p.Reason, "connection") {
			k.Errorf("P5: #disconnect must say that the connection was lost, not %q", p.Reason)
		}
	}
}

// silentPeer: nothing comes any more, and nothing says so.
func silentPeer(k *kit) {
	s := k.open(options{limits: router.Limits{Keepalive: 100 * time.Millisecond, Dead: 500 * time.Millisecond}})
	e := k.listen(s.to, "kitchen", sig.Any, nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 1)
	sp.finish()
	for _, c := range s.clients {
		c.net.swallow()
	}
	e.await("kitchen #disconnect")
	for _, c := range s.clients {
		c.awaitConnected(2)
	}
	sp.say("temp", 2, 2)
	sp.finish()
	e.await("kitchen temp 2")
	for _, ev := range e.heard.all() {
		if p, ok := ev.Data.(sig.Presence); ok && ev.Name == sig.EventDisconnect && p.Reason == "" {
			k.Error("P5: #disconnect of a silent peer's sender says no reason")
		}
	}
}
