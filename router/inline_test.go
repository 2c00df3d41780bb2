package router_test

import (
	"bytes"
	"context"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// desk is a hub with a method that says who has run it, and a guest that calls it.
type desk struct {
	*hub
	*guest
	sender  uint32
	last    uint64
	release chan struct{} // closed: "slow" returns
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{hub: newHub(t, router.Limits{}), release: make(chan struct{})}
	serve(t, d.reg, func(_ context.Context, req *sig.Request) (any, error) {
		switch req.Data {
		case "slow":
			<-d.release
		case "nap":
			time.Sleep(900 * time.Microsecond)
		case "exit":
			runtime.Goexit()
		}
		if bytes.Contains(debug.Stack(), []byte("runInline")) {
			return "reader", nil
		}
		return "worker", nil
	})
	d.guest = d.hub.guest(wire.Hello{})
	var k wire.Connect
	require.NoError(t, k.Decode(d.await(wire.TypeConnect)))
	d.sender = k.Sender
	return d
}

// ask sends requests as one batch, with these payloads.
func (d *desk) ask(payloads ...string) {
	var batch []envelope
	for _, p := range payloads {
		d.last++
		batch = append(batch, wire.Request{ID: d.last, Sender: d.sender, Method: "m", Payload: []byte(`"` + p + `"`)})
	}
	d.send(batch...)
}

// answers returns the next n answers, by request; of one that failed, its code.
func (d *desk) answers(n int) map[uint64]string {
	by := make(map[uint64]string)
	for range n {
		var r wire.Reply
		require.NoError(d.guest.t, r.Decode(d.await(wire.TypeReply)))
		if by[r.ID] = string(bytes.Trim(r.Payload, `"`)); r.Code != wire.CodeOK {
			by[r.ID] = sig.Code(r.Code).String()
		}
	}
	return by
}

// TestTheReaderAnswersQuickRequests: once requests follow each other, until one is
// slow, which delays the others and the connection for two looks of the patrol and
// no more (P4, P8).
func TestTheReaderAnswersQuickRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.ask("quick")
		require.Equal(t, map[uint64]string{1: "worker"}, d.answers(1), "one alone")
		time.Sleep(time.Second)
		d.ask("quick", "quick", "quick")
		require.Equal(t, map[uint64]string{2: "worker", 3: "reader", 4: "reader"}, d.answers(3))
		d.ask("quick")
		require.Equal(t, map[uint64]string{5: "reader"}, d.answers(1))

		begin := time.Now()
		d.ask("quick", "slow", "quick", "quick")
		require.Equal(t, map[uint64]string{6: "reader", 8: "worker", 9: "worker"}, d.answers(3))
		require.Empty(t, d.round(), "the connection is read")
		require.LessOrEqual(t, time.Since(begin), 2*time.Millisecond)
		for range 64 {
			d.ask("quick")
			for _, who := range d.answers(1) {
				require.Equal(t, "worker", who, "after a slow one")
			}
		}
		d.ask("quick")
		require.Equal(t, map[uint64]string{74: "reader"}, d.answers(1), "and then the reader again")
		close(d.release)
		require.Equal(t, map[uint64]string{7: "reader"}, d.answers(1))
		require.NoError(t, d.srv.Close())
	})
}

// TestManyThatAreNotQuiteQuick come as one batch, and none of them is met twice by
// the patrol: together they delay the connection for a few looks of it all the same
// (P4, P8).
func TestManyThatAreNotQuiteQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.ask("quick", "quick")
		require.Equal(t, map[uint64]string{1: "worker", 2: "reader"}, d.answers(2))
		begin := time.Now()
		d.ask(slices.Repeat([]string{"nap"}, 100)...)
		by := make(map[string]int)
		for _, who := range d.answers(100) {
			by[who]++
		}
		require.Less(t, time.Since(begin), 10*time.Millisecond, "one after the other would be 90 ms")
		require.Greater(t, by["worker"], 90)
		require.NoError(t, d.srv.Close())
	})
}

// TestQuickHandlerThatEndsItsGoroutine ends the reader with it, and another one
// reads on (P4).
func TestQuickHandlerThatEndsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.ask("quick", "quick", "exit", "quick")
		require.Equal(t, map[uint64]string{1: "worker", 2: "reader", 3: sig.CodeHandler.String(), 4: "worker"}, d.answers(4))
		require.Empty(t, d.round())
		require.NoError(t, d.srv.Close())
	})
}

// TestConnectionThatEndsDuringASlowHandler, which had the reader's goroutine, is
// over at once for all others (P8); only the end of the router waits for the
// handler (P13).
func TestConnectionThatEndsDuringASlowHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.ask("quick", "slow")
		require.Equal(t, map[uint64]string{1: "worker"}, d.answers(1))
		require.NoError(t, d.conn.Close())
		time.Sleep(10 * time.Millisecond)
		require.Empty(t, d.srv.Clients())
		closed := make(chan error)
		go func() { closed <- d.srv.Close() }()
		synctest.Wait()
		select {
		case <-closed:
			t.Fatal("the handler still runs")
		default:
		}
		close(d.release)
		require.NoError(t, <-closed)
	})
}

// TestQuickHandlersMayAsk over the connection by which they were asked: the reader
// that runs one of them is not waited for (P4).
func TestQuickHandlersMayAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, router.Limits{})
		clock, err := h.reg.Connect("clock", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
			"now": func(context.Context, *sig.Request) (any, error) { return 12, nil },
		}})
		require.NoError(t, err)
		pi, end := h.join()
		serve(t, pi, func(ctx context.Context, req *sig.Request) (any, error) {
			return pi.Request(ctx, clock.Name(), "now", nil)
		})
		caller, other := h.join()
		h.knows(caller, "k")
		h.knows(pi, "clock")
		begin := time.Now()
		for range 300 {
			answer, err := sig.Call[int](h.ctx, caller, "k", "m", 1)
			require.NoError(t, err)
			require.Equal(t, 12, answer)
		}
		require.Less(t, time.Since(begin), 10*time.Millisecond, "it is tried less and less often")
		require.NoError(t, end.Close())
		require.NoError(t, other.Close())
		require.NoError(t, h.srv.Close())
	})
}
