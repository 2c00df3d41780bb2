package demo

import (
	"context"
	"fmt"
	"sync"

	"github.com/gosig/gosig/sig"
)

// seat is a place for a viewer: by which carrier and codec it is connected,
// and whom it watches.
type seat struct {
	name    string
	scheme  string
	codec   string
	senders []sig.Name
	// presence: it also prints who comes and goes.
	presence bool
}

// seats are the viewers. Each sender is watched by one of them, over another
// carrier and another codec than its own.
var seats = []seat{
	{"panel", "tls", "cbor", []sig.Name{"host/cpu", "host/net"}, false},
	{"console", "tcp", "json", []sig.Name{"host/memory", "host/load", "me"}, true},
}

func (s seat) String() string { return fmt.Sprintf("%s (%s, %s)", s.name, s.scheme, s.codec) }

// viewer prints what reaches it.
type viewer struct {
	*connection
	seat   seat
	screen *screen
	label  func(sig.Name) string

	mu      sync.Mutex
	present map[sig.Name]bool
	empty   chan struct{} // capacity 1: everybody it watches may have left
}

func (h *hub) seat(ctx context.Context, s seat, screen *screen, label func(sig.Name) string) (*viewer, error) {
	c, err := h.connect(ctx, s.name, s.scheme, s.codec)
	if err != nil {
		return nil, err
	}
	v := &viewer{
		connection: c, seat: s, screen: screen, label: label,
		present: make(map[sig.Name]bool), empty: make(chan struct{}, 1),
	}
	if err := v.subscribe(ctx); err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

// subscribe asks for everything of the senders it watches, which includes
// their coming and going, and waits until that is in force.
func (v *viewer) subscribe(ctx context.Context) error {
	for _, sender := range v.seat.senders {
		if _, err := sig.Subscribe(v.reg, sender, sig.Any, v.event, nil); err != nil {
			return err
		}
	}
	if v.seat.presence {
		for _, event := range []sig.Name{sig.EventConnect, sig.EventDisconnect} {
			if _, err := sig.Subscribe(v.reg, sig.Any, event, v.comingOrGoing, nil); err != nil {
				return err
			}
		}
	}
	return v.reg.Sync(ctx)
}

func (v *viewer) event(ev sig.Event) {
	switch data := ev.Data.(type) {
	case sig.Presence:
		v.note(ev.Sender, ev.Name == sig.EventConnect)
	case sig.Lost:
		v.screen.lostEvents(data)
	default:
		v.screen.event(ev.Sender, v.label(ev.Sender), v.seat.String(), ev.Name, data)
	}
}

func (v *viewer) comingOrGoing(ev sig.Event) {
	p, ok := ev.Data.(sig.Presence)
	if !ok {
		return
	}
	if ev.Name == sig.EventConnect {
		v.screen.connected(ev.Sender, v.label(ev.Sender), v.seat.String(), p)
	} else {
		v.screen.disconnected(ev.Sender, v.label(ev.Sender), v.seat.String(), p)
	}
}

// note keeps track of who is there of those it watches.
func (v *viewer) note(sender sig.Name, there bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if there {
		v.present[sender] = true
		return
	}
	delete(v.present, sender)
	select {
	case v.empty <- struct{}{}:
	default: // it has been told
	}
}

// awaitEnd waits until the demo's own senders have left, as seen from here.
func (v *viewer) awaitEnd(ctx context.Context) error {
	for {
		if v.allGone() {
			return nil
		}
		select {
		case <-v.empty:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (v *viewer) allGone() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range posts {
		if v.present[p.sender] {
			return false
		}
	}
	return true
}
