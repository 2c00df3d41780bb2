package router

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/mem"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// rig is a client's link whose connections a test opens and ends itself, and a
// reader whose batches it fills itself: for what happens between two steps.
type rig struct {
	t    *testing.T
	reg  *sig.Registry
	link *link
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, reg: sig.New(&sig.Options{OnWarning: func(sig.Warning) {}})}
	t.Cleanup(func() { r.reg.Close() })
	limits := Limits{}.WithDefaults()
	n := joinNode(r.reg, "rig", false, limits)
	t.Cleanup(n.leave)
	r.link = newLink(n, wire.RoleClient, &limits, []codec.Codec{json.New()}, slog.New(slog.DiscardHandler), &counters{})
	require.NoError(t, r.link.attach())
	t.Cleanup(func() {
		r.link.detach("the test is over")
		r.link.group.Wait()
	})
	return r
}

// taker is a conn that takes what is sent.
type taker struct {
	carrier.Conn
	mu    sync.Mutex
	batch []byte
}

func (c *taker) Send(_ context.Context, batches ...[]byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range batches {
		c.batch = append(c.batch, b...)
	}
	return nil
}

// reader makes a session that is no connection of the link's.
func (r *rig) reader() (*session, *taker) {
	r.t.Helper()
	conn, other := mem.Pipe()
	r.t.Cleanup(func() { other.Close() })
	c := &taker{Conn: conn}
	s := r.link.newSession(c, r.link.codecs[0], "mem://test")
	s.agree(wire.Limits{})
	r.t.Cleanup(func() { s.fail(context.Canceled); <-s.shut })
	return s, c
}

// open opens a connection, which close ends.
func (r *rig) open() (*session, *taker) {
	r.t.Helper()
	s, c := r.reader()
	r.link.open(s)
	r.t.Cleanup(func() { r.close(s) })
	return s, c
}

func (r *rig) close(s *session) {
	if r.link.current.Load() == s {
		r.link.close(s)
	}
}

// sent returns the frames written so far, and forgets them.
func (r *rig) sent(s *session, c *taker) (frames [][]byte) {
	r.t.Helper()
	s.writer.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for frame := range carrier.Frames(c.batch) {
		frames = append(frames, frame)
	}
	c.batch = nil
	return frames
}

func types(frames [][]byte) (list []wire.Type) {
	for _, f := range frames {
		t, _ := wire.TypeOf(f)
		list = append(list, t)
	}
	return list
}

// route connects a sender with one event, as the link announces it.
func (r *rig) route(name sig.Name) (*sig.Sender, *outRoute) {
	r.t.Helper()
	s, err := r.reg.Connect(name, sig.Spec{Events: []sig.Name{"e"}})
	require.NoError(r.t, err)
	r.link.mu.Lock()
	defer r.link.mu.Unlock()
	return s, r.link.announced[s].routes[0]
}

// gathers has a reader take in an event of a route for a connection.
func (r *rig) gathers(reader, to *session, or *outRoute, payload string) {
	g := reader.gatherFor(r.link)
	g.begin(to, or, 5)
	start := len(g.buf)
	g.buf = appendEventFrame(g.buf, 0, or.id, []byte(payload))
	g.added(or, 0, len(payload), len(g.buf)-start)
}

// TestGatheredForAnotherConnection: what a reader has put together for one
// connection is not sent on the next, which has another codec, other limits and
// does not know the numbers.
func TestGatheredForAnotherConnection(t *testing.T) {
	r := newRig(t)
	_, or := r.route("kitchen")
	first, _ := r.open()
	reader, _ := r.reader()
	r.gathers(reader, first, or, "1")
	r.close(first)
	second, c := r.open()
	r.sent(second, c)
	reader.flush()
	require.Empty(t, types(r.sent(second, c)))

	r.gathers(reader, first, or, "2") // for the old one, then for the new one
	r.gathers(reader, second, or, "3")
	reader.flush()
	frames := r.sent(second, c)
	require.Equal(t, []wire.Type{wire.TypeRoute, wire.TypeEvent}, types(frames))
	_, _, payload, err := wire.ParseEvent(frames[1])
	require.NoError(t, err)
	require.Equal(t, "3", string(payload))
}

// TestGatheredOfWhoHasLeft: a sender that leaves after a reader has taken in an
// event of it, and before the reader hands it over, is not heard after its
// DISCONNECT; others are.
func TestGatheredOfWhoHasLeft(t *testing.T) {
	r := newRig(t)
	kitchen, gone := r.route("kitchen")
	_, stays := r.route("bath")
	s, c := r.open()
	reader, _ := r.reader()
	r.sent(s, c)
	r.gathers(reader, s, gone, "1")
	r.gathers(reader, s, stays, "2")
	require.NoError(t, kitchen.Disconnect(""))
	r.gathers(reader, s, gone, "3")
	reader.flush()
	frames := r.sent(s, c)
	require.Equal(t, []wire.Type{wire.TypeDisconnect, wire.TypeEvent}, types(frames))
	_, number, _, err := wire.ParseEvent(frames[1])
	require.NoError(t, err)
	require.Equal(t, stays.id, number)
}

// TestGatheredOfWhoIsLeaving: the same if it leaves between the reader's look at
// whether it has and the frame.
func TestGatheredOfWhoIsLeaving(t *testing.T) {
	r := newRig(t)
	kitchen, or := r.route("kitchen")
	s, c := r.open()
	reader, _ := r.reader()
	r.sent(s, c)
	require.NoError(t, reader.handle(nil)) // a batch begins
	require.NoError(t, kitchen.Disconnect(""))
	r.gathers(reader, s, or, "1")
	reader.flush()
	require.Equal(t, []wire.Type{wire.TypeDisconnect}, types(r.sent(s, c)))
}

// connects has the peer of a session announce a sender.
func (r *rig) connects(s *session, number uint32, name string) {
	r.t.Helper()
	require.NoError(r.t, s.onConnect(&wire.Connect{Sender: number, Route: number, Epoch: 3, Name: name, Events: []string{"e"}}))
}

// TestNoGhostOfAnEndedConnection: a sender that had to wait for a local one of
// its name is not taken in once its connection has ended.
func TestNoGhostOfAnEndedConnection(t *testing.T) {
	r := newRig(t)
	mine, _ := r.route("kitchen")
	s, _ := r.open()
	r.connects(s, 1, "kitchen")
	s.peers.Lock()
	ps := s.shadows["kitchen"]
	delete(s.shadows, "kitchen") // what unshadow does first
	s.peers.Unlock()
	require.NotNil(t, ps)
	require.NoError(t, mine.Disconnect(""))
	r.close(s)
	s.register(ps, r.link.inbound.task) // and last
	require.Empty(t, r.reg.Senders())

	next, _ := r.open()
	r.connects(next, 1, "kitchen")
	require.Len(t, r.reg.Senders(), 1)
	require.Empty(t, next.shadows)
}

// TestNoGhostOfWhoHasLeft: nor is one that its peer has disconnected meanwhile.
func TestNoGhostOfWhoHasLeft(t *testing.T) {
	r := newRig(t)
	mine, _ := r.route("kitchen")
	s, _ := r.open()
	r.connects(s, 1, "kitchen")
	s.peers.Lock()
	ps := s.shadows["kitchen"]
	delete(s.shadows, "kitchen")
	s.peers.Unlock()
	require.NoError(t, s.onDisconnect(&wire.Disconnect{Sender: 1}))
	require.NoError(t, mine.Disconnect(""))
	s.register(ps, r.link.inbound.task)
	require.Empty(t, r.reg.Senders())
}

// onLog is called for each line of a log.
type onLog func(message string)

func (f onLog) Enabled(context.Context, slog.Level) bool { return true }
func (f onLog) Handle(_ context.Context, r slog.Record) error {
	f(r.Message)
	return nil
}
func (f onLog) WithAttrs([]slog.Attr) slog.Handler { return f }
func (f onLog) WithGroup(string) slog.Handler      { return f }

// TestNameThatComesFreeWhileItIsClaimed: the peer's sender takes it in any case.
func TestNameThatComesFreeWhileItIsClaimed(t *testing.T) {
	r := newRig(t)
	s, _ := r.open()
	mine, _ := r.route("kitchen")
	refused := false
	r.link.log = slog.New(onLog(func(message string) {
		refused = refused || message == "sender refused"
		require.NoError(t, mine.Disconnect("")) // right behind the refusal
		r.link.node.group.Wait()
	}))
	r.connects(s, 1, "kitchen")
	require.True(t, refused)
	require.Len(t, r.reg.Senders(), 1)
}

// TestPayloadOutlivesItsBuffer: events that wait for an earlier life's
// #disconnect handler keep what they need of a buffer that is used again.
func TestPayloadOutlivesItsBuffer(t *testing.T) {
	r := newRig(t)
	mine, _ := r.route("kitchen")
	leaving, leave := make(chan struct{}), make(chan struct{})
	hold := sync.OnceFunc(func() { close(leaving); <-leave })
	_, err := sig.Subscribe(r.reg, "kitchen", sig.EventDisconnect, func(sig.Event) { hold() }, nil)
	require.NoError(t, err)
	heard := make(chan string, 10)
	_, err = sig.Subscribe(r.reg, "kitchen", "e", func(ev sig.EventOf[string]) { heard <- ev.Data }, nil)
	require.NoError(t, err)
	gone := make(chan error)
	go func() { gone <- mine.Disconnect("") }()
	<-leaving

	s, _ := r.open()
	s.features = wire.FeatureHeld
	r.connects(s, 1, "kitchen")
	s.reading = newBuffer(smallBuffer)
	batch := s.reading.bytes[:0]
	for i := range 6 {
		var flags wire.Flags
		if i%2 == 1 {
			flags = wire.FlagHeld
		}
		batch = appendEventFrame(batch, flags, 1, fmt.Appendf(nil, `"%d%s"`, i, strings.Repeat("x", 500)))
	}
	require.NoError(t, s.handle(batch))
	s.flush()
	s.lend(batch)
	r.link.group.Wait() // it was given back
	for i := range batch {
		batch[i] = '!'
	}
	close(leave)
	require.NoError(t, <-gone)
	require.Len(t, heard, 6)
	for i := range 6 {
		require.Equal(t, fmt.Sprint(i, strings.Repeat("x", 500)), <-heard)
	}
}
