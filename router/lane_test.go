package router

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/wire"
)

// laneRig is a queue to a peer that takes pieces, and senders that the peer has
// been told of: number n has the routes 10n and 10n+1.
type laneRig struct {
	t      require.TestingT
	q      outQueue
	l      *link
	sent   int
	pieces int
	order  [][]byte // frames as they were queued
}

func newLaneRig(t require.TestingT, piece, senders int) *laneRig {
	r := &laneRig{t: t, l: &link{byRoute: map[uint32]*outRoute{}}}
	r.q.pieces, r.q.piece = true, piece
	for n := range senders {
		r.announce(uint32(n))
	}
	return r
}

func (r *laneRig) announce(number uint32) {
	a := &announced{info: &senderInfo{number: number}}
	for id := number * 10; id < number*10+2; id++ {
		or := &outRoute{of: a, id: id}
		a.routes = append(a.routes, or)
		r.l.byRoute[id] = or
	}
}

// event queues one of a payload that tells which it is.
func (r *laneRig) event(route uint32, flags wire.Flags, size int) {
	r.sent++
	payload := binary.BigEndian.AppendUint32(nil, uint32(r.sent))
	frame := wire.AppendEvent(nil, flags, route, append(payload, make([]byte, size)...))
	r.order = append(r.order, frame)
	batch := carrier.AppendFrame(nil, frame)
	plain := len(batch)
	if flags&wire.FlagHeld != 0 {
		plain = 0
	}
	if len(batch) >= handOver {
		r.q.adopt(segment{buf: batch, plain: plain, large: true})
		return
	}
	r.q.mark(r.q.events(batch, plain), len(batch))
}

func (r *laneRig) control(frame []byte) {
	r.order = append(r.order, frame)
	r.q.control(frame)
	r.q.mark(&r.q.segs[len(r.q.segs)-1], len(frame))
}

// write takes what one write would, and adds what the peer makes of it to got.
func (r *laneRig) write(got [][]byte, partial *[]byte) [][]byte {
	for _, seg := range r.q.takeCut(nil, 64<<10, r.l) {
		require.NoError(r.t, carrier.Check(seg.buf, 1<<20))
		for frame := range carrier.Frames(seg.buf) {
			if t, _ := wire.TypeOf(frame); t != wire.TypeFragment {
				got = append(got, append([]byte(nil), frame...))
				continue
			}
			r.pieces++
			var e wire.Fragment
			require.NoError(r.t, e.Decode(frame))
			require.LessOrEqual(r.t, len(e.Data), max(r.q.piece, minPiece))
			*partial = append(*partial, e.Data...)
			if !e.More {
				got = append(got, *partial)
				*partial = nil
			}
		}
		seg.mem.free()
	}
	return got
}

func (r *laneRig) writeAll() (got [][]byte) {
	var partial []byte
	for len(r.q.segs) > 0 || r.q.lane != nil {
		before := r.q.bytes
		got = r.write(got, &partial)
		require.Less(r.t, r.q.bytes, before, "each write takes something")
	}
	require.Empty(r.t, partial)
	require.Zero(r.t, r.q.bytes)
	require.Zero(r.t, r.q.plain)
	require.False(r.t, r.q.cuts)
	return got
}

// place is where in the order of arrival a frame stands.
func place(t require.TestingT, got [][]byte, frame []byte) int {
	for i, g := range got {
		if string(g) == string(frame) {
			return i
		}
	}
	require.Fail(t, "a frame has not come")
	return 0
}

// TestSmallOvertakesLarge: by the count of frames, and only where it may.
func TestSmallOvertakesLarge(t *testing.T) {
	r := newLaneRig(t, 16<<10, 3)
	r.event(10, 0, 1<<19) // of the sender 1
	r.event(20, 0, 10)    // of another: overtakes
	r.event(11, 0, 10)    // of the same one, another route: does not
	r.control(wire.Ping{Nonce: 1}.Append(nil))
	r.control(wire.Sync{ID: 1}.Append(nil))
	r.event(0, 0, 10) // overtakes both
	r.control(wire.Disconnect{Sender: 2}.Append(nil))
	r.control(wire.Connect{Sender: 7, Route: 70, Name: "n"}.Append(nil))
	r.control(wire.Reply{ID: 3}.Append(nil))
	r.control(wire.Cancel{ID: 3}.Append(nil))
	queued := r.order
	got := r.writeAll()
	require.Len(t, got, len(queued))
	var order []int
	for _, frame := range got {
		order = append(order, place(t, queued, frame))
	}
	require.Equal(t, []int{1, 3, 5, 8, 9, 0, 2, 4, 6, 7}, order)
	require.Greater(t, r.pieces, 30)
}

// TestCancelFollowsItsRequest: whose ID nobody knows before.
func TestCancelFollowsItsRequest(t *testing.T) {
	r := newLaneRig(t, 16<<10, 1)
	r.control(wire.Request{ID: 1, Method: "m", Payload: make([]byte, 100_000)}.Append(nil))
	r.control(wire.Cancel{ID: 1}.Append(nil))
	r.control(wire.Request{ID: 2, Method: "m"}.Append(nil))
	got := r.writeAll()
	require.Equal(t, []wire.Type{wire.TypeRequest, wire.TypeRequest, wire.TypeCancel}, types(got))
	require.Less(t, len(got[0]), 100)
}

// TestNumbersInUseAgain: an event of a sender that has left waits as well, also
// when its number is another's by now.
func TestNumbersInUseAgain(t *testing.T) {
	r := newLaneRig(t, 16<<10, 3)
	r.event(10, 0, 100_000)
	r.event(11, 0, 1)
	r.control(wire.Disconnect{Sender: 1}.Append(nil))
	r.q.gone(r.l.byRoute[10].of)
	delete(r.l.byRoute, 10)
	r.l.byRoute[11] = r.l.byRoute[20] // a sender of one route got this number
	queued := r.order
	got := r.writeAll()
	require.Equal(t, queued, got)
}

// TestFastLineCutsNothing: what fits into one write is not taken apart.
func TestFastLineCutsNothing(t *testing.T) {
	r := newLaneRig(t, maxPiece, 1)
	r.event(0, 0, 200_000)
	r.event(0, 0, 10)
	r.writeAll()
	require.Zero(t, r.pieces)
}

func TestPiecesFollowTheLine(t *testing.T) {
	q := outQueue{piece: firstPiece}
	for range 10 {
		q.pace(q.piece, quickWrite/2)
	}
	require.Equal(t, maxPiece, q.piece)
	q.pace(q.piece/4, quickWrite/2)
	require.Equal(t, maxPiece, q.piece)
	for range 20 {
		q.pace(100, 2*slowWrite)
	}
	require.Equal(t, minPiece, q.piece)
	q.pace(100, quickWrite/2)
	require.Equal(t, minPiece, q.piece, "a small write says nothing about a large one")
	q.pace(minPiece, (quickWrite+slowWrite)/2)
	require.Equal(t, minPiece, q.piece)
}

// TestLaneOrder: whatever is queued, and whenever it is written and shed: nothing
// is lost or doubled but events that may be, of those each is accounted for, and
// the order is one in which the frames may be sent.
func TestLaneOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newLaneRig(t, rapid.SampledFrom([]int{minPiece, 5000, firstPiece, 100_000}).Draw(t, "piece"), 4)
		var got [][]byte
		var partial []byte
		shed := uint64(0)
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			sender := uint32(rapid.IntRange(0, 3).Draw(t, "sender"))
			route := sender*10 + uint32(rapid.IntRange(0, 1).Draw(t, "event"))
			switch rapid.IntRange(0, 12).Draw(t, "what") {
			case 0:
				r.event(route, 0, rapid.IntRange(cutFrom, 200_000).Draw(t, "size"))
			case 1:
				r.event(route, wire.FlagHeld, rapid.IntRange(0, 50_000).Draw(t, "size"))
			case 2:
				r.control(wire.Sync{ID: uint64(len(r.order))}.Append(nil))
			case 3:
				r.control(wire.Ping{Nonce: uint64(len(r.order))}.Append(nil))
			case 4:
				r.control(wire.Request{ID: uint64(len(r.order)), Method: "m", Payload: make([]byte, rapid.IntRange(0, 40_000).Draw(t, "size"))}.Append(nil))
			case 5:
				shed += r.q.shed(rapid.IntRange(0, 300_000).Draw(t, "bound"))
			case 6, 7:
				got = r.write(got, &partial)
			case 8:
				r.q.pace(r.q.piece, time.Duration(rapid.IntRange(0, 10).Draw(t, "took"))*time.Millisecond)
			default:
				r.event(route, 0, rapid.IntRange(0, 300).Draw(t, "size"))
			}
			r.accounts()
		}
		for len(r.q.segs) > 0 || r.q.lane != nil {
			got = r.write(got, &partial)
		}
		require.Empty(t, partial)
		require.Zero(t, r.q.bytes)
		r.check(got, shed)
	})
}

// accounts checks what the queue says of itself.
func (r *laneRig) accounts() {
	sum, plain := 0, 0
	count := func(segs []segment) {
		for _, s := range segs {
			sum += len(s.buf)
			plain += s.plain
		}
	}
	count(r.q.segs)
	if b := r.q.lane; b != nil {
		count(b.segs)
		if len(b.cut.buf) > 0 {
			sum += len(b.cut.buf) - b.at
		}
	}
	require.Equal(r.t, sum, r.q.bytes)
	require.Equal(r.t, plain, r.q.plain)
}

// check compares what has come with what was queued.
func (r *laneRig) check(got [][]byte, shed uint64) {
	at := make(map[string]int, len(got)) // LOST aside, no two frames are equal
	var lost uint64
	for i, frame := range got {
		if t, _ := wire.TypeOf(frame); t == wire.TypeLost {
			var e wire.Lost
			require.NoError(r.t, e.Decode(frame))
			lost += e.Count
			continue
		}
		_, double := at[string(frame)]
		require.False(r.t, double, "a frame came twice")
		at[string(frame)] = i
	}
	require.Equal(r.t, shed, lost)
	last := map[string]int{} // place of the latest frame of each sender, and of all
	missing := uint64(0)
	for _, frame := range r.order {
		i, here := at[string(frame)]
		t, flags := wire.TypeOf(frame)
		if !here {
			require.Equal(r.t, wire.TypeEvent, t)
			require.Zero(r.t, flags&wire.FlagHeld)
			missing++
			continue
		}
		switch t {
		case wire.TypeEvent:
			_, route, _, _ := wire.ParseEvent(frame)
			key := fmt.Sprint("sender ", route/10)
			require.GreaterOrEqual(r.t, i, last[key], "P3: %s", key)
			last[key] = i
		case wire.TypeSync:
			require.GreaterOrEqual(r.t, i, last["all"], "a SYNC overtook")
		}
		last["all"] = max(last["all"], i)
	}
	require.Equal(r.t, shed, missing)
}
