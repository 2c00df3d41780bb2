package sig_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

func TestDeliver(t *testing.T) {
	r, warned := newRegistry(t)
	p := attach(t, r)
	j, lost := newJournal(), newJournal()
	subscribe(t, r, "s", "e", func(ev sig.EventOf[int]) { j.add("int %d", ev.Data) })
	subscribe(t, r, "s", "e", func(ev sig.Event) { j.add("plain %v %T", ev.Data, ev.Data) })
	subscribe(t, r, "s", "e", func(ev sig.EventOf[string]) { j.add("never") },
		&sig.SubscribeOptions{OnLost: func(l sig.Lost) { lost.add("%s", l) }})
	s := p.connect(t, "s", "e")
	require.Equal(t, uint64(7), s.Epoch())
	s.Routes()[0].Deliver(digits("5"), nil)
	require.Equal(t, []string{"int 5", "plain 5 int64"}, j.all())
	require.Equal(t, []string{"lost 1 event of s e: bad payload"}, lost.all())
	require.Len(t, warned.all(), 1)
}

func TestDeliverHeldBack(t *testing.T) {
	r, _ := newRegistry(t)
	p := attach(t, r)
	g := newGate()
	sub := subscribe(t, r, "s", "e", g.handle, &sig.SubscribeOptions{Queue: 1})
	inline := newJournal()
	subscribe(t, r, "s", "e", inline.event)
	rt := p.connect(t, "s", "e").Routes()[0]
	var taken atomic.Int64
	done := func() { taken.Add(1) }
	rt.Deliver(digits("1"), done)
	await(t, g.begun, "the first event")
	rt.Deliver(digits("2"), done)
	require.EqualValues(t, 2, taken.Load(), "one is handled, one in free room")
	rt.Deliver(digits("3"), done)
	rt.Deliver(digits("4"), done)
	require.EqualValues(t, 2, taken.Load(), "beyond the bound they are kept, and not taken yet")
	rt.Deliver(digits("5"), nil)
	require.Len(t, inline.all(), 5)
	g.pass <- struct{}{}
	await(t, g.begun, "the second event")
	require.EqualValues(t, 3, taken.Load(), "room for the next")
	g.pass <- struct{}{}
	g.pass <- struct{}{}
	await(t, g.begun, "the third event")
	await(t, g.begun, "the fourth event")
	require.Equal(t, []string{"s e 1", "s e 2", "s e 3"}, g.all()[:3])
	require.EqualValues(t, 4, taken.Load())
	rt.Deliver(digits("6"), done)
	rt.Deliver(digits("7"), done)
	sub.Unsubscribe()
	require.EqualValues(t, 6, taken.Load(), "who leaves holds nobody back")
	rt.Deliver(digits("8"), done)
	require.EqualValues(t, 7, taken.Load())
	close(g.pass)
	await(t, sub.Done(), "done")
	require.Equal(t, []string{"s e 1", "s e 2", "s e 3", "s e 4"}[:4], g.wait(t, 4)[:4],
		"held-back events are never dropped; the one that was not is")
}

func TestDeliverLost(t *testing.T) {
	r, warned := newRegistry(t)
	p := attach(t, r)
	j, g, typed := newJournal(), newGate(), newJournal()
	subscribe(t, r, "s", "e", j.event)
	subscribe(t, r, "s", "e", g.handle, &sig.SubscribeOptions{Queue: 10})
	subscribe(t, r, "s", "e", func(sig.EventOf[int]) {}, &sig.SubscribeOptions{OnLost: func(l sig.Lost) { typed.add("%s", l) }})
	subscribe(t, r, "s", "e", func(sig.EventOf[int]) {})
	rt := p.connect(t, "s", "e").Routes()[0]
	rt.Deliver(digits("1"), nil)
	rt.DeliverLost(sig.Lost{Count: 3, Reason: sig.LossSlowPeer}, 0)
	rt.DeliverLost(sig.Lost{Reason: sig.LossConnection}, 0)
	rt.Deliver(digits("2"), nil)
	want := []string{"s e 1", "s e lost 3: 2-4 (peer too slow)", "s e lost 0: 5-5 (connection lost)", "s e 2"}
	require.Equal(t, want, j.all(), "P7: in order, with the range and the reason")
	close(g.pass)
	require.Equal(t, want, g.wait(t, 4))
	require.Len(t, typed.all(), 2)
	require.Len(t, warned.all(), 2, "who has no OnLost is warned")
}

// keeper lends its bytes until the call it is given to returns.
type keeper struct {
	digits
	kept *int
}

func (k *keeper) Keep() sig.Encoded { *k.kept++; return digits(string(k.digits)) }

func TestDeliverWhileHandlersRun(t *testing.T) {
	r, _ := newRegistry(t)
	p := attach(t, r)
	rt := p.connect(t, "s", "e").Routes()[0]
	kept, taken := 0, 0
	deliver := func(d digits) {
		k := &keeper{d, &kept}
		rt.Deliver(k, func() { taken++ })
		k.digits = "overwritten"
	}
	first, last := newJournal(), newJournal()
	subscribe(t, r, "s", sig.Any, first.event)
	subscribe(t, r, "s", "e", func(ev sig.Event) {
		if ev.Data == int64(1) {
			deliver("2")
			rt.DeliverLost(sig.Lost{Count: 1, Reason: sig.LossInbound}, 0)
			deliver("3")
		}
	})
	subscribe(t, r, "s", "e", last.event)
	deliver("1")
	want := []string{"s e 1", "s e 2", "s e lost 1: 3-3 (inbound buffer full)", "s e 3"}
	require.Equal(t, want, first.all(), "P3")
	require.Equal(t, want, last.all())
	require.Equal(t, 2, kept, "what waits has been kept, what does not has not")
	require.Equal(t, 3, taken)
}

// TestNameMovesHere has a name leave its process and connect in this one while
// its old events are still on the way.
func TestNameMovesHere(t *testing.T) {
	r, _ := newRegistry(t)
	p, q := attach(t, r), attach(t, r)
	specific, all := newJournal(), newJournal()
	subscribe(t, r, "s", sig.Any, all.event)
	subscribe(t, r, "s", "e", specific.event)
	q.bridge.Subscribe(sig.Pattern{Sender: "s", Event: "e"})
	old := p.connect(t, "s", "e")
	old.Routes()[0].Deliver(digits("1"), nil)
	notice := p.bridge.Disconnect(old, "moves")

	here := connect(t, r, "s", "e")
	require.NoError(t, must(sig.NewEmitter[int](here, "e")).Emit(3))
	require.Equal(t, []string{"3 held=false"}, q.targets[here.Routes()[0]].all(), "other processes need not wait")
	require.NoError(t, here.Disconnect("moves on"))

	next, announced, err := p.bridge.Connect("s", sig.RemoteSpec{Events: []sig.Name{"e"}})
	require.NoError(t, err)
	announced.Deliver()
	taken := false
	next.Routes()[0].Deliver(digits("4"), func() { taken = true })

	require.Equal(t, []string{"s #connect ", "s e 1"}, all.all(), "the next life waits")
	old.Routes()[0].Deliver(digits("2"), nil)
	require.False(t, taken)
	notice.Deliver()
	require.Equal(t, []string{
		"s #connect ", "s e 1", "s e 2", "s #disconnect moves",
		"s #connect ", "s e 3", "s #disconnect moves on",
		"s #connect ", "s e 4",
	}, all.all(), "P3")
	require.Equal(t, []string{"s e 1", "s e 2", "s e 3", "s e 4"}, specific.all())
	require.True(t, taken)
	old.Routes()[0].Deliver(digits("5"), func() { taken = false })
	require.False(t, taken, "what comes after the end is nobody's")
	require.Len(t, specific.all(), 4)
}

func TestWatchOfRemoteSenders(t *testing.T) {
	r, _ := newRegistry(t)
	p := attach(t, r)
	s, connected, err := p.bridge.Connect("s", sig.RemoteSpec{})
	require.NoError(t, err)
	watch := func() *journal {
		j := newJournal()
		_, err := r.Watch(sig.Any, func(c sig.PresenceChange) { j.add("%s %s", c.Kind, c.Sender) }, nil)
		require.NoError(t, err)
		return j
	}
	during := watch()
	connected.Deliver()
	require.Equal(t, []string{"present s", "snapshot done "}, during.all(), "P5: no duplicate")
	disconnected := p.bridge.Disconnect(s, "")
	after := watch()
	disconnected.Deliver()
	require.Equal(t, []string{"present s", "snapshot done ", "disconnected s"}, during.all(), "P5: no gap")
	require.Equal(t, []string{"snapshot done "}, after.all())
}

func TestEvict(t *testing.T) {
	r, _ := newRegistry(t)
	p := attach(t, r)
	j := newJournal()
	subscribe(t, r, "s", sig.Any, j.event)
	s, connected, err := p.bridge.Connect("s", sig.RemoteSpec{Events: []sig.Name{"e"}})
	require.NoError(t, err)
	r.Kick(s, sig.NewError(sig.CodeNameTaken, "taken over"))
	require.Equal(t, []string{"s #connect ", "s #disconnect name taken: taken over"}, j.all(),
		"nobody hears of an end without a beginning")
	connected.Deliver()
	require.Len(t, j.all(), 2)

	s = p.connect(t, "s", "e")
	notice := r.Evict(s, sig.ErrNameTaken)
	s.Routes()[0].Deliver(digits("1"), nil)
	notice.Deliver()
	require.Equal(t, []string{"s #connect ", "s e 1", "s #disconnect name taken"}, j.all()[2:],
		"evicted, its events on the way still come first")
}

func TestTooManyRemoteEvents(t *testing.T) {
	r, _ := newRegistry(t)
	p := attach(t, r)
	rt := p.connect(t, "s", "e").Routes()[0]
	n, lost := 0, uint64(0)
	subscribe(t, r, "s", sig.Any, func(ev sig.Event) {
		switch d := ev.Data.(type) {
		case sig.Lost:
			require.Equal(t, sig.LossReentry, d.Reason)
			lost += d.Count
		case int64:
			n++
			for range 100_000 * d {
				rt.Deliver(digits("0"), nil)
			}
		}
	})
	rt.Deliver(digits("1"), nil)
	require.EqualValues(t, 100_001, uint64(n)+lost, "P7: what does not fit is announced")
	require.Greater(t, n, 60_000)
}

// TestBlockIsDropOldestForRemoteEvents: nobody in another process may be able
// to stop a router's goroutine (P8).
func TestBlockIsDropOldestForRemoteEvents(t *testing.T) {
	r, _ := newRegistry(t)
	p := attach(t, r)
	g := newGate()
	subscribe(t, r, "s", "e", g.handle, &sig.SubscribeOptions{Queue: 1, Policy: sig.Block})
	rt := p.connect(t, "s", "e").Routes()[0]
	rt.Deliver(digits("1"), nil)
	await(t, g.begun, "the first event")
	rt.Deliver(digits("2"), nil)
	rt.Deliver(digits("3"), nil)
	close(g.pass)
	require.Equal(t, []string{"s e 1", "s e lost 1: 2-2 (queue full)", "s e 3"}, g.wait(t, 3))
}
