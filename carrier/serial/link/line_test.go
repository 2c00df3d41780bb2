package link_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/carrier/serial/link"
)

// everything that goes wrong on a line, at rates that a session survives.
var everything = linesim.Damage{BitErrors: 1e-4, Drops: 2e-4, Inserts: 2e-4, Bursts: 5e-5, Breaks: 5e-5}

// TestExactlyOnce: whatever the line does and however the ends are set, within a
// session each message comes once, whole and in order. program.accept checks it.
func TestExactlyOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		damage := linesim.Damage{
			BitErrors: rapid.SampledFrom([]float64{0, 1e-5, 1e-4, 1e-3, 3e-3}).Draw(rt, "bit errors"),
			Drops:     rapid.SampledFrom([]float64{0, 1e-4, 2e-3}).Draw(rt, "drops"),
			Inserts:   rapid.SampledFrom([]float64{0, 1e-4, 2e-3}).Draw(rt, "inserts"),
			Bursts:    rapid.SampledFrom([]float64{0, 1e-4, 1e-3}).Draw(rt, "bursts"),
			BurstLen:  rapid.IntRange(1, 600).Draw(rt, "burst length"),
			Breaks:    rapid.SampledFrom([]float64{0, 1e-4, 1e-3}).Draw(rt, "breaks"),
		}
		options := func(who string) link.Options {
			return link.Options{
				Baud:   rapid.SampledFrom([]int{0, baud}).Draw(rt, who+" baud"),
				MTU:    rapid.IntRange(32, 600).Draw(rt, who+" MTU"),
				Window: rapid.IntRange(1, 15).Draw(rt, who+" window"),
			}
		}
		w := newWorld(t, options("a"), options("b"), damage, rapid.Uint64().Draw(rt, "seed"))
		largest := rapid.SampledFrom([]int{8, 40, 300, 3000}).Draw(rt, "largest message")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "sizes"), 0))
		w.a.size = func(int) int { return rng.IntN(largest) }
		w.b.size = func(int) int { return rng.IntN(largest) }
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			w.run(w.now+time.Duration(rapid.IntRange(1, 3000).Draw(rt, "ms"))*time.Millisecond, nil)
			switch rapid.IntRange(0, 7).Draw(rt, "what happens") {
			case 0:
				w.a.reboot()
			case 1:
				w.b.reboot()
			case 2:
				w.a.cut = !w.a.cut
			case 3:
				w.b.cut = !w.b.cut
			case 4:
				w.a.slow = !w.a.slow
			case 5:
				w.b.noise.Set(linesim.Damage{})
			}
		}
		// Once the line is good again everything arrives.
		w.a.cut, w.b.cut, w.a.slow, w.b.slow = false, false, false, false
		w.a.noise.Set(linesim.Damage{})
		w.b.noise.Set(linesim.Damage{})
		w.run(w.now+10*time.Second, nil)
		w.connected()
		a, b := w.a.gotAll, w.b.gotAll
		if !w.run(w.now+10*time.Second, func() bool { return w.a.gotAll > a && w.b.gotAll > b }) {
			rt.Fatalf("nothing arrives on a line that is good again\n%v\n%v", w.a, w.b)
		}
	})
}

// TestManyFrames: no damaged frame accepted, no loss, no disorder.
func TestManyFrames(t *testing.T) {
	frames := uint64(20_000)
	if *long {
		frames = 1_000_000
	}
	w := newWorld(t, line115200, line115200, everything, 3)
	w.a.size, w.b.size = always(244), always(100)
	w.run(1000*time.Hour, func() bool { return w.a.m.Stats().FramesIn+w.b.m.Stats().FramesIn >= frames })
	assert.EqualValues(t, 1, w.a.m.Stats().Sessions, "one session, noise does not end it")
	assert.EqualValues(t, 1, w.b.m.Stats().Sessions)
	assert.Greater(t, w.b.m.Stats().Damaged, frames/50, "the line was noisy")
	t.Logf("%v of line time\n%v\n%v", w.now, w.a, w.b)
}

// TestSlowestLine: at a speed at which a frame takes seconds, a peer that sends one is
// not taken for silent, nor for one that acknowledges nothing.
func TestSlowestLine(t *testing.T) {
	const slow = 300
	w := newWorld(t, link.Options{Baud: slow}, link.Options{Baud: slow, Window: 1}, linesim.Damage{BitErrors: 3e-5}, 1)
	w.a.baud, w.b.baud = slow, slow
	w.a.size, w.b.size = always(600), always(200)
	w.run(3*time.Hour, nil)
	for _, n := range []*node{w.a, w.b} {
		assert.EqualValues(t, 1, n.m.Stats().Sessions, n)
		assert.Greater(t, n.gotBytes, 3*3600*slow/10/2, "half of what the line carries, %v", n)
		assert.NotZero(t, n.m.Stats().Damaged, n)
	}
	peer, _ := w.a.m.Open()
	assert.Greater(t, peer.Keepalive, 17*time.Second, "two frames of 257 bytes")
}

// TestTail: the last message arrives though nothing comes after it that would
// show a loss, and soon.
func TestTail(t *testing.T) {
	worst := time.Duration(0)
	for seed := range uint64(200) {
		w := newWorld(t, line115200, line115200, linesim.Damage{}, seed)
		w.connected()
		w.run(w.now+time.Second/2, nil)
		w.a.noise.Set(linesim.Damage{BitErrors: 1e-3})
		w.b.noise.Set(linesim.Damage{BitErrors: 1e-3})
		w.a.size, w.a.limit = always(100), 1
		start := w.now
		require.True(t, w.run(w.now+10*time.Second, func() bool { return w.b.got == 1 && w.a.m.Idle() }))
		worst = max(worst, w.now-start)
	}
	assert.Less(t, worst, 3*time.Second)
	t.Logf("worst of 200: %v", worst)
}

func TestFragments(t *testing.T) {
	opt := link.Options{Baud: baud, TxBuffer: 300, Window: 3, MTU: 100}
	w := newWorld(t, opt, opt, linesim.Damage{BitErrors: 1e-4}, 1)
	sizes := []int{8, 99, 100, 101, 127, 128, 300, 5000, 16383, 16384, 65536}
	w.a.size, w.a.limit = func(n int) int { return sizes[n] }, len(sizes)
	require.True(t, w.run(time.Minute, func() bool { return w.b.got == len(sizes) }))
}

// TestRoundTrip: on an idle line an answer takes little more than its bytes.
func TestRoundTrip(t *testing.T) {
	w := newWorld(t, line115200, line115200, linesim.Damage{}, 1)
	w.a.latency, w.b.latency = 0, 0
	w.connected()
	w.run(w.now+time.Second/2, nil)
	w.b.echo = true
	w.a.size, w.a.limit = always(16), 1
	start := w.now
	require.True(t, w.run(w.now+time.Second, func() bool { return w.a.got == 1 }))
	onWire := 2 * byteTime(16+1+8+3, baud)
	t.Logf("%v, of which the bytes take %v", w.now-start, onWire)
	assert.LessOrEqual(t, w.now-start, onWire*3/2+time.Millisecond)
}

// TestCoalesce: while a frame is on the line, small messages gather in the next.
func TestCoalesce(t *testing.T) {
	w := newWorld(t, line115200, line115200, linesim.Damage{}, 1)
	w.connected()
	before := w.a.m.Stats().FramesOut
	w.a.size, w.a.limit = always(32), 70
	require.True(t, w.run(time.Minute, func() bool { return w.b.got == 70 }))
	assert.LessOrEqual(t, w.a.m.Stats().FramesOut-before, uint64(70*33/246+2))
}

// TestCredit: an end that does not take its messages stops the other one, costs
// no more than its buffers, and loses nothing.
func TestCredit(t *testing.T) {
	for _, damage := range []linesim.Damage{{}, {BitErrors: 1e-3}} {
		w := newWorld(t, line115200, link.Options{Baud: baud, Window: 4}, damage, 5)
		w.connected()
		w.b.slow = true
		w.a.size = always(200)
		w.run(w.now+2*time.Minute, nil)
		sent := w.a.m.Stats().FramesOut
		w.run(w.now+time.Minute, nil)
		assert.Less(t, w.a.m.Stats().FramesOut-sent, uint64(150), "a waiting end only asks now and then")
		require.Zero(t, w.b.got)
		w.b.slow = false
		start := w.now
		require.True(t, w.run(w.now+time.Minute, func() bool { return w.b.got >= 100 }))
		assert.EqualValues(t, 1, w.b.m.Stats().Sessions)
		t.Logf("100 messages %v after it took them again", w.now-start)
	}
}

func TestDatagrams(t *testing.T) {
	w := newWorld(t, line115200, line115200, linesim.Damage{}, 1)
	require.ErrorIs(t, w.a.m.SendDatagram([]byte("x")), link.ErrClosed)
	w.connected()
	w.a.size = always(244)
	w.run(w.now+time.Second, nil)
	for i := range byte(4) {
		require.NoError(t, w.a.m.SendDatagram([]byte{i}))
	}
	require.ErrorIs(t, w.a.m.SendDatagram([]byte{9}), link.ErrNoRoom)
	require.ErrorIs(t, w.a.m.SendDatagram(make([]byte, 247)), link.ErrTooLarge)
	got := w.b.got
	w.run(w.now+time.Second, nil)
	assert.Equal(t, [][]byte{{0}, {1}, {2}, {3}}, w.b.grams)
	assert.Greater(t, w.b.got, got+30, "datagrams do not stop messages")

	w.a.noise.Set(linesim.Damage{BitErrors: 1e-3})
	w.b.grams = nil
	for i := range 200 {
		_ = w.a.m.SendDatagram(message(0, i, 40))
		w.run(w.now+100*time.Millisecond, nil)
	}
	assert.Greater(t, len(w.b.grams), 80)
	assert.Less(t, len(w.b.grams), 200, "what gets lost is not sent again")
	for _, p := range w.b.grams {
		require.Len(t, p, 40, "and what arrives is whole")
	}
}

// TestIdle: an idle line carries a question and an answer a second.
func TestIdle(t *testing.T) {
	w := newWorld(t, line115200, line115200, linesim.Damage{}, 1)
	w.connected()
	w.run(w.now+time.Minute, nil)
	before := w.a.m.Stats().FramesOut + w.b.m.Stats().FramesOut
	w.run(w.now+time.Minute, nil)
	frames := w.a.m.Stats().FramesOut + w.b.m.Stats().FramesOut - before
	assert.LessOrEqual(t, frames, uint64(240))
	assert.GreaterOrEqual(t, frames, uint64(60))
}
