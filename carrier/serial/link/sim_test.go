package link_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/carrier/serial/link"
)

var (
	update = flag.Bool("update", false, "write the vectors and the table in docs/serial-link.md anew")
	long   = flag.Bool("long", false, "a million frames with noise, and more seeds")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const baud = 115200

// world is two machines and the line between them, under simulated time: a run
// is exact, whatever else this computer does.
type world struct {
	t    testing.TB
	now  time.Duration
	a, b *node
}

// node is one end: a machine, its program, and the line away from it.
type node struct {
	name string
	w    *world
	opt  link.Options
	m    *link.Machine
	to   *node

	noise   *linesim.Noise
	latency time.Duration
	baud    int
	free    time.Duration // when the line away from here has sent everything
	flight  []chunk
	cut     bool                              // the line away from here is unplugged
	tap     func(now time.Duration, p []byte) // sees what is sent
	rec     func(does string, p []byte, ev *link.Event)
	buf     []byte

	program
}

type chunk struct {
	at time.Duration
	p  []byte
}

// program numbers what it sends and checks what it gets: within a session each
// message of the other side comes once, whole and in order.
type program struct {
	size  func(n int) int // of the next message; nil: sends nothing
	limit int             // messages in a session; 0: no limit
	slow  bool            // does not receive

	tag    uint32 // of this session's messages: no two sessions have the same
	sent   int
	rest   []byte // of the message that did not fit
	inbox  []byte
	theirs uint32
	got    int // messages in this session

	gotBytes, gotAll int
	gotAt            []time.Duration // of each message in this session, if noted
	note             bool
	events           []link.Event
	grams            [][]byte
	text             []byte
	echo             bool // answers each message with itself
	rebootSoon       bool
}

func newWorld(t testing.TB, a, b link.Options, damage linesim.Damage, seed uint64) *world {
	w := &world{t: t}
	w.a = &node{name: "a", w: w, noise: linesim.New(damage, seed), baud: baud, latency: time.Millisecond}
	w.b = &node{name: "b", w: w, noise: linesim.New(damage, seed+1), baud: baud, latency: time.Millisecond}
	w.a.to, w.b.to = w.b, w.a
	if a.Nonce == 0 {
		a.Nonce = uint32(seed)*7919 + 1
	}
	if b.Nonce == 0 {
		b.Nonce = uint32(seed)*104729 + 2
	}
	w.a.opt, w.b.opt = a, b
	w.a.m, w.b.m = link.New(&w.a.opt), link.New(&w.b.opt)
	return w
}

// reboot forgets everything but the tags.
func (n *node) reboot() {
	n.opt.Nonce = n.opt.Nonce*1664525 + 1013904223
	n.m = link.New(&n.opt)
	n.lostSession()
}

func (n *node) lostSession() {
	n.rest, n.inbox, n.sent, n.got, n.theirs = nil, nil, 0, 0, 0
	n.gotAt = nil
	n.tag += 1 << 8
}

// run goes on until the time has come or cond, if there is one, holds; it
// reports the latter.
func (w *world) run(until time.Duration, cond func() bool) bool {
	for {
		w.a.step()
		w.b.step()
		if cond != nil && cond() {
			return true
		}
		next := min(w.a.wake(), w.b.wake())
		if next > until {
			w.now = until
			return false
		}
		if next < w.now {
			w.t.Fatalf("a deadline lies in the past: %v at %v", next, w.now)
		}
		w.now = next
	}
}

// wake returns when something happens at this end.
func (n *node) wake() time.Duration {
	at := n.m.Deadline(n.w.now)
	if at < n.free {
		at = n.free // the line takes nothing before
	}
	if in := n.to.flight; len(in) > 0 {
		at = min(at, in[0].at)
	}
	return at
}

// step takes what has come and sends what there is.
func (n *node) step() {
	w := n.w
	for len(n.to.flight) > 0 && n.to.flight[0].at <= w.now {
		p := n.to.flight[0].p
		n.to.flight = n.to.flight[1:]
		n.input(p)
	}
	for {
		n.drain()
		n.send()
		if n.free > w.now {
			return
		}
		n.buf = n.m.Output(w.now, n.buf[:0])
		if len(n.buf) == 0 {
			if d := n.m.Deadline(w.now); d <= w.now {
				n.drain() // an event of the machine's own accord
				if d = n.m.Deadline(w.now); d <= w.now {
					continue
				}
			}
			return
		}
		n.write(n.buf)
	}
}

func (n *node) input(p []byte) {
	n.record("input", p, nil)
	for len(p) > 0 {
		k := n.m.Input(n.w.now, p)
		n.drain()
		if k == 0 && len(p) > 0 {
			if k = n.m.Input(n.w.now, p); k == 0 {
				n.w.t.Fatal("Input takes nothing though no event waits")
			}
			n.drain()
		}
		p = p[k:]
	}
}

// write puts bytes on the line.
func (n *node) write(p []byte) {
	n.record("output", p, nil)
	if n.tap != nil {
		n.tap(n.w.now, p)
	}
	n.free = max(n.free, n.w.now) + byteTime(len(p), n.baud)
	if !n.cut {
		n.flight = append(n.flight, chunk{n.free + n.latency, n.noise.Apply(nil, p)})
	}
}

// record notes a step for a transcript.
func (n *node) record(does string, p []byte, ev *link.Event) {
	if n.rec != nil {
		n.rec(does, p, ev)
	}
}

func byteTime(size, baud int) time.Duration {
	return time.Duration(size) * 10 * time.Second / time.Duration(baud)
}

// drain takes messages and events, as the package's comment says.
func (n *node) drain() {
	n.text = n.m.Text(n.text)
	for !n.slow {
		var whole bool
		if n.inbox, whole = n.m.Receive(n.inbox); !whole {
			break
		}
		n.record("receive", n.inbox, nil)
		n.accept(n.inbox)
		n.inbox = n.inbox[:0]
	}
	for {
		p, ok := n.m.Datagram(nil)
		if !ok {
			break
		}
		n.grams = append(n.grams, p)
	}
	if ev, ok := n.m.Event(); ok {
		n.record("event", nil, &ev)
		n.events = append(n.events, ev)
		if ev.Kind != link.Refused {
			n.lostSession()
		}
	}
}

// accept checks the promise of the link.
func (n *node) accept(p []byte) {
	if len(p) < 8 {
		n.w.t.Fatalf("%s: a message of %d bytes, nobody sent one", n.name, len(p))
	}
	tag, number := binary.LittleEndian.Uint32(p), int(binary.LittleEndian.Uint32(p[4:]))
	if n.got == 0 {
		n.theirs = tag
	}
	if tag != n.theirs || number != n.got {
		n.w.t.Fatalf("%s at %v: message %d of session %x, want %d of %x", n.name, n.w.now, number, tag, n.got, n.theirs)
	}
	if !bytes.Equal(p, message(tag, number, len(p))) {
		n.w.t.Fatalf("%s: message %d is damaged", n.name, number)
	}
	n.got++
	n.gotAll++
	n.gotBytes += len(p)
	if n.note {
		n.gotAt = append(n.gotAt, n.w.now)
	}
	if n.echo {
		if err := n.m.Send(message(n.tag, n.sent, len(p))); err != nil {
			n.w.t.Fatal(err)
		}
		n.sent++
	}
}

// send gives the machine what it takes.
func (n *node) send() {
	if _, open := n.m.Open(); !open || n.size == nil {
		return
	}
	for {
		if len(n.rest) > 0 {
			k, err := n.m.Write(n.rest)
			if err != nil {
				return
			}
			if n.rest = n.rest[k:]; len(n.rest) > 0 {
				return
			}
		}
		if n.limit > 0 && n.sent == n.limit {
			return
		}
		size := max(n.size(n.sent), 8)
		if err := n.m.Start(size); err != nil {
			return
		}
		n.rest = message(n.tag, n.sent, size)
		n.sent++
	}
}

// message returns a message that says which one it is, and whose bytes could be
// no other's.
func message(tag uint32, number, size int) []byte {
	p := make([]byte, size)
	binary.LittleEndian.PutUint32(p, tag)
	binary.LittleEndian.PutUint32(p[4:], uint32(number))
	x := uint64(tag)<<32 | uint64(uint32(number)) | 1
	for i := 8; i < size; i += 8 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], x)
		copy(p[i:], word[:])
	}
	return p
}

func always(size int) func(int) int { return func(int) int { return size } }

// connected runs until both ends have a session with each other.
func (w *world) connected() {
	w.t.Helper()
	ok := w.run(w.now+10*time.Second, func() bool {
		_, a := w.a.m.Open()
		_, b := w.b.m.Open()
		return a && b
	})
	if !ok {
		w.t.Fatal("no session after 10 s")
	}
}

func (n *node) String() string {
	return fmt.Sprintf("%s: %d messages, %+v", n.name, n.gotAll, n.m.Stats())
}

var line115200 = link.Options{Baud: baud}
