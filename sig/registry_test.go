package sig_test

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

func TestDeliveryOrderOfClasses(t *testing.T) {
	r, _ := newRegistry(t)
	j := newJournal()
	for _, p := range []sig.Pattern{ // the reverse of the promised order
		{"s", "e"},
		{sig.Any, "e"},
		{"s", sig.Any},
		{sig.Any, sig.Any},
		{"s", "e"},
		{"*", "e"},
		{"s", "*"},
		{"**", "*"},
	} {
		id := fmt.Sprintf("%s-%s", p.Sender, p.Event)
		subscribe(t, r, p.Sender, p.Event, func(ev sig.Event) {
			if ev.Name == "e" {
				j.add("%s", id)
			}
		})
	}
	s := connect(t, r, "s", "e", "f")
	require.NoError(t, s.Emit("e", 1))
	require.Equal(t, []string{"**-**", "**-*", "s-**", "s-*", "**-e", "*-e", "s-e", "s-e"}, j.all(),
		"P3: everything, broadcast, channel, specific; each in the order of subscribing")
}

func TestMatching(t *testing.T) {
	for _, row := range []struct {
		name          string
		sender, event sig.Name
		want          int
	}{
		{"specific", "house/kitchen", "temp", 1},
		{"other sender", "house/cellar", "temp", 0},
		{"broadcast", "house/kitchen", sig.Any, 1},
		{"channel", sig.Any, "temp", 1},
		{"one segment each", "*/*", "*", 1},
		{"one segment too few", "*", "temp", 0},
		{"any number in the middle", "house/**/kitchen", "**/temp", 1},
		{"two ways to match count once", "**/**", "**/**", 1},
		{"a prefix is not a match", "house", "temp", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, before := range []bool{true, false} {
				r, _ := newRegistry(t)
				n := 0
				h := func(ev sig.Event) {
					if !ev.Name.Reserved() {
						n++
					}
				}
				if before {
					subscribe(t, r, row.sender, row.event, h)
				}
				s := connect(t, r, "house/kitchen", "temp")
				if !before {
					subscribe(t, r, row.sender, row.event, h)
				}
				require.NoError(t, s.Emit("temp", 1))
				require.Equal(t, row.want, n, "P1, subscribed before the sender: %v", before)
			}
		})
	}
}

func TestReservedEvents(t *testing.T) {
	r, _ := newRegistry(t)
	j := newJournal()
	for _, p := range []sig.Pattern{
		{"s", sig.EventConnect}, {sig.Any, sig.EventDisconnect}, {"s", sig.Any}, {"s", "*"}, {"s", "**/**"},
	} {
		subscribe(t, r, p.Sender, p.Event, func(ev sig.Event) { j.add("%s hears %s", p, ev.Name) })
	}
	s := connect(t, r, "s", "e")
	require.NoError(t, s.Disconnect("bye"))
	require.Equal(t, []string{
		"s ** hears #connect", "s #connect hears #connect",
		"s ** hears #disconnect", "** #disconnect hears #disconnect",
	}, j.all(), "P1: a broadcast and a channel include reserved events, * does not")
}

func TestBadNames(t *testing.T) {
	r, _ := newRegistry(t)
	_, err := r.Connect("a//b", sig.Spec{})
	require.ErrorIs(t, err, sig.ErrBadName)
	_, err = r.Connect("a", sig.Spec{Events: []sig.Name{"#connect"}})
	require.ErrorIs(t, err, sig.ErrBadName)
	_, err = r.Connect("a", sig.Spec{Events: []sig.Name{"e", "e"}})
	require.ErrorIs(t, err, sig.ErrBadName)
	_, err = r.Connect("a", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"*": nil}})
	require.ErrorIs(t, err, sig.ErrBadName)
	_, err = r.Connect("a", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"m": nil}})
	require.ErrorContains(t, err, "m has no handler")
	_, err = sig.Subscribe(r, "a*", "e", func(sig.Event) {}, nil)
	require.ErrorIs(t, err, sig.ErrBadName)
	_, err = sig.Subscribe[int](r, "a", "e", nil, nil)
	require.ErrorContains(t, err, "no handler")
	_, err = r.Watch("a", nil, nil)
	require.ErrorContains(t, err, "no handler")
	_, err = r.Watch("", func(sig.PresenceChange) {}, nil)
	require.ErrorIs(t, err, sig.ErrBadName)
}

func TestUndeclaredEvents(t *testing.T) {
	r, warned := newRegistry(t)
	subscribe(t, r, "s", "early", func(sig.Event) {})
	s := connect(t, r, "s", "temp", "humidity")
	require.Len(t, warned.all(), 1, "P2: a warning when the sender connects without it")
	require.Contains(t, warned.all()[0], `s does not emit "early", only "temp", "humidity"`)

	_, err := sig.Subscribe(r, "s", "late", func(sig.Event) {}, nil)
	require.ErrorIs(t, err, sig.ErrNotDeclared)
	require.ErrorContains(t, err, `"temp", "humidity"`, "P2: the error names the declared ones")
	for _, err := range []error{s.Emit("late", 1), s.TryEmit("late", 1), s.EmitWait(t.Context(), "late", 1)} {
		require.ErrorIs(t, err, sig.ErrNotDeclared)
		require.ErrorContains(t, err, `"temp", "humidity"`)
	}
	_, err = sig.NewEmitter[int](s, "late")
	require.ErrorIs(t, err, sig.ErrNotDeclared)
}

func TestSubscriptionSurvivesTheSender(t *testing.T) {
	r, _ := newRegistry(t)
	j := newJournal()
	subscribe(t, r, "s", "e", j.event)
	for life := range 3 {
		s := connect(t, r, "s", "e")
		require.NoError(t, s.Emit("e", life))
		require.NoError(t, s.Disconnect(""))
		require.NoError(t, s.Disconnect(""), "a second call does nothing")
		err := s.Emit("e", "never")
		require.ErrorIs(t, err, sig.ErrNotConnected)
	}
	require.Equal(t, []string{"s e 0", "s e 1", "s e 2"}, j.all(), "P2")
}

func TestNameIsTaken(t *testing.T) {
	r, _ := newRegistry(t)
	s := connect(t, r, "s")
	_, err := r.Connect("s", sig.Spec{})
	require.ErrorIs(t, err, sig.ErrNameTaken, "P10")
	require.NoError(t, s.Err())
	require.NoError(t, s.Disconnect("bye"))
	await(t, s.Done(), "done")
	require.ErrorIs(t, s.Err(), sig.ErrNotConnected)
	next := connect(t, r, "s")
	require.NotEqual(t, s.Epoch(), next.Epoch(), "each life has an epoch of its own")
}

func TestKick(t *testing.T) {
	r, _ := newRegistry(t)
	j := newJournal()
	subscribe(t, r, "s", sig.Any, j.event)
	s := connect(t, r, "s", "e")
	r.Kick(s, sig.NewError(sig.CodeNameTaken, "by another"))
	require.ErrorIs(t, s.Err(), sig.ErrNameTaken)
	err := s.Emit("e", 1)
	require.ErrorIs(t, err, sig.ErrNotConnected)
	require.ErrorIs(t, err, sig.ErrNameTaken, "the error says why")
	require.Equal(t, []string{"s #connect ", "s #disconnect name taken: by another"}, j.all())
	r.Kick(s, sig.ErrDenied)
	require.ErrorIs(t, s.Err(), sig.ErrNameTaken, "it ends once")
}

func TestTypes(t *testing.T) {
	type reading struct{ Value float64 }
	r, warned := newRegistry(t)
	j := newJournal()
	subscribe(t, r, "s", "e", func(ev sig.EventOf[reading]) { j.add("reading %v", ev.Data.Value) })
	subscribe(t, r, "s", "e", func(ev sig.EventOf[map[string]any]) { j.add("map %v", ev.Data["Value"]) })
	subscribe(t, r, "s", "e", func(ev sig.EventOf[*reading]) { j.add("pointer %v", ev.Data.Value) })
	subscribe(t, r, "s", "e", func(ev sig.EventOf[int]) { j.add("never") })
	s := connect(t, r, "s", "e", "f")
	e, err := sig.NewEmitter[reading](s, "e")
	require.NoError(t, err)
	require.Len(t, warned.all(), 1, "an earlier subscription of an impossible type")
	require.Contains(t, warned.all()[0], "which cannot become the subscriber's int")

	require.NoError(t, e.Emit(reading{1.5}))
	require.Equal(t, []string{"reading 1.5", "map 1.5", "pointer 1.5"}, j.all())

	_, err = sig.NewEmitter[reading](s, "e")
	require.NoError(t, err, "the same type again")
	_, err = sig.NewEmitter[float64](s, "e")
	require.ErrorIs(t, err, sig.ErrTypeMismatch)
	require.ErrorIs(t, s.Emit("e", 1.5), sig.ErrTypeMismatch)
	require.ErrorIs(t, s.Emit("e", nil), sig.ErrTypeMismatch)
	require.NoError(t, s.Emit("e", reading{2}))
	_, err = sig.Subscribe(r, "s", "e", func(sig.EventOf[string]) {}, nil)
	require.ErrorIs(t, err, sig.ErrTypeMismatch)

	require.NoError(t, s.Disconnect(""))
	s = connect(t, r, "s", "e")
	_, err = sig.NewEmitter[float64](s, "e")
	require.NoError(t, err, "the type was that life's")
}

func TestEmitterOfAnInterface(t *testing.T) {
	r, _ := newRegistry(t)
	j := newJournal()
	subscribe(t, r, "s", "e", j.event)
	s := connect(t, r, "s", "e")
	e, err := sig.NewEmitter[error](s, "e")
	require.NoError(t, err)
	require.NoError(t, e.Emit(errors.New("oops")))
	require.NoError(t, e.Emit(nil))
	require.NoError(t, s.Emit("e", errors.New("again")))
	require.ErrorIs(t, s.Emit("e", 1), sig.ErrTypeMismatch)
	require.Equal(t, []string{"s e oops", "s e <nil>", "s e again"}, j.all())
}

func TestValuesThatDoNotFit(t *testing.T) {
	r, warned := newRegistry(t)
	j := newJournal()
	lost := newJournal()
	sub := subscribe(t, r, "s", "e", func(ev sig.EventOf[int8]) { j.add("int8 %d", ev.Data) },
		&sig.SubscribeOptions{OnLost: func(l sig.Lost) { lost.add("%s", l) }})
	subscribe(t, r, "s", "e", func(ev sig.EventOf[int]) { j.add("int %d", ev.Data) })
	s := connect(t, r, "s", "e")
	require.NoError(t, s.Emit("e", 1000), "the emitter is not to blame")
	require.NoError(t, s.Emit("e", 7))
	require.Equal(t, []string{"int 1000", "int8 7", "int 7"}, j.all(), "P4: nobody else is disturbed")
	require.Equal(t, []string{"lost 1 event of s e: bad payload"}, lost.all(), "P7")
	require.Len(t, warned.all(), 1)
	require.EqualValues(t, 1, sub.Stats().Lost)
}

func TestReservedEventsOfOtherTypes(t *testing.T) {
	r, _ := newRegistry(t)
	j := newJournal()
	subscribe(t, r, "s", sig.Any, func(ev sig.EventOf[int]) { j.add("int %v", ev.Data) })
	subscribe(t, r, "s", sig.Any, func(ev sig.EventOf[sig.Presence]) { j.add("presence of %v", ev.Data.Sender) })
	_, err := sig.Subscribe(r, "s", sig.EventConnect, func(sig.EventOf[int]) {}, nil)
	require.ErrorIs(t, err, sig.ErrTypeMismatch)
	connect(t, r, "s", "e")
	require.Equal(t, []string{"presence of s"}, j.all(), "who cannot hold it is left alone")
}

func TestClosedRegistry(t *testing.T) {
	r := sig.New(&sig.Options{Name: "house"})
	require.Equal(t, "house", r.Name())
	require.NotEqual(t, sig.New(nil).ID(), r.ID())
	s := connect(t, r, "s", "e")
	sub := subscribe(t, r, "s", "e", func(sig.Event) {})
	require.NoError(t, r.Close())
	require.NoError(t, r.Close(), "P13: safe to call twice")
	require.ErrorIs(t, sub.Err(), net.ErrClosed)
	await(t, sub.Done(), "the end of the subscription")
	require.ErrorIs(t, s.Err(), sig.ErrClosed)
	require.ErrorIs(t, s.Emit("e", 1), sig.ErrNotConnected)
	_, err := r.Connect("t", sig.Spec{})
	require.ErrorIs(t, err, sig.ErrClosed)
	_, err = sig.Subscribe(r, "s", "e", func(sig.Event) {}, nil)
	require.ErrorIs(t, err, sig.ErrClosed)
	_, err = r.Watch("s", func(sig.PresenceChange) {}, nil)
	require.ErrorIs(t, err, sig.ErrClosed)
	_, err = r.Attach(nil)
	require.ErrorIs(t, err, sig.ErrClosed)
}
