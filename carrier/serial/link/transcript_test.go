package link_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/carrier/serial/link"
)

// transcript is what happened at both ends of a line, in order.
type transcript struct {
	About string           `json:"about"`
	Steps []transcriptStep `json:"steps"`
}

type transcriptStep struct {
	At   int64    `json:"at_ns"`
	End  string   `json:"end"`
	Does string   `json:"does"` // boot, send, output, input, receive, event
	Hex  hexBytes `json:"hex,omitempty"`
	Note string   `json:"note,omitempty"` // of output and input, for people

	Nonce  string           `json:"nonce,omitempty"` // of boot, before the first step, as a number
	Set    *transcriptSet   `json:"set,omitempty"`   // of boot
	Event  string           `json:"event,omitempty"` // opened, lost, refused
	Reason byte             `json:"reason,omitempty"`
	Peer   *transcriptAgree `json:"agreed,omitempty"` // of opened
}

type transcriptSet struct {
	Baud, MTU, Window, MaxMessage int
	Role, Version, MinVersion     byte
}

type transcriptAgree struct{ Version, MTU, Window, MaxMessage int }

var eventNames = map[link.EventKind]string{link.Opened: "opened", link.Lost: "lost", link.Refused: "refused"}

// recorder makes a transcript of a world.
type recorder struct {
	*world
	out transcript
}

func record(t *testing.T, about string, a, b transcriptSet) *recorder {
	r := &recorder{world: newWorld(t, link.Options{}, link.Options{}, linesim.Damage{}, 1)}
	r.out.About = about
	r.boot(r.a, a, 0x11111111)
	r.boot(r.b, b, 0x22222222)
	return r
}

func (set transcriptSet) options(nonce uint32) link.Options {
	return link.OfVersion(link.Options{
		Baud: set.Baud, MTU: set.MTU, Window: set.Window, MaxMessage: set.MaxMessage, Role: link.Role(set.Role), Nonce: nonce,
	}, set.Version, set.MinVersion)
}

func (r *recorder) boot(n *node, set transcriptSet, nonce uint32) {
	n.opt = set.options(nonce)
	n.m = link.New(&n.opt)
	n.lostSession()
	r.add(transcriptStep{End: n.name, Does: "boot", Nonce: hex32(nonce), Set: &set})
	n.rec = func(does string, p []byte, ev *link.Event) {
		step := transcriptStep{End: n.name, Does: does, Hex: bytes.Clone(p)}
		switch {
		case does == "input" || does == "output":
			step.Note = describe(p)
		case ev != nil:
			step.Event, step.Reason = eventNames[ev.Kind], byte(ev.Reason)
			if ev.Kind == link.Opened {
				step.Peer = &transcriptAgree{ev.Peer.Version, ev.Peer.MTU, ev.Peer.Window, ev.Peer.MaxMessage}
			}
		}
		r.add(step)
	}
}

func (r *recorder) add(s transcriptStep) {
	s.At = int64(r.now)
	r.out.Steps = append(r.out.Steps, s)
}

func hex32(x uint32) string {
	p, _ := hexBytes{byte(x >> 24), byte(x >> 16), byte(x >> 8), byte(x)}.MarshalText()
	return string(p)
}

// send sends the next message of n.
func (r *recorder) send(n *node, size int) {
	p := message(n.tag, n.sent, size)
	n.sent++
	require.NoError(r.t, n.m.Send(p))
	r.add(transcriptStep{End: n.name, Does: "send", Hex: p})
}

func (r *recorder) wait(d time.Duration) { r.run(r.now+d, nil) }

var usual = transcriptSet{Baud: baud, MTU: 246, Window: 4, MaxMessage: 1000, Version: 1, MinVersion: 1}

func scenarios(t *testing.T) map[string]transcript {
	open := record(t, "both ends open a session, exchange a message each, and stay for a keepalive", usual, usual)
	open.wait(50 * time.Millisecond)
	open.send(open.a, 16)
	open.wait(20 * time.Millisecond)
	open.send(open.b, 20)
	open.wait(2500 * time.Millisecond)

	small := usual
	small.MTU = 32
	lost := record(t, "the second of four frames is damaged; it alone is sent again", small, usual)
	lost.wait(50 * time.Millisecond)
	frames := 0
	lost.a.noise = linesim.New(linesim.Damage{}, 0)
	lost.a.tap = func(_ time.Duration, p []byte) {
		if frames++; frames == 2 {
			lost.a.noise.Set(linesim.Damage{BitErrors: 0.05})
		} else {
			lost.a.noise.Set(linesim.Damage{})
		}
	}
	lost.send(lost.a, 100)
	lost.wait(300 * time.Millisecond)

	reboot := record(t, "b restarts while a sends; a learns it from b's first frame", usual, usual)
	reboot.wait(50 * time.Millisecond)
	reboot.send(reboot.a, 300)
	reboot.wait(10 * time.Millisecond)
	reboot.boot(reboot.b, usual, 0x33333333)
	reboot.wait(200 * time.Millisecond)
	reboot.send(reboot.b, 12)
	reboot.wait(100 * time.Millisecond)

	newer := usual
	newer.Version, newer.MinVersion = 3, 2
	refused := record(t, "a speaks versions 2 and 3, b only 1", newer, usual)
	refused.wait(100 * time.Millisecond)

	return map[string]transcript{
		"transcript-open.json":    open.out,
		"transcript-lost.json":    lost.out,
		"transcript-reboot.json":  reboot.out,
		"transcript-version.json": refused.out,
	}
}

// TestVectorsTranscripts replays each end from the file alone.
func TestVectorsTranscripts(t *testing.T) {
	for name, made := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			file := vectors(t, name, made)
			require.Greater(t, len(file.Steps), 8)
			ends := map[string]*replayed{}
			for i, s := range file.Steps {
				replay(t, i, s, ends)
			}
		})
	}
}

// replayed is one end: its machine, and what it has of a message.
type replayed struct {
	m     *link.Machine
	inbox []byte
	whole bool
}

// take takes what has come, as a program would after each input: that is what
// the credit in the next frame depends on.
func (r *replayed) take() {
	if !r.whole {
		r.inbox, r.whole = r.m.Receive(r.inbox)
	}
}

func replay(t *testing.T, i int, s transcriptStep, ends map[string]*replayed) {
	now := time.Duration(s.At)
	if s.Does == "boot" {
		var nonce hexBytes
		require.NoError(t, nonce.UnmarshalText([]byte(s.Nonce)))
		opt := s.Set.options(uint32(nonce[0])<<24 | uint32(nonce[1])<<16 | uint32(nonce[2])<<8 | uint32(nonce[3]))
		ends[s.End] = &replayed{m: link.New(&opt)}
		return
	}
	r := ends[s.End]
	m := r.m
	switch s.Does {
	case "send":
		require.NoError(t, m.Send(s.Hex), "step %d", i)
	case "output":
		require.Equal(t, s.Hex, hexBytes(m.Output(now, nil)), "step %d: %s", i, s.Note)
	case "input":
		require.Equal(t, len(s.Hex), m.Input(now, s.Hex), "step %d", i)
		r.take()
	case "receive":
		require.True(t, r.whole, "step %d", i)
		require.Equal(t, s.Hex, hexBytes(r.inbox), "step %d", i)
		r.inbox, r.whole = nil, false
		r.take()
	case "event":
		ev, ok := m.Event()
		require.True(t, ok, "step %d", i)
		r.inbox, r.whole = nil, false
		require.Equal(t, s.Event, eventNames[ev.Kind], "step %d", i)
		require.Equal(t, s.Reason, byte(ev.Reason), "step %d", i)
		if s.Peer != nil {
			require.Equal(t, *s.Peer, transcriptAgree{ev.Peer.Version, ev.Peer.MTU, ev.Peer.Window, ev.Peer.MaxMessage}, "step %d", i)
		}
	default:
		t.Fatalf("step %d: %q", i, s.Does)
	}
}
