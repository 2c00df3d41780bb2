package router_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// TestPiecesNeedTheFeature, on both sides: a peer without it gets whole frames,
// and may not send pieces (protocol.md §10.5).
func TestPiecesNeedTheFeature(t *testing.T) {
	h := newHub(t, router.Limits{})
	old := h.guest(wire.Hello{ID: wire.NodeID{2}})
	old.subscribes("**", "temp")
	kitchen, err := h.reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	text := strings.Repeat("x", 300_000)
	require.NoError(t, kitchen.Emit("temp", text))
	require.Equal(t, `"`+text+`"`, old.hears())
	old.send(wire.Fragment{More: true, Data: []byte{byte(wire.TypeEvent), 0}})
	var e wire.Goodbye
	require.NoError(t, e.Decode(old.await(wire.TypeGoodbye)))
	require.Equal(t, wire.CodeProtocol, e.Code)
	require.Contains(t, e.Reason, "without the feature")
}

// TestEventInPieces is put together between the others that come.
func TestEventInPieces(t *testing.T) {
	h := newHub(t, router.Limits{})
	pi := h.guest(wire.Hello{ID: wire.NodeID{2}, Features: wire.FeatureFragments})
	desk := h.guest(wire.Hello{ID: wire.NodeID{3}})
	desk.subscribes("**", "**")
	pi.send(wire.Connect{Sender: 1, Route: 0, Epoch: 1, Name: "kitchen", Events: []string{"temp", "note"}, Fresh: true})
	frame := wire.AppendEvent(nil, 0, 0, []byte("12345"))
	pi.send(
		wire.Fragment{More: true, Data: frame[:1]},
		event{route: 1, payload: "1"},
		wire.Fragment{More: true, Data: frame[1:4]},
		event{route: 1, payload: "2"},
		wire.Fragment{Data: frame[4:]},
		event{route: 1, payload: "3"},
		wire.Fragment{Data: wire.AppendEvent(nil, 0, 1, []byte("4"))},
	)
	for _, want := range []string{"1", "2", "12345", "3", "4"} {
		require.Equal(t, want, desk.hears())
	}
}

// TestEventInManyPieces grows as they come, and so does the next one.
func TestEventInManyPieces(t *testing.T) {
	h := newHub(t, router.Limits{})
	pi := h.guest(wire.Hello{ID: wire.NodeID{2}, Features: wire.FeatureFragments})
	desk := h.guest(wire.Hello{ID: wire.NodeID{3}})
	desk.subscribes("**", "**")
	pi.send(wire.Connect{Sender: 1, Route: 0, Epoch: 1, Name: "kitchen", Events: []string{"temp"}, Fresh: true})
	for _, size := range []int{10, 5_000, 70_000, 600_000, 20_000} {
		text := make([]byte, size)
		for i := range text {
			text[i] = 'a' + byte(i*i%26)
		}
		rest := wire.AppendEvent(nil, 0, 0, text)
		for n := 1; n < len(rest); n = n*3 + 1 {
			pi.send(wire.Fragment{More: true, Data: rest[:n]})
			rest = rest[n:]
		}
		pi.send(wire.Fragment{Data: rest})
		require.Equal(t, string(text), desk.hears())
	}
}
