package router_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// askedAndAsking are two guests: one answers "m", by the number that the other has.
func (h *hub) askedAndAsking() (answers, asks *guest, to uint32) {
	h.t.Helper()
	answers = h.guest(wire.Hello{ID: wire.NodeID{1}})
	answers.send(wire.Connect{Sender: 1, Route: 1, Epoch: 1, Name: "r", Requests: []string{"m"}})
	asks = h.guest(wire.Hello{ID: wire.NodeID{2}})
	var c wire.Connect
	require.NoError(h.t, c.Decode(asks.await(wire.TypeConnect)))
	return answers, asks, c.Sender
}

// TestRequestsWithoutRoom: large requests that find no room on the way to whoever
// answers them are refused, and do not cost it its connection (P8).
func TestRequestsWithoutRoom(t *testing.T) {
	const n, size = 64, 100_000
	h := newLimitedHub(t, router.ServerOptions{Limits: router.Limits{OutboundBytes: 256 << 10, MaxFrame: 128 << 10}})
	answers, asks, to := h.askedAndAsking()
	for id := range uint64(n) {
		asks.send(wire.Request{ID: id + 1, Sender: to, Method: "m", Payload: text(size)})
	}
	asks.send(wire.Ping{Nonce: 7})
	busy := 0
	for {
		frame := asks.next()
		if got, _ := wire.TypeOf(frame); got == wire.TypePong {
			break
		}
		var r wire.Reply
		require.NoError(t, r.Decode(frame))
		require.EqualValues(t, sig.CodeBusy, r.Code, r.Text)
		require.Contains(t, r.Text, "outbound: ")
		busy++
	}
	require.Positive(t, busy)
	require.Less(t, busy, n)
	for range n - busy { // of the others each is asked, and answered
		var r wire.Request
		require.NoError(t, r.Decode(answers.await(wire.TypeRequest)))
		assert.Len(t, r.Payload, size)
		answers.send(wire.Reply{ID: r.ID, Payload: []byte("1")})
		var got wire.Reply
		require.NoError(t, got.Decode(asks.await(wire.TypeReply)))
		require.Zero(t, got.Code, got.Text)
	}
	assert.Positive(t, h.srv.Stats().Limits[router.LimitOutbound])
	assert.Zero(t, h.srv.Claimed())
}

// TestRequestsCancelled: asking and cancelling again and again fills nobody's queue
// without end.
func TestRequestsCancelled(t *testing.T) {
	h := newLimitedHub(t, router.ServerOptions{Limits: router.Limits{OutboundBytes: 256 << 10, MaxFrame: 4 << 10}})
	answers, asks, to := h.askedAndAsking()
	for id := uint64(1); id < 20_000; id++ {
		asks.send(wire.Request{ID: id, Sender: to, Method: "m", Payload: text(1000)}, wire.Cancel{ID: id})
		if id%100 == 0 {
			asks.round() // what it is told is its own affair
		}
	}
	answers.round() // it is still connected
	assert.Positive(t, h.srv.Stats().Limits[router.LimitOutbound])
}

// TestAnswersWithoutRoom: large answers that find no room on the way to whoever
// asked are errors, and do not cost it its connection.
func TestAnswersWithoutRoom(t *testing.T) {
	const n, size = 64, 100_000
	h := newLimitedHub(t, router.ServerOptions{Limits: router.Limits{OutboundBytes: 256 << 10, MaxFrame: 128 << 10}})
	answers, asks, to := h.askedAndAsking()
	for id := range uint64(n) {
		asks.send(wire.Request{ID: id + 1, Sender: to, Method: "m", Payload: []byte("1")})
	}
	for range n {
		var r wire.Request
		require.NoError(t, r.Decode(answers.await(wire.TypeRequest)))
		answers.send(wire.Reply{ID: r.ID, Payload: text(size)})
	}
	answers.round() // the hub has taken all of it
	good, bad := 0, 0
	for range n {
		var r wire.Reply
		require.NoError(t, r.Decode(asks.await(wire.TypeReply)))
		if r.Code == wire.CodeOK {
			good++
			continue
		}
		require.EqualValues(t, sig.CodeLimit, r.Code, r.Text)
		require.Contains(t, r.Text, "outbound: ")
		bad++
	}
	assert.Positive(t, good)
	assert.Positive(t, bad)
	assert.Zero(t, h.srv.Claimed())
}

// TestLargeRequestsAtOnce: many ask for much in the same moment, of one who has read
// nothing for a while. Some are refused, and nobody loses the connection.
func TestLargeRequestsAtOnce(t *testing.T) {
	const callers, size = 24, 900_000
	h := newLimitedHub(t, router.ServerOptions{Limits: router.Limits{OutboundBytes: 2 << 20}})
	answers, first, to := h.askedAndAsking()
	asking := []*guest{first}
	for i := range callers - 1 {
		g := h.guest(wire.Hello{ID: wire.NodeID{byte(i + 3)}})
		g.await(wire.TypeConnect)
		asking = append(asking, g)
	}
	var all sync.WaitGroup
	for _, g := range asking {
		all.Go(func() { g.send(wire.Request{ID: 1, Sender: to, Method: "m", Payload: text(size)}) })
	}
	all.Wait()
	answers.send(wire.Disconnect{Sender: 1}) // ends what is under way: everybody gets an answer
	for _, g := range asking {
		var r wire.Reply
		require.NoError(t, r.Decode(g.await(wire.TypeReply)))
		require.Contains(t, []sig.Code{sig.CodeBusy, sig.CodeNoSender, sig.CodeConnectionLost}, sig.Code(r.Code), r.Text)
	}
	answers.round()
	assert.Zero(t, h.srv.Claimed())
}

// text is a payload of n bytes.
func text(n int) []byte { return []byte(`"` + strings.Repeat("x", n-2) + `"`) }
