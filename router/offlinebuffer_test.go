package router

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Events without a payload take their part of the bound as well, and what was
// dropped takes a place for each route and not for each event.
func TestOfflineBufferCountsItems(t *testing.T) {
	b := offlineBuffer{bound: 100 * itemOverhead}
	routes := []*outRoute{{}, {}, {}}
	const n = 100_000
	var dropped uint64
	for i := range n {
		dropped += b.add(offlineItem{or: routes[i%3], seq: uint64(i/3 + 1)})
		require.LessOrEqual(t, len(b.items), 100+len(routes))
	}
	require.EqualValues(t, n, b.count())
	require.Greater(t, dropped, uint64(n-101))
}

// Whatever is kept and dropped: held-back events stay, the numbers of each route
// go up, and every event is there or counted where it stood.
func TestOfflineBufferAccounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := offlineBuffer{bound: rapid.IntRange(1, 3000).Draw(t, "bound")}
		routes := []*outRoute{{}, {}}
		last := make([]uint64, len(routes))
		var held int
		var dropped uint64
		for range rapid.IntRange(1, 200).Draw(t, "events") {
			r := rapid.IntRange(0, 1).Draw(t, "route")
			last[r]++
			it := offlineItem{or: routes[r], seq: last[r], payload: make([]byte, rapid.IntRange(0, 50).Draw(t, "size"))}
			if it.held = rapid.IntRange(0, 9).Draw(t, "held") == 0; it.held {
				held++
			}
			dropped += b.add(it)
			require.LessOrEqual(t, b.bytes, b.bound)
		}
		for _, or := range routes {
			next := uint64(1)
			for _, it := range b.items {
				if it.or != or {
					continue
				}
				require.Equal(t, next, it.seq, "a hole, or a step back")
				next += max(it.dropped, 1)
				dropped -= it.dropped
				if it.held {
					held--
				}
			}
		}
		require.Zero(t, held)
		require.Zero(t, dropped, "every one that was dropped is counted in its place")
	})
}
