package router

import (
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
}
