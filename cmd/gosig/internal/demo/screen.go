package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/gosig/gosig/sig"
)

// counts is what has happened.
type counts struct {
	events      int // of the demo's own senders
	lost        int
	connects    int
	disconnects int
}

// screen prints what happens, a line at a time, and counts it.
type screen struct {
	begin time.Time

	mu     sync.Mutex
	w      io.Writer
	failed error // the first one
	n      counts
}

func newScreen(w io.Writer) *screen { return &screen{w: w, begin: time.Now()} }

func (s *screen) Printf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil && s.failed == nil {
		s.failed = err
	}
}

// line is: when, what, whose and over which carrier it came, who saw it over
// which carrier, and the value.
func (s *screen) line(what string, sender sig.Name, from, to string, name sig.Name, data any) {
	text, ok := data.(string)
	if !ok {
		b, err := json.Marshal(data)
		if err != nil {
			b = fmt.Appendf(nil, "%v", data)
		}
		text = string(b)
	}
	if name != "" {
		text = string(name) + " " + text
	}
	s.Printf("%6.2fs  %-10s  %-11s %-12s -> %-19s  %s\n", time.Since(s.begin).Seconds(), what, sender, from, to, text)
}

func (s *screen) count(f func(*counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.n)
}

func (s *screen) event(sender sig.Name, from, to string, name sig.Name, data any) {
	if strings.HasPrefix(string(sender), "host/") {
		s.count(func(n *counts) { n.events++ })
	}
	s.line("event", sender, from, to, name, data)
}

func (s *screen) connected(sender sig.Name, from, to string, p sig.Presence) {
	s.count(func(n *counts) { n.connects++ })
	s.line("connect", sender, from, to, "", fmt.Sprintf("it emits %v and answers %v", p.Events, p.Requests))
}

func (s *screen) disconnected(sender sig.Name, from, to string, p sig.Presence) {
	s.count(func(n *counts) { n.disconnects++ })
	s.line("disconnect", sender, from, to, "", fmt.Sprintf("because: %s", p.Reason))
}

func (s *screen) lostEvents(l sig.Lost) {
	s.count(func(n *counts) { n.lost += int(l.Count) })
	s.Printf("%6.2fs  lost        %v\n", time.Since(s.begin).Seconds(), l)
}

func (s *screen) counts() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

func (s *screen) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}
