package router

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/wire"
)

// seen is what a peer would learn of one route: events by number, and losses.
type seen struct {
	events []byte
	lost   uint64
}

// readAll takes everything out of the queue as a peer would get it.
func readAll(t require.TestingT, q *outQueue) (frames []wire.Type, routes map[uint32]*seen, batch int) {
	routes = make(map[uint32]*seen)
	at := func(r uint32) *seen {
		if routes[r] == nil {
			routes[r] = &seen{}
		}
		return routes[r]
	}
	for _, seg := range q.take(nil, 1<<30) {
		batch += len(seg.buf)
		for frame := range carrier.Frames(seg.buf) {
			typ, _ := wire.TypeOf(frame)
			frames = append(frames, typ)
			switch typ {
			case wire.TypeEvent:
				_, route, payload, err := wire.ParseEvent(frame)
				require.NoError(t, err)
				at(route).events = append(at(route).events, payload[0])
			case wire.TypeLost:
				var l wire.Lost
				require.NoError(t, l.Decode(frame))
				at(l.Route).lost += l.Count
			}
		}
	}
	return frames, routes, batch
}

func pushEvent(q *outQueue, flags wire.Flags, route uint32, payload []byte) {
	frame := appendEventFrame(nil, flags, route, payload)
	plain := len(frame)
	if flags&wire.FlagHeld != 0 {
		plain = 0
	}
	q.events(frame, plain)
}

func TestOutQueueShedsOldestEventsAndSaysSo(t *testing.T) {
	var q outQueue
	big := make([]byte, 1000)
	q.control(wire.Ping{Nonce: 1}.Append(nil))
	for i := range 200 {
		big[0] = byte(i)
		pushEvent(&q, 0, uint32(i%2), big)
		if i%50 == 0 {
			pushEvent(&q, wire.FlagHeld, 7, []byte{byte(i)})
		}
	}
	before := q.bytes
	lost := q.shed(before / 2)
	require.NotZero(t, lost)
	require.LessOrEqual(t, q.bytes, before/2, "P8: what waits for a slow peer is bounded")

	frames, routes, n := readAll(t, &q)
	require.Equal(t, wire.TypePing, frames[0], "control frames stay, in order")
	require.Equal(t, []byte{0, 50, 100, 150}, routes[7].events, "P7: held-back events are never dropped")
	require.EqualValues(t, lost, routes[0].lost+routes[1].lost, "P7: every event dropped is announced")
	require.EqualValues(t, 200, len(routes[0].events)+len(routes[1].events)+int(lost))
	require.Equal(t, byte(199), routes[1].events[len(routes[1].events)-1], "the newest stay")
	require.Zero(t, q.bytes)
	require.Zero(t, q.plain)
	require.Positive(t, n)
}

// A peer that never reads must cost bytes in proportion to its routes, not to
// what is emitted.
func TestOutQueueOfAStuckPeerStaysSmall(t *testing.T) {
	var q outQueue
	const bound = 256 << 10
	payload := make([]byte, 100)
	for i := range 200_000 {
		pushEvent(&q, 0, uint32(i%10), payload)
		if q.bytes > bound {
			q.shed(bound * 3 / 4)
		}
	}
	require.LessOrEqual(t, q.bytes, bound)
	require.Less(t, len(q.segs), 16)
	_, routes, n := readAll(t, &q)
	total := 0
	for _, r := range routes {
		total += len(r.events) + int(r.lost)
	}
	require.Equal(t, 200_000, total)
	require.LessOrEqual(t, n, bound)
}

// What may not be dropped is not looked at again and again: the bound costs an
// emitter nothing where a peer has been sent all that its windows allow.
func TestOutQueueShedsWithoutLookingAtTheRest(t *testing.T) {
	var q outQueue
	for i := range 1000 {
		pushEvent(&q, wire.FlagHeld, uint32(i%100), make([]byte, 1000))
	}
	full := len(q.segs) - 1 // the last one grows
	var begins []*byte
	for i := range full {
		begins = append(begins, &q.segs[i].buf[0])
	}
	for i := range 100 {
		pushEvent(&q, 0, uint32(i%10), make([]byte, 1000))
		require.EqualValues(t, 1, q.shed(q.bytes/2))
	}
	for i := range full {
		require.Same(t, begins[i], &q.segs[i].buf[0], "segment %d was copied", i)
	}
	require.Zero(t, q.shed(0))
	require.Less(t, len(q.segs), full+4)
}

// Whatever is pushed and shed: nothing but plain events goes, each that goes is
// counted once, order within a route stays, and the accounts agree.
func TestOutQueueAccounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q outQueue
		plain := map[uint32]int{}
		controls, held := 0, 0
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				q.control(wire.Ping{}.Append(nil))
				controls++
			case 1:
				pushEvent(&q, wire.FlagHeld, 9, []byte{1})
				held++
			case 2:
				q.shed(rapid.IntRange(0, 200_000).Draw(t, "bound"))
			case 3:
				frame := appendEventFrame(nil, 0, 1, make([]byte, 20_000))
				q.adopt(segment{buf: frame, plain: len(frame)})
				plain[1]++
			default:
				r := uint32(rapid.IntRange(0, 3).Draw(t, "route"))
				pushEvent(&q, 0, r, make([]byte, rapid.IntRange(1, 5000).Draw(t, "size")))
				plain[r]++
			}
			sum, sumPlain := 0, 0
			for _, s := range q.segs {
				sum += len(s.buf)
				sumPlain += s.plain
			}
			require.Equal(t, sum, q.bytes)
			require.Equal(t, sumPlain, q.plain)
		}
		frames, routes, _ := readAll(t, &q)
		pings := 0
		for _, f := range frames {
			if f == wire.TypePing {
				pings++
			}
		}
		require.Equal(t, controls, pings)
		if held > 0 {
			require.Len(t, routes[9].events, held)
		}
		for r, n := range plain {
			require.Equal(t, n, len(routes[r].events)+int(routes[r].lost), "route %d", r)
		}
	})
}

// TestOutQueueSplits: a segment that is longer than a write is to be goes in
// several, and which of its bytes may be dropped is still known.
func TestOutQueueSplits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q outQueue
		var want []byte
		for range rapid.IntRange(1, 50).Draw(t, "frames") {
			frame := wire.Ping{Nonce: 1}.Append(nil)
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				q.control(frame)
				want = carrier.AppendFrame(want, frame)
			default:
				flags := rapid.SampledFrom([]wire.Flags{0, wire.FlagHeld}).Draw(t, "flags")
				payload := make([]byte, rapid.IntRange(0, 100).Draw(t, "size"))
				pushEvent(&q, flags, 1, payload)
				want = append(want, appendEventFrame(nil, flags, 1, payload)...)
			}
		}
		limit := rapid.IntRange(1, 300).Draw(t, "limit")
		var got []byte
		for len(q.segs) > 0 {
			before := q.plain
			for _, seg := range q.take(nil, limit) {
				plain := 0
				for frame := range carrier.Frames(seg.buf) {
					if droppable(wire.TypeOf(frame)) {
						plain += len(frame) + carrier.FrameOverhead
					}
				}
				require.Equal(t, plain, seg.plain, "what may be dropped of %d bytes", len(seg.buf))
				if _, rest, err := carrier.Next(seg.buf); err != nil || len(rest) > 0 {
					require.LessOrEqual(t, len(seg.buf), limit, "a write of several frames")
				}
				got = append(got, seg.buf...)
				before -= plain
			}
			require.Equal(t, before, q.plain)
		}
		require.Equal(t, want, got)
		require.Zero(t, q.bytes)
		require.Zero(t, q.plain)
	})
}
