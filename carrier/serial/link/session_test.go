package link_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/carrier/serial/link"
)

func kinds(events []link.Event) (k []link.EventKind) {
	for _, ev := range events {
		k = append(k, ev.Kind)
	}
	return k
}

// TestOpen: both ends speak at once, or one long after the other.
func TestOpen(t *testing.T) {
	for _, row := range []struct {
		name string
		late time.Duration
	}{{"both at once", 0}, {"a little later", 100 * time.Microsecond}, {"one late", 90 * time.Millisecond}, {"one very late", time.Hour}} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, line115200, line115200, linesim.Damage{}, 1)
			b := w.b.m
			w.b.m = link.New(&link.Options{Nonce: 5})
			w.b.m.Close()
			w.run(row.late, nil)
			w.b.m = b
			start := w.now
			w.connected()
			assert.Less(t, w.now-start, 30*time.Millisecond)
			w.run(w.now+10*time.Second, nil)
			assert.Equal(t, []link.EventKind{link.Opened}, kinds(w.a.events), "and it stays")
			assert.Equal(t, []link.EventKind{link.Opened}, kinds(w.b.events))
		})
	}
}

func TestNegotiated(t *testing.T) {
	a := link.Options{Baud: baud, MTU: 100, Window: 3, MaxMessage: 5000, Keepalive: 2 * time.Second, Role: link.RoleDial}
	b := link.Options{Baud: baud, MTU: 500, Window: 9, MaxMessage: 700, Role: link.RoleListen}
	w := newWorld(t, a, b, linesim.Damage{}, 1)
	w.connected()
	pa, _ := w.a.m.Open()
	pb, _ := w.b.m.Open()
	assert.Equal(t, link.Peer{Version: 1, MTU: 100, Window: 9, MaxMessage: 700, Keepalive: 2 * time.Second, Role: link.RoleListen}, pa)
	assert.Equal(t, link.Peer{Version: 1, MTU: 100, Window: 3, MaxMessage: 5000, Keepalive: 2 * time.Second, Role: link.RoleDial}, pb)
}

// TestReboot: an end that restarts under load is noticed as soon as it speaks.
func TestReboot(t *testing.T) {
	w := newWorld(t, line115200, line115200, linesim.Damage{}, 1)
	w.a.size, w.b.size = always(244), always(32)
	rng := rand.New(rand.NewPCG(1, 2))
	worst := time.Duration(0)
	for i := range 200 {
		w.run(w.now+time.Second/2+time.Duration(rng.IntN(1e8)), nil)
		w.connected()
		n := []*node{w.a, w.b}[i%2]
		events := len(n.to.events)
		n.reboot()
		start := w.now
		require.True(t, w.run(w.now+time.Second, func() bool { return len(n.to.events) > events }))
		worst = max(worst, w.now-start)
		require.Equal(t, link.Event{Kind: link.Lost, Reason: link.ReasonRestarted}, n.to.events[events])
		a, b := w.a.gotAll, w.b.gotAll
		require.True(t, w.run(w.now+time.Second, func() bool { return w.a.gotAll > a && w.b.gotAll > b }))
	}
	t.Logf("noticed after %v at the latest", worst)
	assert.Less(t, worst, 50*time.Millisecond)
}

// TestRebootInNoise: the same while the line is bad.
func TestRebootInNoise(t *testing.T) {
	w := newWorld(t, line115200, line115200, linesim.Damage{BitErrors: 1e-4, Drops: 1e-4}, 9)
	w.a.size, w.b.size = always(244), always(244)
	for i := range 100 {
		w.run(w.now+time.Second, nil)
		[]*node{w.a, w.b}[i%2].reboot()
		a, b := w.a.gotAll, w.b.gotAll
		require.True(t, w.run(w.now+3*time.Second, func() bool { return w.a.gotAll > a && w.b.gotAll > b }), i)
	}
}

// TestUnplugged: silence ends a session after 3.5 times the keepalive, at both
// ends, and also if only one direction is broken.
func TestUnplugged(t *testing.T) {
	for _, row := range []struct {
		name string
		a, b bool
	}{{"both ways", true, true}, {"one way", true, false}, {"the other way", false, true}} {
		for _, load := range []func(int) int{nil, always(100)} {
			w := newWorld(t, line115200, line115200, linesim.Damage{}, 1)
			w.a.size, w.b.size = load, load
			w.connected()
			w.run(w.now+3*time.Second, nil)
			w.a.cut, w.b.cut = row.a, row.b
			w.a.events, w.b.events = nil, nil
			start := w.now
			closed := func() bool {
				_, a := w.a.m.Open()
				_, b := w.b.m.Open()
				return !a && !b
			}
			require.True(t, w.run(w.now+10*time.Second, closed), row.name)
			assert.Less(t, w.now-start, 7500*time.Millisecond, row.name)
			w.run(w.now+time.Hour, nil)
			assert.True(t, closed(), "%s: and no session opens meanwhile", row.name)
			assert.Equal(t, []link.EventKind{link.Lost}, kinds(w.a.events), row.name)
			assert.Equal(t, []link.EventKind{link.Lost}, kinds(w.b.events), row.name)
			w.a.cut, w.b.cut = false, false
			start = w.now
			w.connected()
			assert.Less(t, w.now-start, time.Second/2, row.name)
		}
	}
}

func TestRoles(t *testing.T) {
	for _, role := range []link.Role{link.RoleDial, link.RoleListen} {
		opt := link.Options{Baud: baud, Role: role}
		w := newWorld(t, opt, opt, linesim.Damage{}, 1)
		w.run(10*time.Second, nil)
		for _, n := range []*node{w.a, w.b} {
			_, open := n.m.Open()
			assert.False(t, open)
			require.NotEmpty(t, n.events)
			assert.LessOrEqual(t, len(n.events), 2, "said once by each side, not for each try")
			assert.Equal(t, link.Refused, n.events[0].Kind)
			assert.Equal(t, link.ReasonRole, n.events[0].Reason)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, row := range []struct {
		name       string
		version    byte
		minVersion byte
		want       int
	}{
		{"a newer one that knows ours", 7, 1, 1},
		{"a newer one that has forgotten ours", 7, 2, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			newer := link.OfVersion(link.Options{Baud: baud}, row.version, row.minVersion)
			w := newWorld(t, newer, line115200, linesim.Damage{}, 1)
			w.run(5*time.Second, nil)
			for _, n := range []*node{w.a, w.b} {
				peer, open := n.m.Open()
				require.Equal(t, row.want > 0, open)
				if open {
					assert.Equal(t, row.want, peer.Version)
					continue
				}
				assert.Equal(t, link.ReasonVersion, n.events[0].Reason)
				assert.Equal(t, map[*node]int{w.a: 1, w.b: 7}[n], n.events[0].Peer.Version)
			}
		})
	}
}

// TestTooLarge: the sender gets an error, the peer sees nothing.
func TestTooLarge(t *testing.T) {
	w := newWorld(t, line115200, link.Options{Baud: baud, MaxMessage: 300}, linesim.Damage{}, 1)
	w.connected()
	w.run(w.now+time.Second/2, nil)
	frames := w.a.m.Stats().FramesOut
	require.ErrorIs(t, w.a.m.Send(make([]byte, 301)), link.ErrTooLarge)
	require.ErrorIs(t, w.a.m.Start(1<<27), link.ErrTooLarge)
	w.run(w.now+200*time.Millisecond, nil)
	assert.Equal(t, frames, w.a.m.Stats().FramesOut)
	require.NoError(t, w.a.m.Send(message(1<<8, 0, 300)))
	require.True(t, w.run(w.now+time.Second, func() bool { return w.b.got == 1 }))
}

func TestClose(t *testing.T) {
	w := newWorld(t, line115200, line115200, linesim.Damage{}, 1)
	w.connected()
	w.a.m.Close()
	w.a.m.Close()
	require.ErrorIs(t, w.a.m.Send([]byte("x")), link.ErrClosed)
	start := w.now
	require.True(t, w.run(w.now+time.Second, func() bool { return len(w.b.events) == 2 }))
	assert.Less(t, w.now-start, 30*time.Millisecond)
	assert.Equal(t, link.Event{Kind: link.Lost, Reason: link.ReasonClosed}, w.b.events[1])
	frames := w.a.m.Stats().FramesOut
	w.run(w.now+time.Minute, nil)
	assert.Equal(t, frames, w.a.m.Stats().FramesOut, "a closed machine says nothing")
}

// TestLoop: a plug that returns what is sent opens no session, and a line that
// echoes beside a real peer does no harm.
func TestLoop(t *testing.T) {
	m := link.New(&link.Options{Nonce: 1})
	now := time.Duration(0)
	for range 1000 {
		now = max(now, m.Deadline(now))
		p := m.Output(now, nil)
		require.Equal(t, len(p), m.Input(now, p))
	}
	_, open := m.Open()
	assert.False(t, open)
	assert.NotZero(t, m.Stats().Echoes)

	w := newWorld(t, line115200, line115200, linesim.Damage{}, 1)
	w.a.size, w.b.size = always(100), always(100)
	w.a.tap = func(_ time.Duration, p []byte) { w.a.input(append([]byte(nil), p...)) }
	w.connected()
	w.run(w.now+30*time.Second, nil)
	assert.EqualValues(t, 1, w.a.m.Stats().Sessions)
	assert.Greater(t, w.a.got, 1000)
	assert.Greater(t, w.b.got, 1000)
}

// TestTwoRouters: two ends that listen share one line to a device. Sessions
// cannot last; what happens in one is right all the same.
func TestTwoRouters(t *testing.T) {
	listen := link.Options{Baud: baud, Role: link.RoleListen}
	w := newWorld(t, link.Options{Baud: baud, Role: link.RoleDial}, listen, linesim.Damage{}, 1)
	other := &node{name: "c", w: w, opt: listen, noise: linesim.New(linesim.Damage{}, 9), baud: baud, to: w.a, program: program{size: always(50)}}
	other.opt.Nonce = 77
	other.m = link.New(&other.opt)
	w.a.size, w.b.size = always(50), always(50)
	w.a.tap = func(_ time.Duration, p []byte) { other.input(append([]byte(nil), p...)) }
	for range 20_000 {
		w.run(w.now+time.Millisecond, nil)
		other.drain()
		other.send()
		for p := other.m.Output(w.now, nil); len(p) > 0; p = other.m.Output(w.now, nil) {
			w.a.input(p)
			other.drain()
		}
	}
	assert.Greater(t, w.a.m.Stats().Sessions, uint64(10), "they take the device from each other")
}
