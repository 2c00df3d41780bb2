package routertest

import (
	"fmt"
	"slices"

	"github.com/gosig/gosig/sig"
)

var matching = []promise{
	{name: "P1/four ways and wildcards", run: fourWays},
	{name: "P1/presence in broadcast and channel", run: presenceMatches},
	{name: "P1/reserved and malformed names", run: badNames},
}

// fourWays lists, for each pattern, what it lets through.
func fourWays(k *kit) {
	s := k.open(options{})
	type row struct {
		sender, event sig.Name
		want          []string
	}
	rows := []row{
		{"house/kitchen", "temp", []string{"house/kitchen temp"}},
		{"house/kitchen", sig.Any, []string{"house/kitchen door/open", "house/kitchen temp"}},
		{sig.Any, "temp", []string{"house/cellar temp", "house/kitchen temp", "shed temp"}},
		{sig.Any, sig.Any, []string{
			"house/cellar door/open", "house/cellar temp", "house/kitchen door/open", "house/kitchen temp", "shed door/open", "shed temp",
		}},
		{"house/*", "temp", []string{"house/cellar temp", "house/kitchen temp"}},
		{"*", "temp", []string{"shed temp"}},
		{"house/**", "door/*", []string{"house/cellar door/open", "house/kitchen door/open"}},
		{"**/kitchen", "**/open", []string{"house/kitchen door/open"}},
		{"house", sig.Any, nil},
		{sig.Any, "door", nil},
	}
	ears := make([]*ear, len(rows))
	for i, r := range rows {
		ears[i] = k.listen(s.to, r.sender, r.event, nil)
	}
	var speakers []*speaker
	for _, name := range []sig.Name{"house/kitchen", "house/cellar", "shed"} {
		speakers = append(speakers, k.connect(s, name, sig.Spec{Events: []sig.Name{"temp", "door/open"}}))
	}
	for _, sp := range speakers {
		sp.say("temp", 1, 1)
		sp.say("door/open", 2, 2)
		sp.finish()
	}
	for i, r := range rows {
		var got []string
		for _, ev := range ears[i].heard.all() {
			if !ev.Name.Reserved() && ev.Name != endEvent {
				got = append(got, fmt.Sprintf("%s %s", ev.Sender, ev.Name))
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, r.want) {
			k.Errorf("P1: a subscription to %q %q got %q, want %q", r.sender, r.event, got, r.want)
		}
	}
}

// presenceMatches: a broadcast includes #connect and #disconnect, a channel
// subscription works for them as for any event, other patterns leave them out.
func presenceMatches(k *kit) {
	s := k.open(options{})
	broadcast := k.listen(s.to, "kitchen", sig.Any, nil)
	arrivals := k.listen(s.to, sig.Any, sig.EventConnect, nil)
	departures := k.listen(s.to, "kitchen", sig.EventDisconnect, nil)
	single := k.listen(s.to, "kitchen", "*", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 1)
	sp.finish()
	k.must(sp.Disconnect("lunch"), "disconnect")
	broadcast.hears("P1: a broadcast includes presence", "kitchen #connect", "kitchen temp 1", "kitchen #disconnect")
	arrivals.hears("P1: a channel of #connect", "kitchen #connect")
	departures.hears("P1: one sender's #disconnect", "kitchen #disconnect")
	single.hears("P1: the pattern * leaves out reserved events", "kitchen temp 1")
}

// badNames are refused at the earliest moment.
func badNames(k *kit) {
	s := k.open(options{})
	for _, name := range []sig.Name{"", "#x", "a//b", "a b", "a/*", "**"} {
		_, err := s.from.Connect(name, sig.Spec{})
		k.is(err, sig.ErrBadName, fmt.Sprintf("P1: connecting %q", name))
		_, err = s.from.Connect("ok", sig.Spec{Events: []sig.Name{name}})
		k.is(err, sig.ErrBadName, fmt.Sprintf("P1: declaring the event %q", name))
	}
	for _, p := range []sig.Pattern{{Sender: "", Event: "a"}, {Sender: "a", Event: ""}, {Sender: "a b", Event: "a"}, {Sender: "a", Event: "#nonsense"}, {Sender: "a*", Event: "a"}} {
		_, err := sig.Subscribe(s.to, p.Sender, p.Event, func(sig.Event) {}, nil)
		k.is(err, sig.ErrBadName, fmt.Sprintf("P1: subscribing to %q %q", p.Sender, p.Event))
	}
	sender, err := s.from.Connect("honest", sig.Spec{})
	k.must(err, "connect")
	k.is(sender.Emit(sig.EventConnect, nil), sig.ErrNotDeclared, "P1: emitting a reserved event")
}
