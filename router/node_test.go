package router

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

func TestGapMemoryIsBounded(t *testing.T) {
	g := gapMemory{bound: 2}
	for i := range 5 {
		g.remember(life{"s", uint64(i)}, []position{{next: uint64(i), known: true}}, 7)
	}
	at, _ := g.recall(life{"s", 2})
	require.Nil(t, at)
	at, since := g.recall(life{"s", 4})
	require.Equal(t, []position{{next: 4, known: true}}, at)
	require.EqualValues(t, 7, since)
	at, _ = g.recall(life{"s", 4})
	require.Nil(t, at, "a position is used once")
	require.Len(t, g.order, 1)
	g.remember(life{"s", 3}, []position{{next: 9}}, 0)
	require.Len(t, g.order, 1, "the same life is remembered once")
}

func TestRingIsFound(t *testing.T) {
	reg := sig.New(nil)
	defer reg.Close()
	n := joinNode(reg, "hub", true, Limits{}.WithDefaults())
	defer n.leave()
	limits := Limits{}.WithDefaults()
	a, b := &link{node: n, limits: &limits}, &link{node: n, limits: &limits}
	id := func(b byte) wire.NodeID { return wire.NodeID{b} }

	require.NoError(t, n.admit(a, []wire.Node{{ID: id(1), Name: "edge"}, {ID: id(2), Name: "cellar"}}))
	require.NoError(t, n.admit(a, []wire.Node{{ID: id(1), Name: "edge"}}), "again by the same connection")
	err := n.admit(b, []wire.Node{{ID: id(3), Name: "attic"}, {ID: id(2), Name: "cellar"}})
	require.ErrorIs(t, err, sig.ErrRing)
	require.ErrorContains(t, err, `"cellar"`, "P12: the error names the router")
	require.NoError(t, n.admit(b, []wire.Node{{ID: id(3), Name: "attic"}}), "a refused connection leaves nothing behind")
	require.ErrorIs(t, n.admit(b, []wire.Node{{ID: n.id, Name: "hub"}}), sig.ErrRing)

	require.ElementsMatch(t, []wire.Node{{ID: id(1), Name: "edge"}, {ID: id(2), Name: "cellar"}}, n.around(b))
	require.ElementsMatch(t, []wire.NodeID{id(1), id(2)}, n.forget(a, n.behind(a)))
	require.NoError(t, n.admit(b, []wire.Node{{ID: id(2), Name: "cellar"}}))
	require.Empty(t, n.behind(a))
	require.Equal(t, []wire.NodeID{id(3)}, n.forget(b, []wire.NodeID{id(9), id(3)}))
	require.Equal(t, []wire.NodeID{id(2)}, n.behind(b), "it took the other's place")
	require.Equal(t, []wire.NodeID{id(2)}, n.forget(b, n.behind(b)))
	require.Empty(t, n.behinds)
	require.Empty(t, n.reach)
}

// BenchmarkDepart is what it costs that all of so many leave: an operation is one.
func BenchmarkDepart(b *testing.B) {
	for _, clients := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(clients, " clients"), func(b *testing.B) {
			reg := sig.New(nil)
			defer reg.Close()
			limits := Limits{}.WithDefaults()
			n := joinNode(reg, "hub", true, limits)
			defer n.leave()
			for left := 0; left < b.N; {
				b.StopTimer()
				links := make([]*link, min(clients, b.N-left))
				for i := range links {
					links[i] = &link{node: n, limits: &limits}
					id := wire.NodeID{1, byte(i), byte(i >> 8)}
					require.NoError(b, n.admit(links[i], []wire.Node{{ID: id, Name: leafName}}))
				}
				b.StartTimer()
				for _, l := range links {
					n.depart(l)
				}
				left += len(links)
			}
		})
	}
}
