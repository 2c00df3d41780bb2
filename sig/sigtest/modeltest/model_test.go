package modeltest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gosig/gosig/sig"
)

// keys reads "1 2 3?" as events.
func keys(text string) (all []expected) {
	for _, word := range strings.Fields(text) {
		w := expected{key: key{kind: emitted}}
		word, w.maybe = strings.CutSuffix(word, "?")
		if _, err := fmt.Sscan(word, &w.n); err != nil {
			panic(err)
		}
		all = append(all, w)
	}
	return all
}

func TestFollow(t *testing.T) {
	for _, tt := range []struct{ name, seen, want, wrong, missing string }{
		{"nothing", "", "", "", ""},
		{"all", "1 2 3", "1 2 3", "", ""},
		{"uncertain ones seen", "1 2 3", "1? 2? 3", "", ""},
		{"uncertain ones not seen", "3", "1? 2? 3 4?", "", ""},
		{"not there yet", "1", "1 2", "", "event 2 has not arrived"},
		{"gap", "1 3", "1 2 3", "came before, or instead of, event 2", ""},
		{"swapped", "2 1", "1 2", "came before, or instead of, event 1", ""},
		{"swapped uncertain", "2 1", "1? 2?", "event 1 came too late", ""},
		{"twice", "1 1 2", "1 2", "event 1 came 2 times", ""},
		{"not matching", "1 7 2", "1 2", "event 7 should not have come", ""},
	} {
		var seen []key
		for _, w := range keys(tt.seen) {
			seen = append(seen, w.key)
		}
		got := follow(seen, keys(tt.want))
		if (got.wrong == "") != (tt.wrong == "") || !strings.Contains(got.wrong, tt.wrong) {
			t.Errorf("%s: got wrong %q, want %q", tt.name, got.wrong, tt.wrong)
		}
		if (got.missing == "") != (tt.missing == "") || !strings.Contains(got.missing, tt.missing) {
			t.Errorf("%s: got missing %q, want %q", tt.name, got.missing, tt.missing)
		}
	}
}

// story builds a history: each word is what was done to the sender "s".
//
//	c d e    it connects, disconnects, emits, in registry 0
//	| /      the world settles, the next step begins
//	[ ]      the listener begins and ends
func story(text string, l *listener) *history {
	h := &history{alive: map[sig.Name]*life{}}
	l.init()
	life := int64(0)
	for _, c := range text {
		switch c {
		case 'c':
			life++
			h.add(entry{key: key{connected, life}, sender: "s", event: sig.EventConnect})
		case 'd':
			h.add(entry{key: key{disconnected, life}, sender: "s", event: sig.EventDisconnect})
		case 'e':
			h.add(entry{key: key{kind: emitted}, sender: "s", event: "t"})
		case '|':
			h.now.settled++
			h.now.step++
		case '/':
			h.now.step++
		case '[':
			l.from = h.moment()
		case ']':
			l.to, l.ended = h.moment(), true
		}
	}
	return h
}

func TestExpectation(t *testing.T) {
	for _, tt := range []struct{ name, story, local, remote string }{
		{"before and after", "c/e|[/e/]|e", "event 2", "event 2?"},
		{"settled on both sides", "c/e|[|e|]|e", "event 2", "event 2"},
		{"presence comes anyway", "[/c/d|", "connect of life 1 disconnect of life 1", "connect of life 1 disconnect of life 1"},
		{"under way at the beginning", "c|e/[|", "", "event 1?"},
		{"by a handler", "c|e[e/|", "event 1? event 2", "event 1? event 2?"},
		{"under way at the end", "c|[|e/]|", "event 1", "event 1?"},
		{"ended by a handler", "c|[|e]|", "event 1?", "event 1?"},
	} {
		for reg, want := range []string{tt.local, tt.remote} {
			l := &listener{reg: reg, pattern: sig.Pattern{Sender: sig.Any, Event: sig.Any}}
			got := fmt.Sprint(story(tt.story, l).expect(l, "s"))
			if got != "["+want+"]" {
				t.Errorf("%s, registry %d: got %s, want [%s]", tt.name, reg, got, want)
			}
		}
	}
}

func TestExpectationOfAWatch(t *testing.T) {
	for _, tt := range []struct{ name, story, local, remote string }{
		{"snapshot", "c|[|", "connect of life 1", "connect of life 1"},
		{"past", "c/d|[|", "", ""},
		{"snapshot and change", "c/e|[/d|", "connect of life 1 disconnect of life 1", "connect of life 1 disconnect of life 1"},
		{"on the way", "c/[|", "connect of life 1", "connect of life 1"},
		{"end on the way", "c|d/[|", "", "connect of life 1? disconnect of life 1?"},
		{"next life on the way", "c|d/c/[|", "connect of life 2", "connect of life 1? disconnect of life 1? connect of life 2"},
	} {
		for reg, want := range []string{tt.local, tt.remote} {
			l := &listener{reg: reg, watch: true, pattern: sig.Pattern{Sender: sig.Any, Event: sig.EventConnect}}
			got := fmt.Sprint(story(tt.story, l).expect(l, "s"))
			if got != "["+want+"]" {
				t.Errorf("%s, registry %d: got %s, want [%s]", tt.name, reg, got, want)
			}
		}
	}
}
