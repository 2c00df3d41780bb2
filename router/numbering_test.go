package router_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// slowly is a payload that takes its time to be encoded.
type slowly struct{ begun, finish chan struct{} }

func (s slowly) MarshalJSON() ([]byte, error) {
	close(s.begun)
	<-s.finish
	return []byte(`"slow"`), nil
}

// TestNumberAfterLateEvent: an event that was being emitted while interest in it
// ended is for nobody any more, and the next interest learns the number of its
// first event at once (protocol.md §7.3).
func TestNumberAfterLateEvent(t *testing.T) {
	p := newPeer(t)
	kitchen, err := p.reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	p.send(p.welcome())
	var connect wire.Connect
	require.NoError(t, connect.Decode(p.await(wire.TypeConnect)))
	p.send(wire.Connected{Sender: connect.Sender, Wanted: []uint32{0}})

	late := slowly{make(chan struct{}), make(chan struct{})}
	emitted := make(chan error)
	go func() { emitted <- kitchen.Emit("temp", late) }()
	<-late.begun
	p.send(wire.Want{Route: connect.Route, On: false})
	p.round()
	close(late.finish)
	require.NoError(t, <-emitted)
	for range 4 {
		require.NoError(t, kitchen.Emit("temp", "unheard"))
	}
	p.send(wire.Want{Route: connect.Route, On: true})
	frames := p.frames()
	require.NoError(t, kitchen.Emit("temp", "heard"))

	require.Equal(t, []wire.Route{{Route: connect.Route, Seq: 6, Begin: true}}, routesOf(t, frames...), "the number of the event that follows")
	_, _, payload, err := wire.ParseEvent(p.next())
	require.NoError(t, err)
	require.Equal(t, `"heard"`, string(payload))
}

// TestNumberOfEventUnderWay: an event that was being emitted while interest
// ended and began again is not counted: its number is below the one the peer was
// told.
func TestNumberOfEventUnderWay(t *testing.T) {
	p := newPeer(t)
	kitchen, err := p.reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	p.send(p.welcome())
	var connect wire.Connect
	require.NoError(t, connect.Decode(p.await(wire.TypeConnect)))
	p.send(wire.Connected{Sender: connect.Sender, Wanted: []uint32{0}})
	p.round()

	late := slowly{make(chan struct{}), make(chan struct{})}
	emitted := make(chan error)
	go func() { emitted <- kitchen.Emit("temp", late) }()
	<-late.begun
	p.send(wire.Want{Route: connect.Route, On: false}, wire.Want{Route: connect.Route, On: true})
	frames := p.frames()
	require.Equal(t, []wire.Route{{Route: connect.Route, Seq: 2, Begin: true}}, routesOf(t, frames...))
	close(late.finish)
	require.NoError(t, <-emitted)
	require.NoError(t, kitchen.Emit("temp", "heard"))
	_, _, payload, err := wire.ParseEvent(p.next())
	require.NoError(t, err)
	require.Equal(t, `"heard"`, string(payload))
}

// TestGapAfterInterestCameBack: interest that ended before the first event came,
// and began again, does not hide a gap of a connection lost later.
func TestGapAfterInterestCameBack(t *testing.T) {
	p := newPeer(t)
	heard, lost := make(chan string, 2), make(chan sig.Lost, 2)
	subscribe := func() *sig.Subscription {
		sub, err := sig.Subscribe(p.reg, "kitchen", "temp", func(ev sig.EventOf[string]) { heard <- ev.Data },
			&sig.SubscribeOptions{OnLost: func(l sig.Lost) { lost <- l }})
		require.NoError(t, err)
		return sub
	}
	first := subscribe()
	kitchen := wire.Connect{Sender: 1, Route: 7, Epoch: 1, Name: "kitchen", Events: []string{"temp"}}
	p.send(p.welcome(), kitchen)
	p.round()
	first.Unsubscribe()
	second := subscribe()
	defer second.Unsubscribe()
	p.send(wire.Route{Route: 7, Seq: 5, Begin: true}, event{7, `"5"`})
	require.Equal(t, "5", <-heard)
	p.accept()
	p.send(p.welcome(), kitchen, wire.Route{Route: 7, Seq: 9}, event{7, `"9"`})
	require.Equal(t, "9", <-heard)
	require.Len(t, lost, 1)
	require.EqualValues(t, 3, (<-lost).Count, "6, 7 and 8 have not come")
}
