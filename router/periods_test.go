package router

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

const allDatagrams = wire.FeatureDatagrams | wire.FeatureHeld | wire.FeatureLossyInterest

// periodRig has a sender with an event that is not lossy, and a connection with
// datagrams to a peer that wants it.
func periodRig(t *testing.T) (r *rig, tank *sig.Sender, or *outRoute, s *session, c *taker, b *beside) {
	r = newRig(t)
	tank, or = r.route("tank")
	s, c = r.open()
	b = &beside{}
	r.link.mu.Lock()
	s.datagrams = b
	s.features |= allDatagrams
	s.peerLimits = wire.DefaultLimits
	r.link.mu.Unlock()
	r.sent(s, c)
	return r, tank, or, s, c, b
}

// TestPeriodBeginsAndEnds with what the peer wants, and each event goes one way or
// the other; what a new period begins with is on the stream, and the last of the old
// one is told there.
func TestPeriodBeginsAndEnds(t *testing.T) {
	r, tank, or, s, c, b := periodRig(t)
	var seen [][]byte
	emit := func(n int) {
		for range n {
			require.NoError(t, tank.Emit("e", 1))
			seen = append(seen, r.sent(s, c)...)
		}
	}
	emit(1)
	require.Equal(t, []wire.Type{wire.TypeEvent}, types(seen))
	r.link.bridge.Want(or.rt, true, true)
	emit(5)
	require.Equal(t, wire.TypeRoute, types(seen)[1])
	var begins wire.Route
	require.NoError(t, begins.Decode(seen[1]))
	require.Equal(t, wire.Route{Route: or.id, Seq: 2, Period: 1}, begins)
	byStream := len(seen) - 2
	require.Positive(t, byStream, "datagrams could overtake the ROUTE")
	for _, frame := range seen[2:] {
		var e wire.Numbered
		require.NoError(t, e.Decode(frame))
		require.EqualValues(t, 1, e.Period)
	}
	require.Len(t, b.seqs(t), 5-byStream)

	r.link.bridge.Want(or.rt, true, false)
	seen = nil
	emit(2)
	require.Equal(t, []wire.Type{wire.TypeRoute, wire.TypeEvent, wire.TypeEvent}, types(seen))
	var ends wire.Route
	require.NoError(t, ends.Decode(seen[0]))
	require.Equal(t, wire.Route{Route: or.id, Seq: 7}, ends)
	require.Empty(t, b.seqs(t))

	r.link.bridge.Want(or.rt, true, true)
	seen = nil
	emit(1)
	require.NoError(t, begins.Decode(seen[0]))
	require.EqualValues(t, 2, begins.Period, "what is still under way of the first must not be taken for the second's")
}

// TestIdleSaysNothingOfTheNextPeriod: whoever has begun it tells where it begins,
// behind what is still in its hands.
func TestIdleSaysNothingOfTheNextPeriod(t *testing.T) {
	r, tank, or, s, c, _ := periodRig(t)
	r.link.bridge.Want(or.rt, true, true)
	require.NoError(t, tank.Emit("e", 1))
	require.Equal(t, []wire.Type{wire.TypeRoute, wire.TypeNumbered}, types(r.sent(s, c)))
	or.period.Store(2)
	s.tellIdle()
	s.tellIdle()
	require.Empty(t, types(r.sent(s, c)))
	require.Empty(t, s.tails)
}

// TestRefusedIsAskedAnew where what is asked for changes: it may be granted now.
func TestRefusedIsAskedAnew(t *testing.T) {
	r, _, _, s, c, _ := periodRig(t)
	p := sig.Pattern{Sender: "pump", Event: "speed"}
	ignore := func(sig.Event) {}
	_, err := sig.Subscribe(r.reg, p.Sender, p.Event, ignore, &sig.SubscribeOptions{Lossy: true})
	require.NoError(t, err)
	require.NoError(t, s.onRefused(&wire.Refused{About: wire.TypeSubscribe, Sender: "pump", Event: "speed", Code: uint16(sig.CodeDenied)}))
	require.Error(t, r.link.Refused(p))
	r.sent(s, c)
	_, err = sig.Subscribe(r.reg, p.Sender, p.Event, ignore, nil)
	require.NoError(t, err)
	require.Equal(t, []wire.Type{wire.TypeSubscribe}, types(r.sent(s, c)))
	require.NoError(t, r.link.Refused(p), "nobody has answered that yet")
}

// TestNoPeriodForOldPeers, nor where the medium has no datagrams.
func TestNoPeriodForOldPeers(t *testing.T) {
	for name, without := range map[string]func(*session){
		"no feature":   func(s *session) { s.features &^= wire.FeatureLossyInterest },
		"no datagrams": func(s *session) { s.datagrams = nil },
	} {
		t.Run(name, func(t *testing.T) {
			r, tank, or, s, c, b := periodRig(t)
			without(s)
			r.link.bridge.Want(or.rt, true, true)
			for range 5 {
				require.NoError(t, tank.Emit("e", 1))
			}
			require.Equal(t, slices.Repeat([]wire.Type{wire.TypeEvent}, 5), types(r.sent(s, c)))
			require.Empty(t, b.seqs(t))
		})
	}
}

// arriving is a receiver's datagrams.
type arriving struct {
	beside
	frames [][]byte
}

func (a *arriving) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	if len(a.frames) == 0 {
		return a.beside.ReceiveDatagram(ctx)
	}
	frame := a.frames[0]
	a.frames = a.frames[1:]
	return frame, nil
}

// receiver is a session that a test hands what comes, with a subscriber behind it.
type receiver struct {
	t     *testing.T
	s     *session
	a     *arriving
	mu    sync.Mutex
	heard []int // numbers of events; a loss of n is -n
}

func newReceiver(t *testing.T) *receiver {
	r := newRig(t)
	v := &receiver{t: t, a: &arriving{}}
	_, err := sig.Subscribe(r.reg, "tank", "e", func(ev sig.Event) {
		v.mu.Lock()
		defer v.mu.Unlock()
		if lost, ok := ev.Data.(sig.Lost); ok {
			v.heard = append(v.heard, -int(lost.Count))
			return
		}
		n, err := sig.Data[int](ev.Data)
		require.NoError(t, err)
		v.heard = append(v.heard, n)
	}, nil)
	require.NoError(t, err)
	v.s, _ = r.open()
	v.s.features |= allDatagrams
	v.s.datagrams = v.a
	v.s.expecting = true // the test reads them
	return v
}

func (v *receiver) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.heard)
}

func (v *receiver) stream(frame []byte) {
	v.s.reading = newBuffer(100)
	require.NoError(v.t, v.s.takeIn(carrier.AppendFrame(nil, frame)))
	v.s.link.group.Wait()
}

// datagrams takes in all that have arrived.
func (v *receiver) datagrams() {
	_ = v.s.catchUp()
	require.NoError(v.t, v.s.takeDatagrams())
	v.s.link.group.Wait()
}

// TestPeriodsOverAnyNetwork: the stream is as late as it likes, datagrams get lost,
// doubled and overtake it and each other, and what the peer accepts changes all the
// time. Every event comes once and in order or is announced in its place, and those
// that may not be lost come.
func TestPeriodsOverAnyNetwork(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, tank, or, s, c, b := periodRig(t)
		v := newReceiver(t)
		v.stream(wire.Connect{Sender: 1, Route: or.id, Epoch: 1, Name: "tank", Events: []string{"e"}, Fresh: true}.Append(nil))
		emitted, firm := 0, map[int]bool{}
		var stream, beside [][]byte
		collect := func() {
			stream = append(stream, r.sent(s, c)...)
			beside = append(beside, b.take()...)
		}
		arrive := func(n int) {
			for range min(n, len(stream)) {
				v.stream(stream[0])
				stream = stream[1:]
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"emit": func(*rapid.T) {
				emitted++
				require.NoError(t, tank.Emit("e", emitted))
				firm[emitted] = or.period.Load() == 0
				collect()
			},
			"want":   func(rt *rapid.T) { r.link.bridge.Want(or.rt, true, rapid.Bool().Draw(rt, "lossy")) },
			"idle":   func(*rapid.T) { s.tellIdle(); collect() },
			"stream": func(rt *rapid.T) { arrive(rapid.IntRange(1, 5).Draw(rt, "frames")) },
			"datagram": func(rt *rapid.T) {
				if len(beside) == 0 {
					rt.Skip()
				}
				i := rapid.IntRange(0, len(beside)-1).Draw(rt, "which")
				if rapid.Bool().Draw(rt, "arrives") {
					v.a.frames = append(v.a.frames, beside[i])
				}
				if rapid.IntRange(0, 4).Draw(rt, "doubled") > 0 {
					beside = slices.Delete(beside, i, i+1)
				}
			},
			"take": func(*rapid.T) { v.datagrams() },
		})
		s.tellIdle()
		s.tellIdle()
		collect()
		arrive(len(stream))
		next := 1
		for _, n := range v.heard {
			if n < 0 {
				for range -n {
					require.False(rt, firm[next], "%d was lost; heard %v", next, v.heard)
					next++
				}
				continue
			}
			require.Equal(rt, next, n, "heard %v", v.heard)
			next++
		}
		require.Equal(rt, emitted+1, next, "heard %v", v.heard)
		r.close(s)
	})
}

// TestDatagramsAreExpected from when the peer says that some may come. What came
// before is not lost.
func TestDatagramsAreExpected(t *testing.T) {
	connect := wire.Connect{Sender: 1, Route: 0, Epoch: 1, Name: "tank", Events: []string{"e"}, Fresh: true}.Append(nil)
	for name, frames := range map[string][][]byte{
		"lossy":  {wire.Lossy{Events: []uint32{0}}.Append(nil), connect},
		"period": {connect, wire.Route{Route: 0, Seq: 1, Period: 1}.Append(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newReceiver(t)
				v.s.expecting = false
				e := wire.Numbered{Route: 0, Seq: 1, Payload: []byte("1")}
				if name == "period" {
					e.Period = 1
				}
				v.a.frames = append(v.a.frames, e.Append(nil))
				for _, frame := range frames {
					require.False(t, v.s.expecting, "a connection that gets none needs no goroutine for them")
					v.s.reading = newBuffer(100)
					require.NoError(t, v.s.takeIn(carrier.AppendFrame(nil, frame)))
				}
				synctest.Wait()
				require.Equal(t, 1, v.count())
				v.s.cancel(nil)
			})
		})
	}
}

// TestPeriodIsTakenIn by what it says, and not by what is still under way.
func TestPeriodIsTakenIn(t *testing.T) {
	v := newReceiver(t)
	datagram := func(period uint32, seq uint64) {
		payload := []byte{byte('0' + seq)}
		v.a.frames = append(v.a.frames, wire.Numbered{Route: 0, Seq: seq, Period: period, Payload: payload}.Append(nil))
		v.datagrams()
	}
	v.stream(wire.Connect{Sender: 1, Route: 0, Epoch: 1, Name: "tank", Events: []string{"e"}, Fresh: true}.Append(nil))
	datagram(1, 1)
	require.Empty(t, v.heard, "it has not begun")
	v.stream(wire.Route{Route: 0, Seq: 1, Period: 1}.Append(nil))
	datagram(1, 1)
	datagram(1, 3)
	datagram(1, 2)
	datagram(2, 4)
	require.Equal(t, []int{1, -1, 3}, v.heard)
	require.EqualValues(t, 1, v.s.link.stats.snapshot().Lost[sig.LossDatagram])
	v.stream(wire.Route{Route: 0, Seq: 5}.Append(nil))
	datagram(1, 4)
	datagram(1, 5)
	v.stream(wire.AppendEvent(nil, 0, 0, []byte("5")))
	require.Equal(t, []int{1, -1, 3, -1, 5}, v.heard)
}
