package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gosig/gosig/sig"
)

// ear counts what one client hears of the others, and prints its share of it:
// of the events of one sender each is printed by another client, in turn, so that
// every way through the router is shown.
type ear struct {
	own    post
	number int // of the post
	screen *screen

	mu      sync.Mutex
	of      []heard       // of each post
	changed chan struct{} // capacity 1: somebody has left
}

// heard is what has come of one sender.
type heard struct {
	events, lost int
	came, left   int
}

func newEar(p post, screen *screen) *ear {
	number := slices.IndexFunc(posts, func(q post) bool { return q.scheme == p.scheme })
	return &ear{own: p, number: number, screen: screen, of: make([]heard, len(posts)), changed: make(chan struct{}, 1)}
}

// listen subscribes to everything, and waits until that is in force.
func (e *ear) listen(ctx context.Context, reg *sig.Registry) error {
	if _, err := sig.Subscribe(reg, sig.Any, sig.Any, e.hear, nil); err != nil {
		return err
	}
	return reg.Sync(ctx)
}

func (e *ear) hear(ev sig.Event) {
	if ev.Sender == e.own.sender {
		return
	}
	from := slices.IndexFunc(posts, func(p post) bool { return p.sender == ev.Sender })
	if from < 0 { // somebody in another shell
		if e.number == 0 {
			e.print(ev, "-", nil)
		}
		return
	}
	if e.count(from, ev) {
		e.print(ev, posts[from].String(), posts[from].show)
	}
}

// count notes an event, and returns whether it is this client's turn to print
// it.
func (e *ear) count(from int, ev sig.Event) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := &e.of[from]
	turn := h.events + h.lost
	switch data := ev.Data.(type) {
	case sig.Lost:
		h.lost += int(data.Count)
		return true // by each to whom it has happened
	case sig.Presence:
		// Printed by whoever prints the event after it, or the one before it: so
		// the order that each client sees is on the screen as well.
		if ev.Name == sig.EventConnect {
			h.came++
		} else {
			h.left++
			turn = max(turn-1, 0)
			select {
			case e.changed <- struct{}{}:
			default: // it has been told
			}
		}
	default:
		h.events++
	}
	others := len(posts) - 1
	return (from+1+turn%others)%len(posts) == e.number
}

func (e *ear) print(ev sig.Event, from string, show []string) {
	what, text := "event", ""
	switch data := ev.Data.(type) {
	case sig.Lost:
		what, text = "lost", data.String()
	case sig.Presence:
		what, text = "connect", fmt.Sprintf("emits %v, answers %v", data.Events, data.Requests)
		if ev.Name == sig.EventDisconnect {
			what, text = "disconnect", "because: "+data.Reason
		}
		if data.Reason == farewell {
			return // everybody's, and the summary is next
		}
	default:
		text = string(ev.Name) + ": " + brief(data, show)
	}
	e.screen.line(what, ev.Sender, from, e.own.String(), text)
}

// awaitEnd waits until all others have left, as seen from here. What they have
// emitted before has come by then, since nothing overtakes.
func (e *ear) awaitEnd(ctx context.Context) error {
	for {
		there := e.present()
		if len(there) == 0 {
			return nil
		}
		select {
		case <-e.changed:
		case <-ctx.Done():
			return fmt.Errorf("%s has not seen %s leave: %w", e.own.scheme, strings.Join(there, ", "), ctx.Err())
		}
	}
}

// present names the carriers of those who have not left.
func (e *ear) present() (there []string) {
	for i, h := range e.heard() {
		if i != e.number && (h.came == 0 || h.came > h.left) {
			there = append(there, posts[i].scheme)
		}
	}
	return there
}

func (e *ear) heard() []heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.of)
}
