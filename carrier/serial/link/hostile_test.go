package link_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/carrier/serial/link"
)

// opened returns a machine in a session with a peer that the test plays.
func opened(t testing.TB, opt link.Options) *link.Machine {
	m := link.New(&opt)
	m.Output(0, nil)
	m.Input(0, link.AppendFrame(nil, link.Frame{Kind: 2, Payload: link.Syn(99, m.Nonce())}))
	ev, ok := m.Event()
	if !ok || ev.Kind != link.Opened {
		t.Fatal("no session")
	}
	return m
}

// randomBytes stands for a line at the wrong speed.
func randomBytes(size int, seed uint64) []byte {
	p := make([]byte, size)
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}

// TestRandomBytes: 10 MB of them open nothing, deliver nothing and end nothing.
func TestRandomBytes(t *testing.T) {
	for _, p := range [][]byte{
		randomBytes(10<<20, 1),
		make([]byte, 1<<20),
		bytes.Repeat([]byte{1}, 1<<20),
		bytes.Repeat([]byte{1, 0}, 1<<19),
		bytes.Repeat([]byte("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n"), 1<<20/69),
	} {
		fresh, open := link.New(nil), opened(t, link.Options{})
		fresh.Output(0, nil)
		for _, m := range []*link.Machine{fresh, open} {
			require.Equal(t, len(p), m.Input(0, p))
			require.Zero(t, m.Stats().FramesIn-m.Stats().Sessions)
			_, whole := m.Receive(nil)
			require.False(t, whole)
			assert.LessOrEqual(t, len(m.Text(nil)), 256)
		}
		_, isOpen := fresh.Open()
		assert.False(t, isOpen)
		_, isOpen = open.Open()
		assert.True(t, isOpen)
	}
}

// TestResynchronise: whatever came before, a frame that follows is taken: the
// zero before it ends all that was.
func TestResynchronise(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := opened(t, link.Options{})
		_, in := m.SIDs()
		garbage := rapid.OneOf(
			rapid.SliceOfN(rapid.Byte(), 0, 2000),
			rapid.SliceOfN(rapid.ByteRange(1, 255), 0, 2000),
			rapid.Map(rapid.IntRange(0, 40), func(n int) []byte { // half a frame
				p := link.AppendFrame(nil, link.Frame{Kind: 4, SID: in, Payload: bytes.Repeat([]byte("x"), 30)})
				return p[:min(n, len(p)-2)]
			}),
		).Draw(rt, "garbage")
		require.Equal(rt, len(garbage), m.Input(0, garbage))
		before := m.Stats().FramesIn
		m.Input(0, link.AppendFrame(nil, link.Frame{Kind: 4, Credit: 15, SID: in, Payload: []byte{2, 'h', 'i'}}))
		got, whole := m.Receive(nil)
		if m.Stats().FramesIn != before+1 || !whole || string(got) != "hi" {
			rt.Fatalf("the frame after garbage was not taken: %q, %+v", got, m.Stats())
		}
	})
}

// TestText: what a device prints between frames is handed over, and costs nothing.
func TestText(t *testing.T) {
	w := newWorld(t, line115200, line115200, linesim.Damage{}, 1)
	w.a.size, w.b.size = always(60), always(60)
	w.connected()
	frames := 0
	w.a.tap = func(now time.Duration, _ []byte) {
		if frames++; frames%10 == 0 {
			line := []byte("I (312) sensor: 21.5 C\r\n")
			w.a.free += byteTime(len(line), baud)
			w.a.flight = append(w.a.flight, chunk{now + w.a.latency, line})
		}
	}
	w.run(w.now+20*time.Second, nil)
	assert.Greater(t, w.b.got, 1000)
	assert.Greater(t, bytes.Count(w.b.text, []byte("I (312) sensor: 21.5 C\r\n")), 50)
	assert.Zero(t, w.b.m.Stats().Damaged, "text is no damage")
	assert.Zero(t, w.a.m.Stats().Resent)
}

// TestViolations: a frame that is whole and says what cannot be ends the session
// with a reason, for both sides.
func TestViolations(t *testing.T) {
	for _, row := range []struct {
		name  string
		frame link.Frame
		want  link.Reason
	}{
		{"acknowledges what was never sent", link.Frame{Kind: 5, Ack: 1}, link.ReasonProtocol},
		{"more payload than an MTU", link.Frame{Kind: 4, Payload: make([]byte, 247)}, link.ReasonProtocol},
		{"a message over the limit", link.Frame{Kind: 4, Payload: []byte{0xff, 0xff, 0xff, 0x7f}}, link.ReasonTooLarge},
		{"a length of five bytes", link.Frame{Kind: 4, Payload: []byte{0x80, 0x80, 0x80, 0x80, 1}}, link.ReasonTooLarge},
		{"a length that is not the shortest", link.Frame{Kind: 4, Payload: []byte{0x85, 0x00}}, link.ReasonTooLarge},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := opened(t, link.Options{})
			_, row.frame.SID = m.SIDs()
			m.Input(0, link.AppendFrame(nil, row.frame))
			_, whole := m.Receive(nil)
			assert.False(t, whole)
			ev, ok := m.Event()
			require.True(t, ok)
			assert.Equal(t, link.Event{Kind: link.Lost, Reason: row.want}, ev)
			p := bytes.Trim(m.Output(0, nil), "\x00")
			f, ok := link.ParseFrame(p)
			require.True(t, ok)
			assert.EqualValues(t, 3, f.Kind, "an RST")
			assert.Equal(t, []byte{99, 0, 0, 0, byte(row.want), 1}, f.Payload)
		})
	}
}

// TestIgnored: frames that mean nothing to this session change nothing.
func TestIgnored(t *testing.T) {
	m := opened(t, link.Options{})
	_, in := m.SIDs()
	for name, f := range map[string]link.Frame{
		"another session":              {Kind: 4, SID: in ^ 1, Payload: []byte{1, 'x'}},
		"our own direction":            {Kind: 4, SID: in ^ 0x80, Payload: []byte{1, 'x'}},
		"beyond the credit":            {Kind: 4, Seq: 15, SID: in, Payload: []byte{1, 'x'}},
		"a type of a later version":    {Kind: 0, SID: in, Payload: []byte{1, 'x'}},
		"RST for another nonce":        {Kind: 3, Payload: []byte{1, 2, 3, 4, 5, 6}},
		"RST that is short":            {Kind: 3, Payload: []byte{1}},
		"SYN that is short":            {Kind: 1, Payload: []byte{1, 2, 3}},
		"SYN without a nonce":          {Kind: 1, Payload: link.Syn(0, m.Nonce())},
		"SYNACK for an earlier life":   {Kind: 2, Payload: link.Syn(7, m.Nonce()-1)},
		"SYN of our own, come back":    {Kind: 1, Payload: link.Syn(m.Nonce(), 0)},
		"SYN of the same peer":         {Kind: 1, Payload: link.Syn(99, 0)},
		"SYNACK of the same peer":      {Kind: 2, Payload: link.Syn(99, m.Nonce())},
		"credit that shrinks":          {Kind: 5, Credit: 0, SID: in},
		"an ACK with a strange bitmap": {Kind: 5, Gaps: true, Bitmap: 0xffff, Credit: 15, SID: in},
	} {
		require.NotZero(t, m.Input(0, link.AppendFrame(nil, f)), name)
		got, whole := m.Receive(nil)
		require.False(t, whole, name)
		require.Empty(t, got, name)
		_, ok := m.Event()
		require.False(t, ok, name)
		_, open := m.Open()
		require.True(t, open, name)
	}
}
