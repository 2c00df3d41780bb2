package link_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/carrier/serial/link"
)

// FuzzFrame: what is taken for a frame is one: encoded again it is the same, but
// for the empty block at the end that some encoders add.
func FuzzFrame(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Trim(link.AppendFrame(nil, link.Frame{Kind: 4, Payload: []byte("hello")}), "\x00"))
	f.Add(bytes.Trim(link.AppendFrame(nil, link.Frame{Kind: 5, Gaps: true, Bitmap: 5}), "\x00"))
	f.Add(append([]byte{255}, bytes.Repeat([]byte{7}, 254)...))
	f.Fuzz(func(t *testing.T, p []byte) {
		if bytes.IndexByte(p, 0) >= 0 {
			p = bytes.ReplaceAll(p, []byte{0}, []byte{1})
		}
		// Most of what a fuzzer finds fails at the CRC: stuff it as a payload too.
		stuffed := link.AppendCOBS(nil, p)
		if bytes.IndexByte(stuffed, 0) >= 0 {
			t.Fatalf("a zero in %x", stuffed)
		}
		back, ok := link.DecodeCOBS(bytes.Clone(stuffed))
		if !ok || !bytes.Equal(back, p) {
			t.Fatalf("%x became %x", p, back)
		}
		frame, ok := link.ParseFrame(bytes.Clone(p))
		if !ok {
			return
		}
		again := bytes.Trim(link.AppendFrame(nil, frame), "\x00")
		if !bytes.Equal(again, p) && !bytes.Equal(append(again, 1), p) {
			t.Fatalf("%x parsed, and encoded as %x", p, again)
		}
	})
}

// FuzzMachine plays a peer that says anything, in frames that are undamaged, at
// any time; the machine must not panic, not grow, and not say what is no frame.
func FuzzMachine(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 4, 0, 0, 3, 'a', 'b', 'c', 1, 50, 2, 20, 3})
	f.Add([]byte{0, 5, 0, 1, 0, 2, 200, 1, 200, 1, 200, 0, 0x0d, 3, 0, 0})
	f.Add([]byte{4, 0, 1, 255, 4, 1, 5, 2, 0, 1})
	f.Fuzz(func(t *testing.T, script []byte) {
		m := opened(t, link.Options{MTU: 40, Window: 4, MaxMessage: 100, TxBuffer: 200, Baud: baud})
		now := time.Duration(0)
		var msg []byte
		next := func() byte {
			if len(script) == 0 {
				return 0
			}
			b := script[0]
			script = script[1:]
			return b
		}
		for len(script) > 0 {
			var in []byte
			switch next() % 6 {
			case 0: // a frame of this session
				kind := next()
				_, sid := m.SIDs()
				fr := link.Frame{Kind: kind & 7, Gaps: kind&8 != 0, Bitmap: uint16(kind) * 257, Credit: kind >> 4, Seq: next(), Ack: next(), SID: sid}
				n := min(int(next()), len(script))
				fr.Payload, script = script[:n], script[n:]
				in = link.AppendFrame(nil, fr)
			case 1:
				now += time.Duration(next()) * 20 * time.Millisecond
			case 2:
				_ = m.Send(make([]byte, next()))
			case 3: // bytes
				n := min(int(next()), len(script))
				in, script = script[:n], script[n:]
			case 4: // an opening
				echo := m.Nonce()
				if b := next(); b > 3 {
					echo = uint32(b)
				}
				in = link.AppendFrame(nil, link.Frame{Kind: 1 + next()&1, Payload: link.Syn(uint32(next())+1, echo)})
			case 5:
				_ = m.SendDatagram(make([]byte, next()))
			}
			for len(in) > 0 {
				k := m.Input(now, in)
				in = in[k:]
				var whole bool
				if msg, whole = m.Receive(msg); whole {
					msg = msg[:0]
				}
				if len(msg) > 100 {
					t.Fatalf("a message of %d bytes, the limit is 100", len(msg))
				}
				if ev, ok := m.Event(); ok {
					msg = msg[:0]
					_ = ev.Reason.String()
				} else if k == 0 {
					t.Fatal("Input takes nothing though no event waits")
				}
			}
			if check(t, m, now) {
				msg = msg[:0]
			}
		}
	})
}

// check: what is sent are frames of a bounded size, and the deadline is not past.
// It reports whether a session was lost.
func check(t *testing.T, m *link.Machine, now time.Duration) bool {
	if wrong := m.Broken(); wrong != "" {
		t.Fatal(wrong)
	}
	if d := m.Deadline(now); d < now {
		t.Fatalf("a deadline in the past: %v at %v", d, now)
	}
	p := m.Output(now, nil)
	_, event := m.Event()
	if len(p) == 0 {
		return event
	}
	if len(p) > m.FrameSize() {
		t.Fatalf("a frame of %d bytes, the largest has %d", len(p), m.FrameSize())
	}
	if p[0] != 0 || p[len(p)-1] != 0 {
		t.Fatalf("%x does not stand between zeros", p)
	}
	if _, ok := link.ParseFrame(bytes.Trim(p, "\x00")); !ok {
		t.Fatalf("%x is no frame", p)
	}
	return event
}

// FuzzLine damages what two machines say to each other in any way; each message
// arrives once and in order within a session, and all do once the line is good.
func FuzzLine(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 1, 2, 5, 3, 9, 4, 1, 1, 1})
	f.Add(bytes.Repeat([]byte{0, 0, 0, 1}, 40))
	f.Add(append(make([]byte, 30), 5, 0, 0, 0, 0, 5, 1))
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 400)]
		const slow = 9600 // fewer frames, more runs
		w := newWorld(t, link.Options{Baud: slow, Window: 4, MTU: 64}, link.Options{Baud: slow}, linesim.Damage{}, 1)
		w.a.baud, w.b.baud = slow, slow
		w.a.size, w.b.size = always(40), always(100)
		damage := func(n *node) func(time.Duration, []byte) {
			return func(_ time.Duration, p []byte) {
				if len(script) < 2 {
					return
				}
				what, arg := script[0], int(script[1])
				script = script[1:]
				switch what % 6 {
				case 1:
					clear(p) // nothing arrives
				case 2:
					p[arg%len(p)] ^= 1 << (arg & 7)
				case 3:
					clear(p[arg%len(p):])
				case 4:
					p[0], p[len(p)-1] = 1, 2 // runs into its neighbours
				case 5:
					n.rebootSoon = true
				}
			}
		}
		w.a.tap, w.b.tap = damage(w.a), damage(w.b)
		for range 100 {
			w.run(w.now+40*time.Millisecond, nil)
			for _, n := range []*node{w.a, w.b} {
				if n.rebootSoon {
					n.rebootSoon = false
					n.reboot()
				}
			}
		}
		script = nil
		w.run(w.now+5*time.Second, nil)
		a, b := w.a.gotAll, w.b.gotAll
		w.run(w.now+time.Second, nil)
		if w.a.gotAll < a+4 || w.b.gotAll < b+8 {
			t.Fatalf("the line is good and little arrives\n%v\n%v", w.a, w.b)
		}
	})
}
