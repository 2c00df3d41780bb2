package router

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// beside takes datagrams, or says why not.
type beside struct {
	mu     sync.Mutex
	frames [][]byte
	err    error
}

func (b *beside) SendDatagram(frame []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.frames = append(b.frames, append([]byte(nil), frame...))
	}
	return b.err
}

func (b *beside) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (b *beside) MaxDatagram() int { return 1200 }

// take returns the datagrams sent so far, and lets go of them.
func (b *beside) take() (frames [][]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	frames, b.frames = b.frames, nil
	return frames
}

// seqs are the numbers of the events that have gone by datagrams since it was last
// asked.
func (b *beside) seqs(t *testing.T) (list []uint64) {
	for _, frame := range b.take() {
		var e wire.Numbered
		require.NoError(t, e.Decode(frame))
		list = append(list, e.Seq)
	}
	return list
}

// lossyRig has a sender with a lossy event, and a connection with datagrams.
func lossyRig(t *testing.T) (r *rig, sender *sig.Sender, s *session, c *taker, b *beside) {
	r = newRig(t)
	sender, err := r.reg.Connect("tank", sig.Spec{Events: []sig.Name{"level"}, Lossy: []sig.Name{"level"}})
	require.NoError(t, err)
	s, c = r.open()
	b = &beside{}
	r.link.mu.Lock()
	s.datagrams = b
	s.features |= wire.FeatureDatagrams | wire.FeatureHeld
	s.peerLimits = wire.DefaultLimits
	r.link.mu.Unlock()
	r.sent(s, c)
	return r, sender, s, c, b
}

// TestIdleRouteSaysWhereItStands, a while after its last event and once.
func TestIdleRouteSaysWhereItStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, tank, s, c, b := lossyRig(t)
		for range 3 {
			require.NoError(t, tank.Emit("level", 1))
			time.Sleep(tailTime * 3 / 4)
		}
		require.Equal(t, []uint64{1, 2, 3}, b.seqs(t))
		require.Empty(t, r.sent(s, c), "the route is not idle yet")
		time.Sleep(2 * tailTime)
		frames := r.sent(s, c)
		require.Len(t, frames, 1)
		var e wire.Route
		require.NoError(t, e.Decode(frames[0]))
		require.EqualValues(t, 4, e.Seq)
		require.False(t, e.Begin)
		time.Sleep(time.Minute)
		require.Empty(t, r.sent(s, c))
	})
}

// TestDepartureSaysWhereItStands, before it.
func TestDepartureSaysWhereItStands(t *testing.T) {
	r, tank, s, c, b := lossyRig(t)
	require.NoError(t, tank.Emit("level", 1))
	require.Equal(t, []uint64{1}, b.seqs(t))
	require.NoError(t, tank.Disconnect(""))
	require.Equal(t, []wire.Type{wire.TypeRoute, wire.TypeDisconnect}, types(r.sent(s, c)))
}

// TestSyncedSaysWhereItStands, before it.
func TestSyncedSaysWhereItStands(t *testing.T) {
	r, tank, s, c, b := lossyRig(t)
	require.NoError(t, tank.Emit("level", 1))
	require.Equal(t, []uint64{1}, b.seqs(t))
	require.NoError(t, s.onSync(&wire.Sync{ID: 1}))
	require.Equal(t, []wire.Type{wire.TypeRoute, wire.TypeSynced}, types(r.sent(s, c)))
}

// TestTakenBackRouteStandsNowhere: the peer does not know its number any more, and
// what a reader still has of it in its hands is not for the peer.
func TestTakenBackRouteStandsNowhere(t *testing.T) {
	r, tank, s, c, b := lossyRig(t)
	or := r.link.announced[tank].routes[0]
	require.NoError(t, tank.Emit("level", 1))
	require.Equal(t, []uint64{1}, b.seqs(t))
	reader, _ := r.reader()
	reader.retired = r.link.node.retired.Load()
	r.link.mu.Lock()
	s.withdrawLocked(or.of, false)
	r.link.mu.Unlock()
	r.sent(s, c)
	r.gathers(reader, s, or, "2") // it has looked before that
	s.noteTail(or, 2)
	s.tellIdle()
	s.tellIdle()
	reader.flush()
	require.Empty(t, types(r.sent(s, c)))
}

// TestNoDatagramOvertakesHeldEvents, until they have come back, nor one that was
// too large for a datagram.
func TestNoDatagramOvertakesHeldEvents(t *testing.T) {
	r, tank, s, c, b := lossyRig(t)
	require.NoError(t, tank.EmitWait(t.Context(), "level", 1))
	require.NoError(t, tank.Emit("level", 2))
	require.Equal(t, []wire.Type{wire.TypeNumbered, wire.TypeNumbered}, types(r.sent(s, c)))
	require.Empty(t, b.seqs(t))
	require.NoError(t, s.onCredit(&wire.Credit{Route: r.link.announced[tank].routes[0].id, Count: 1}))
	require.NoError(t, tank.Emit("level", 3))
	require.Equal(t, []uint64{3}, b.seqs(t))
	b.err = carrier.ErrFrameTooLarge
	require.NoError(t, tank.Emit("level", 4))
	require.Equal(t, []wire.Type{wire.TypeNumbered}, types(r.sent(s, c)))
	b.err = carrier.ErrNoRoom
	require.NoError(t, tank.Emit("level", 5))
	require.Empty(t, r.sent(s, c), "lost: its number tells")
	require.EqualValues(t, 6, s.tails[r.link.announced[tank].routes[0]].seq+1)
}

// TestNumberedIsTakenInOnce, in order, and what it skips is announced.
func TestNumberedIsTakenInOnce(t *testing.T) {
	r := newRig(t)
	var heard []any
	_, err := sig.Subscribe(r.reg, "tank", "level", func(ev sig.Event) {
		switch data := ev.Data.(type) {
		case sig.Lost:
			heard = append(heard, data.Count)
		default:
			n, err := sig.Data[int](data)
			require.NoError(t, err)
			heard = append(heard, n)
		}
	}, nil)
	require.NoError(t, err)
	s, _ := r.open()
	s.features |= wire.FeatureDatagrams
	take := func(e interface{ Append([]byte) []byte }) {
		require.NoError(t, s.takeIn(carrier.AppendFrame(nil, e.Append(nil))))
	}
	s.reading = newBuffer(100)
	take(wire.Lossy{Events: []uint32{0}})
	s.reading = newBuffer(100)
	take(wire.Connect{Sender: 1, Route: 0, Epoch: 1, Name: "tank", Events: []string{"level"}, Fresh: true})
	for _, seq := range []uint64{1, 2, 2, 5, 4, 1, 6} {
		s.reading = newBuffer(100)
		take(wire.Numbered{Route: 0, Seq: seq, Payload: []byte{byte('0' + seq)}})
	}
	s.reading = newBuffer(100)
	take(wire.Route{Route: 0, Seq: 9})
	r.link.group.Wait()
	require.Equal(t, []any{1, 2, uint64(2), 5, 6, uint64(2)}, heard)
}

// TestEachNumberedCountsOnce for the allowance of the peer, on the stream and beside
// it, also where it is ignored.
func TestEachNumberedCountsOnce(t *testing.T) {
	v := newReceiver(t)
	v.stream(wire.Lossy{Events: []uint32{0}}.Append(nil))
	v.stream(wire.Connect{Sender: 1, Route: 0, Epoch: 1, Name: "tank", Events: []string{"e"}, Fresh: true}.Append(nil))
	v.stream(wire.Numbered{Route: 0, Seq: 1, Payload: []byte{'1'}}.Append(nil))
	require.Equal(t, 3, v.s.newcomers())
	for _, seq := range []uint64{2, 3, 3, 1} {
		v.a.frames = append(v.a.frames, wire.Numbered{Route: 0, Seq: seq, Payload: []byte{byte('0' + seq)}}.Append(nil))
	}
	v.a.frames = append(v.a.frames, wire.Numbered{Route: 77, Seq: 1}.Append(nil))
	v.datagrams()
	require.Equal(t, []int{1, 2, 3}, v.heard)
	require.Equal(t, 5, v.s.newcomers())
}

// TestPanicWhileReadingDatagrams costs the connection and nothing else, as one of the
// reader does.
func TestPanicWhileReadingDatagrams(t *testing.T) {
	v := newReceiver(t)
	v.a.frames = [][]byte{wire.Numbered{Route: 1, Seq: 1, Payload: []byte("1")}.Append(nil)}
	v.s.in = nil // as no peer can have it
	v.s.expecting = false
	v.s.expectDatagrams()
	<-v.s.ctx.Done()
	require.ErrorContains(t, v.s.cause(), "panic: ")
	require.ErrorIs(t, v.s.cause(), sig.ErrConnectionLost)
	require.EqualValues(t, 1, v.s.link.stats.panics.Load())
}
