package modeltest

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gosig/gosig/sig"
)

type kind uint8

const (
	connected kind = iota + 1
	disconnected
	emitted
)

// key identifies what happened, as the subscriber of it can tell: n is the
// number of the sender's life, or that of the entry, which is the payload.
type key struct {
	kind kind
	n    int64
}

func (k key) String() string {
	return fmt.Sprintf("%s %d", [...]string{connected: "connect of life", disconnected: "disconnect of life", emitted: "event"}[k.kind], k.n)
}

// entry is one thing that was done to a sender.
type entry struct {
	key
	reg           int
	sender, event sig.Name
	now           moment
	depth         int  // of reactions to reactions
	void          bool // it failed: nobody may see it
	quiet         bool // nobody reacts to it
	racing        bool // with the end of its sender
}

// moment says when something was done: in which step of the script, after how
// many settlings, and before which entry.
type moment struct{ step, settled, index int }

// life is one connection of a sender.
type life struct {
	n      int64
	reg    int
	name   sig.Name
	events []sig.Name
	sender *sig.Sender
}

// marker is the event that every life declares besides, so that its number can
// be read from its presence everywhere.
func (l *life) marker() sig.Name { return sig.Name(fmt.Sprintf("life/%d", l.n)) }

// lifeOf reads the marker.
func lifeOf(p sig.Presence) (n int64, err error) {
	for _, ev := range p.Events {
		if digits, ok := strings.CutPrefix(string(ev), "life/"); ok {
			_, err = fmt.Sscan(digits, &n)
			return n, err
		}
	}
	return 0, fmt.Errorf("the presence of %s lists the events %v, which is not what it declared", p.Sender, p.Events)
}

// history is what was done, and who is connected in consequence.
type history struct {
	joined  bool // there are several registries
	mu      sync.Mutex
	entries []*entry
	alive   map[sig.Name]*life
	now     moment
	lives   int64
}

// add notes an entry before it is done, so that handlers find it.
func (h *history) add(e entry) *entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now.index = len(h.entries)
	e.now = h.now
	if e.kind == emitted {
		e.n = int64(len(h.entries))
	}
	h.entries = append(h.entries, &e)
	return &e
}

func (h *history) void(e *entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.void = true
}

// event finds the entry whose number a payload carries.
func (h *history) event(n int64) *entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n < 0 || n >= int64(len(h.entries)) {
		return nil
	}
	return h.entries[n]
}

func (h *history) moment() moment {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now
	now.index = len(h.entries)
	return now
}

func (h *history) lookup(name sig.Name) *life {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.alive[name]
}

// awayFrom reports whether something was done to the sender in another registry
// that may not have arrived everywhere.
func (h *history) awayFrom(reg int, name sig.Name) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.entries {
		if e.sender == name && e.reg != reg && e.now.settled == h.now.settled {
			return true
		}
	}
	return false
}

// expected is one entry as a subscription should see it.
type expected struct {
	key
	maybe bool
}

// uncertain reports whether an event raced with the end of its sender where the
// two meet in several places: it may fail in one and get through in another.
func (h *history) uncertain(e *entry) bool { return h.joined && e.racing }

// expect says what a listener should have seen of one sender, in order.
func (h *history) expect(l *listener, sender sig.Name) []expected {
	h.mu.Lock()
	defer h.mu.Unlock()
	mine := slices.DeleteFunc(slices.Clone(h.entries), func(e *entry) bool {
		return e.sender != sender || e.void && !h.uncertain(e) || !l.wants(e)
	})
	var want []expected
	if l.watch {
		begin := slices.IndexFunc(mine, func(e *entry) bool { return e.now.index >= l.from.index })
		if begin < 0 {
			begin = len(mine)
		}
		want, mine = l.snapshot(mine[:begin]), mine[begin:]
	}
	for _, e := range mine {
		began, ended := l.uncertain(e)
		switch {
		case e.now.index < l.from.index && !began:
		case l.ended && e.now.index >= l.to.index:
		default:
			want = append(want, expected{e.key, began || ended || h.uncertain(e) && (e.void || e.reg != l.reg)})
		}
	}
	return want
}
