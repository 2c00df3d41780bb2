package router

import (
	"strconv"
	"strings"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// view is what a peer may know of a sender of ours.
type view struct {
	shown    bool // it is announced
	hidden   bool // but nobody there is told that it is connected
	events   []string
	requests []string
	fallback bool
}

// viewOf is what the peer of the session may know of a sender: all of it, if it
// may observe it, or else the events that it may get and the methods that it may
// ask for. If there are none, the sender does not exist for it.
func (s *session) viewOf(sender *sig.Sender) view {
	a, hidden, whole := s.link.access.Load(), sender.Hidden(), s.seesAllOf(sender)
	if s.features&wire.FeatureHidden == 0 && (hidden || !whole) {
		return view{}
	}
	p := sender.Presence()
	if whole {
		return view{shown: true, hidden: hidden, events: texts(p.Events), requests: texts(p.Requests), fallback: p.Default}
	}
	v := view{hidden: true, events: texts(p.Events)}
	for i, e := range p.Events {
		if a.may(acl.Subscribe, p.Sender, e) {
			v.shown = true
		} else {
			v.events[i] = unnamed(i, p.Events)
		}
	}
	allowed, any := a.mayAsk(sender, p.Requests, p.Default)
	v.requests, v.fallback = texts(allowed), p.Default && any
	v.shown = v.shown || any
	return v
}

// seesAllOf reports whether the peer of the session may know all of a sender.
func (s *session) seesAllOf(sender *sig.Sender) bool {
	a := s.link.access.Load()
	return !a.restricted() || !enforced("observe") || !sender.Hidden() && (a.observesAll || a.may(acl.Observe, sender.Name(), ""))
}

// unnamed stands for the i-th event, whose name the peer may not know: its number
// has to stay.
func unnamed(i int, events []sig.Name) string {
	for tildes := "~"; ; tildes += "~" {
		name := tildes + strconv.Itoa(i)
		taken := false
		for _, e := range events {
			taken = taken || string(e) == name
		}
		if !taken {
			return name
		}
	}
}

// wholeView is the key of a view of everything.
const wholeView = "all"

// key is the same for views that look the same to the peer.
func (v *view) key() string {
	switch {
	case !v.shown:
		return ""
	case !v.hidden:
		return wholeView
	}
	return "hidden " + strings.Join(v.events, ",") + " " + strings.Join(v.requests, ",") + " " + strconv.FormatBool(v.fallback)
}
