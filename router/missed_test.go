package router

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// routesIn returns the numbers that ROUTEs among frames tell.
func routesIn(t *testing.T, frames [][]byte) (numbers []uint64) {
	t.Helper()
	for _, f := range frames {
		if kind, _ := wire.TypeOf(f); kind == wire.TypeRoute {
			var e wire.Route
			require.NoError(t, e.Decode(f))
			numbers = append(numbers, e.Seq)
		}
	}
	return numbers
}

// TestRefusedInTheMomentOfConnecting: an event is refused by an emitter that has
// just found no connection when there is one again. The peer, which has been told
// where the route stands, is told anew (P7).
func TestRefusedInTheMomentOfConnecting(t *testing.T) {
	r := newRig(t)
	r.link.refuse = true
	kitchen, _ := r.route("kitchen")
	s, c := r.open()
	require.NoError(t, kitchen.Emit("e", 1))
	r.sent(s, c)
	r.link.current.Store(nil) // what the emitter still sees
	require.ErrorIs(t, kitchen.Emit("e", 2), sig.ErrNotConnected)
	r.link.current.Store(s)
	require.Equal(t, []uint64{3}, routesIn(t, r.sent(s, c)))
	require.NoError(t, kitchen.Emit("e", 3))
	require.Equal(t, []wire.Type{wire.TypeEvent}, types(r.sent(s, c)))
}

// TestNotEncodedWithoutAConnection: an event that cannot be encoded is missing
// for the peer also if it was emitted without a connection, wherever it stands
// among what is kept (P7).
func TestNotEncodedWithoutAConnection(t *testing.T) {
	for _, row := range []struct {
		name    string
		emitted []any
		told    []uint64
	}{
		{"alone", []any{func() {}}, []uint64{3}},
		{"in front", []any{func() {}, 2}, []uint64{3}},
		{"between", []any{1, func() {}, 2}, []uint64{2, 4}},
		{"behind", []any{1, func() {}}, []uint64{2, 4}},
		{"none", []any{1, 2}, []uint64{2}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			kitchen, _ := r.route("kitchen")
			first, _ := r.open()
			require.NoError(t, kitchen.Emit("e", 0))
			r.close(first)
			for _, v := range row.emitted {
				if err := kitchen.Emit("e", v); err != nil {
					require.ErrorIs(t, err, codec.ErrValue)
				}
			}
			second, c := r.open()
			require.Equal(t, row.told, routesIn(t, r.sent(second, c)))
		})
	}
}

// TestFreshNoMore: a sender that had to wait for its name is not announced to
// others as one that has emitted nothing (protocol.md §6.1).
func TestFreshNoMore(t *testing.T) {
	r := newRig(t)
	mine, _ := r.route("kitchen")
	s, _ := r.open()
	require.NoError(t, s.onConnect(&wire.Connect{Sender: 1, Route: 1, Epoch: 3, Name: "kitchen", Events: []string{"e"}, Fresh: true}))
	require.NoError(t, s.onRoute(&wire.Route{Route: 1, Seq: 5, Begin: true}))
	require.NoError(t, mine.Disconnect(""))
	r.link.node.group.Wait()
	theirs := s.senders[1].sender
	require.NotNil(t, theirs)
	require.False(t, theirs.Fresh())
}
