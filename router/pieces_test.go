package router

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/wire"
)

// TestPiecesCountAsOne: to a peer's allowance an envelope in pieces is one, unless
// there are many more of them than it takes.
func TestPiecesCountAsOne(t *testing.T) {
	v := newReceiver(t)
	v.s.features |= wire.FeatureFragments
	v.stream(wire.Connect{Sender: 1, Route: 0, Epoch: 1, Name: "tank", Events: []string{"unheard"}, Fresh: true}.Append(nil))
	came := func(payload, piece int) int {
		v.s.newcomers()
		rest := wire.AppendEvent(nil, 0, 0, make([]byte, payload))
		for len(rest) > 0 {
			n := min(piece, len(rest))
			v.stream(wire.Fragment{More: n < len(rest), Data: rest[:n]}.Append(nil))
			rest = rest[n:]
		}
		return v.s.newcomers()
	}
	require.Equal(t, 1, came(200_000, maxPiece))
	require.Equal(t, 1, came(200_000, minPiece))
	require.Equal(t, 1, came(10, 1), "a few small ones")
	require.Greater(t, came(5_000, 1), 4_900)
	require.Equal(t, 1, came(200_000, minPiece), "the next is counted from its own beginning")
}

// TestDatagramsAreHeldBack: what a peer has used up of its allowance by datagrams it
// cannot use again, by datagrams or otherwise.
func TestDatagramsAreHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newReceiver(t)
		v.s.allowance = newBucket(10, 20, time.Now())
		v.stream(wire.Connect{Sender: 1, Route: 0, Epoch: 1, Name: "tank", Events: []string{"e"}, Fresh: true}.Append(nil))
		v.stream(wire.Route{Route: 0, Seq: 1, Period: 1}.Append(nil))
		v.s.newcomers()
		for seq := range uint64(40) {
			v.a.frames = append(v.a.frames, wire.Numbered{Route: 0, Seq: seq + 1, Period: 1, Payload: []byte("1")}.Append(nil))
		}
		begun := time.Now()
		done := make(chan struct{}) // closed when the reader of datagrams ends
		go func() { defer close(done); v.s.readDatagrams() }()
		synctest.Wait()
		require.Equal(t, 21, v.count(), "the burst, and the one that was too much")
		for v.count() < 40 {
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
		}
		require.InDelta(t, 1.9, time.Since(begun).Seconds(), 0.2)
		v.s.cancel(nil)
		<-done
	})
}
