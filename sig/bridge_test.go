package sig_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// fakePeer is a router's side that writes down what it is told.
type fakePeer struct {
	*journal
	bridge *sig.Bridge
	keen   bool // wants all events of every sender
	answer func(ctx context.Context, s *sig.Sender, method sig.Name, data any) (any, error)
	sync   func(context.Context) error

	mu      sync.Mutex
	targets map[*sig.Route]*fakeTarget
}

func attach(t testing.TB, r *sig.Registry) *fakePeer {
	t.Helper()
	p := &fakePeer{journal: newJournal(), targets: map[*sig.Route]*fakeTarget{}}
	b, err := r.Attach(p)
	require.NoError(t, err)
	p.bridge = b
	return p
}

// told returns what came since the last call.
func (p *fakePeer) told() []string {
	p.journal.mu.Lock()
	defer p.journal.mu.Unlock()
	lines := p.lines
	p.lines = nil
	return lines
}

func (p *fakePeer) SenderConnected(s *sig.Sender) bool {
	p.add("+%s %v", s.Name(), s.Presence().Events)
	return p.keen
}

func (p *fakePeer) SenderDisconnected(s *sig.Sender, reason string) {
	p.add("-%s %s", s.Name(), reason)
}

func (p *fakePeer) InterestAdded(x sig.Pattern, lossy bool) {
	p.add("want %s%s", x, map[bool]string{true: " lossy"}[lossy])
}
func (p *fakePeer) InterestRemoved(x sig.Pattern) { p.add("forget %s", x) }
func (p *fakePeer) Wanted(rt *sig.Route, on, lossy bool) {
	p.add("wanted %s %v%s", rt.Name(), on, map[bool]string{true: " lossy"}[lossy])
}
func (p *fakePeer) Detached(rt *sig.Route) { p.add("detached %s", rt.Name()) }

func (p *fakePeer) Target(rt *sig.Route) sig.Target {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.targets[rt]
	if t == nil {
		t = &fakeTarget{journal: newJournal(), room: make(chan struct{}), free: 1 << 30}
		p.targets[rt] = t
	}
	return t
}

func (p *fakePeer) Request(ctx context.Context, s *sig.Sender, method sig.Name, data any) (any, error) {
	return p.answer(ctx, s, method, data)
}

func (p *fakePeer) Sync(ctx context.Context) error { return p.sync(ctx) }

// connect gives the fake's sender its name, and delivers the notice.
func (p *fakePeer) connect(t testing.TB, name sig.Name, events ...sig.Name) *sig.Sender {
	t.Helper()
	s, notice, err := p.bridge.Connect(name, sig.RemoteSpec{Events: events, Epoch: 7})
	require.NoError(t, err)
	notice.Deliver()
	return s
}

// fakeTarget writes down what is pushed, and has room for so many held events.
type fakeTarget struct {
	*journal
	mu      sync.Mutex
	free    int
	room    chan struct{}
	mayLose bool

	takesBytes bool
}

func (t *fakeTarget) Push(em *sig.Emission) error {
	t.add("%v held=%v", em.Value(), em.Held())
	return nil
}

func (t *fakeTarget) PushBytes(seq uint64, data []byte) (took bool, err error) {
	if t.takesBytes {
		t.add("bytes %d: %v", seq, data)
	}
	return t.takesBytes, nil
}

func (t *fakeTarget) TryReserve() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free == 0 {
		return false
	}
	t.free--
	return true
}

func (t *fakeTarget) Release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free++
	close(t.room)
	t.room = make(chan struct{})
}

func (t *fakeTarget) Room() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.room
}

// digits is an encoded number.
type digits string

func (d digits) Decode(into any) error {
	n, err := strconv.Atoi(string(d))
	if err != nil {
		return err
	}
	switch p := into.(type) {
	case *any:
		*p = int64(n)
	case *int:
		*p = n
	default:
		return fmt.Errorf("no way into a %T", into)
	}
	return nil
}

func TestBridgeLearnsOfSendersAndInterest(t *testing.T) {
	r, _ := newRegistry(t)
	connect(t, r, "here", "e")
	sub := subscribe(t, r, "s", "e", func(sig.Event) {})
	p := attach(t, r)
	require.Equal(t, []string{"+here [e]", "want s e"}, p.told(), "what there is already")

	again := subscribe(t, r, "s", "e", func(sig.Event) {})
	sub.Unsubscribe()
	require.Empty(t, p.told(), "only the first and the last of a pattern")
	again.Unsubscribe()
	require.Equal(t, []string{"forget s e"}, p.told())

	q := attach(t, r)
	q.told()
	pattern := sig.Pattern{Sender: "x/*", Event: sig.Any}
	p.bridge.Subscribe(pattern)
	require.Empty(t, p.told(), "never its own interest")
	require.Equal(t, []string{"want x/* **"}, q.told())
	q.bridge.Subscribe(pattern)
	require.Equal(t, []string{"want x/* **"}, p.told(), "now somebody else has it")
	require.Empty(t, q.told())
	p.bridge.Unsubscribe(pattern)
	require.Equal(t, []string{"forget x/* **"}, q.told(), "only its own is left")
	q.bridge.Unsubscribe(pattern)
	require.Equal(t, []string{"forget x/* **"}, p.told())

	remote := p.connect(t, "there", "f")
	require.Empty(t, p.told(), "split horizon: not its own senders")
	require.Equal(t, []string{"+there [f]"}, q.told())
	p.bridge.Disconnect(remote, "bye").Deliver()
	require.Equal(t, []string{"-there bye"}, q.told())
	require.Empty(t, p.told())
	require.Same(t, p.bridge, remote.Bridge())
	require.Equal(t, p, p.bridge.Peer())
}

func TestBridgeWanted(t *testing.T) {
	r, _ := newRegistry(t)
	p, q := attach(t, r), attach(t, r)
	early := subscribe(t, r, sig.Any, "e", func(sig.Event) {})
	p.told()
	s := p.connect(t, "s", "e", "f")
	require.Equal(t, []string{"wanted e true"}, p.told(), "reported right away")
	q.bridge.Subscribe(sig.Pattern{Sender: "s", Event: sig.Any})
	require.Equal(t, []string{"want s **", "wanted f true"}, p.told())
	p.bridge.Subscribe(sig.Pattern{Sender: "s", Event: sig.Any})
	early.Unsubscribe()
	require.Equal(t, []string{"forget ** e"}, p.told(), "another bridge still wants e")
	require.False(t, s.Routes()[0].HasLocal())
	require.Len(t, s.Routes()[0].Targets(), 1, "split horizon: the owner's own interest does not count")
	q.bridge.Unsubscribe(sig.Pattern{Sender: "s", Event: sig.Any})
	require.Equal(t, []string{"forget s **", "wanted e false", "wanted f false"}, p.told())
	require.Contains(t, q.told(), "detached e")
	require.Empty(t, s.Routes()[0].Targets())
}

func TestBridgeWantsSingleRoutes(t *testing.T) {
	r, _ := newRegistry(t)
	s := connect(t, r, "s", "e", "f")
	p := attach(t, r)
	p.keen = true
	u := connect(t, r, "u", "e")
	require.Len(t, u.Routes()[0].Targets(), 1, "it is taken to want everything of a new sender")
	p.told()
	p.bridge.Want(u.Routes()[0], false, false)
	require.Equal(t, []string{"detached e"}, p.told())
	require.Empty(t, u.Routes()[0].Targets())
	p.bridge.Want(s.Routes()[1], true, false)
	p.bridge.Want(s.Routes()[1], true, false)
	require.Len(t, s.Routes()[1].Targets(), 1)
	p.bridge.Close("bye").Deliver()
	require.Empty(t, s.Routes()[1].Targets(), "closing ends all interest")
}

func TestEmissionsReachTargets(t *testing.T) {
	r, _ := newRegistry(t)
	s := connect(t, r, "s", "e", "f")
	p, q := attach(t, r), attach(t, r)
	p.bridge.Subscribe(sig.Pattern{Sender: sig.Any, Event: "e"})
	p.bridge.Subscribe(sig.Pattern{Sender: "s", Event: "e"})
	q.bridge.Subscribe(sig.Pattern{Sender: "s", Event: sig.Any})
	e := must(sig.NewEmitter[int](s, "e"))
	rt := s.Routes()[0]
	local := newJournal()
	subscribe(t, r, "s", "e", func(ev sig.EventOf[int]) {
		local.add("%d after %d pushes", ev.Data, len(q.targets[rt].all()))
	})
	require.NoError(t, e.Emit(1))
	require.NoError(t, s.Emit("e", 2))
	require.NoError(t, s.EmitWait(t.Context(), "e", 3))
	want := []string{"1 held=false", "2 held=false", "3 held=true"}
	require.Equal(t, want, p.targets[rt].all(), "P3: once, though two patterns match")
	require.Equal(t, want, q.targets[rt].all())
	require.Equal(t, []string{"1 after 1 pushes", "2 after 2 pushes", "3 after 3 pushes"}, local.all())
	p.told()
	p.bridge.Unsubscribe(sig.Pattern{Sender: "s", Event: "e"})
	require.Empty(t, p.told(), "another pattern of it still matches")
	p.bridge.Unsubscribe(sig.Pattern{Sender: sig.Any, Event: "e"})
	require.Equal(t, []string{"detached e"}, p.told())
	require.NoError(t, e.Emit(4))
	require.Len(t, p.targets[rt].all(), 3)
	require.Len(t, q.targets[rt].all(), 4)
	require.Equal(t, 0, rt.Index())
	rt.SetUser("mine")
	require.Equal(t, "mine", rt.User())
	require.Nil(t, s.Routes()[1].User())
}

func TestBytesReachTheOnlyTargetAsTheyAre(t *testing.T) {
	r, _ := newRegistry(t)
	s := connect(t, r, "s", "e", "f")
	p := attach(t, r)
	p.bridge.Subscribe(sig.Pattern{Sender: "s", Event: sig.Any})
	e, f := must(sig.NewEmitter[[]byte](s, "e")), must(sig.NewEmitter[int](s, "f"))
	rt := s.Routes()[0]
	require.NoError(t, e.Emit([]byte{1}))
	p.targets[rt].takesBytes = true
	require.NoError(t, e.Emit([]byte{2}))
	require.NoError(t, e.EmitWait(t.Context(), []byte{3}))
	require.NoError(t, f.Emit(4))
	q := attach(t, r)
	q.bridge.Subscribe(sig.Pattern{Sender: "s", Event: "e"})
	require.NoError(t, e.Emit([]byte{5}), "of one event there is one payload for all")
	require.Equal(t, []string{"[1] held=false", "bytes 2: [2]", "[3] held=true", "[5] held=false"}, p.targets[rt].all())
	require.Equal(t, []string{"4 held=false"}, p.targets[s.Routes()[1]].all())
	require.Equal(t, []string{"[5] held=false"}, q.targets[rt].all())
}

func TestHeldBackByATarget(t *testing.T) {
	r, _ := newRegistry(t)
	s := connect(t, r, "s", "e")
	p, q := attach(t, r), attach(t, r)
	for _, x := range []*fakePeer{p, q} {
		x.bridge.Subscribe(sig.Pattern{Sender: "s", Event: "e"})
	}
	rt := s.Routes()[0]
	full := p.targets[rt]
	full.free = 0
	require.ErrorIs(t, s.TryEmit("e", "never"), sig.ErrBusy)
	result := make(chan error, 1)
	go func() { result <- s.EmitWait(t.Context(), "e", 1) }()
	require.NoError(t, s.Emit("e", 2), "who does not wait goes on")
	full.Release()
	require.NoError(t, await(t, result, "room"))
	require.Equal(t, []string{"2 held=false", "1 held=true"}, full.all())
	require.Equal(t, 1<<30-1, q.targets[rt].free, "what was reserved in vain was given back")

	go func() { result <- s.EmitWait(t.Context(), "e", 3) }()
	p.bridge.Close("gone").Deliver()
	require.NoError(t, await(t, result, "P7: who has left holds nobody back"))
}

func TestEmissionEncodesOnce(t *testing.T) {
	var em sig.Emission
	n := 0
	enc := func([]byte, any) ([]byte, error) { n++; return []byte("x"), nil }
	for _, key := range []string{"json", "cbor", "json", "json"} {
		data, err := em.Encode(key, enc)
		require.NoError(t, err)
		require.Equal(t, "x", string(data))
	}
	require.Equal(t, 2, n)
}

func TestRequestsOverABridge(t *testing.T) {
	r, _ := newRegistry(t)
	p := attach(t, r)
	s, notice, err := p.bridge.Connect("s", sig.RemoteSpec{Requests: []sig.Name{"m"}})
	require.NoError(t, err)
	notice.Deliver()
	p.answer = func(_ context.Context, s *sig.Sender, method sig.Name, data any) (any, error) {
		if data == nil {
			return nil, sig.Fail(3, "nothing")
		}
		return digits(fmt.Sprint(data)), nil
	}
	v, err := r.Request(t.Context(), "s", "m", 5)
	require.NoError(t, err)
	require.Equal(t, int64(5), v, "users see plain values")
	n, err := sig.Call[int](t.Context(), r, "s", "m", 6)
	require.NoError(t, err)
	require.Equal(t, 6, n)
	_, err = r.Request(t.Context(), "s", "m", nil)
	require.ErrorIs(t, err, sig.ErrHandler)
	_, err = r.Request(t.Context(), "s", "x", nil)
	require.ErrorIs(t, err, sig.ErrNoMethod, "known without asking")
	require.Equal(t, []sig.Answer{{Sender: "s", Data: int64(7)}}, r.RequestAll(t.Context(), sig.Any, "m", 7))

	begun := make(chan struct{})
	p.answer = func(_ context.Context, s *sig.Sender, _ sig.Name, _ any) (any, error) {
		close(begun)
		<-s.Done()
		return nil, sig.ErrConnectionLost
	}
	result := make(chan error, 1)
	go func() { _, err := r.Request(t.Context(), "s", "m", nil); result <- err }()
	await(t, begun, "the request")
	p.bridge.Disconnect(s, "bye").Deliver()
	require.ErrorIs(t, await(t, result, "the answer"), sig.ErrConnectionLost, "P6")
}

func TestRequestsFromABridge(t *testing.T) {
	r, _ := newRegistry(t)
	s, err := r.Connect("s", sig.Spec{
		Requests: map[sig.Name]sig.RequestHandler{"typed": sig.Handle(func(_ context.Context, n int) (int, error) { return n + 1, nil })},
		Default:  func(_ context.Context, req *sig.Request) (any, error) { return fmt.Sprintf("%T", req.Data), nil },
	})
	require.NoError(t, err)
	contexts(t, func(t *testing.T, ctx context.Context) {
		v, err := s.Serve(ctx, "typed", digits("41"))
		require.NoError(t, err)
		require.Equal(t, 42, v)
		_, err = s.Serve(ctx, "typed", digits("x"))
		require.ErrorIs(t, err, sig.ErrBadPayload)
		v, err = s.Serve(ctx, "plain", digits("1"))
		require.NoError(t, err)
		require.Equal(t, "int64", v, "a handler never sees an Encoded")
	})
}

func TestSync(t *testing.T) {
	r, _ := newRegistry(t)
	sub := subscribe(t, r, "s", "e", func(sig.Event) {})
	require.NoError(t, sub.InForce(t.Context()), "with no router it is in force")
	p, q := attach(t, r), attach(t, r)
	p.sync = func(context.Context) error { return nil }
	q.sync = func(context.Context) error { return sig.ErrConnectionLost }
	require.ErrorIs(t, r.Sync(t.Context()), sig.ErrConnectionLost)
	q.bridge.Close("").Deliver()
	require.NoError(t, sub.InForce(t.Context()))
}

// strict is a peer whose other side grants nothing of a sender "secret".
type strict struct{ *fakePeer }

func (strict) Refused(p sig.Pattern) error {
	if p.Sender == "secret" {
		return sig.NewError(sig.CodeDenied, p.String())
	}
	return nil
}

// TestRefusedSubscription: whoever waits for a subscription learns that it will
// never be in force; others do not.
func TestRefusedSubscription(t *testing.T) {
	r, _ := newRegistry(t)
	p := &fakePeer{journal: newJournal(), targets: make(map[*sig.Route]*fakeTarget), sync: func(context.Context) error { return nil }}
	var err error
	p.bridge, err = r.Attach(strict{p})
	require.NoError(t, err)
	require.ErrorIs(t, subscribe(t, r, "secret", "e", func(sig.Event) {}).InForce(t.Context()), sig.ErrDenied)
	require.NoError(t, subscribe(t, r, "s", "e", func(sig.Event) {}).InForce(t.Context()))
	require.NoError(t, subscribe(t, r, "secret", sig.EventConnect, func(sig.Event) {}).InForce(t.Context()), "presence comes unasked")
	require.NoError(t, r.Sync(t.Context()))
}

func TestClosedBridge(t *testing.T) {
	r, _ := newRegistry(t)
	j := newJournal()
	subscribe(t, r, sig.Any, sig.EventDisconnect, j.event)
	p, q := attach(t, r), attach(t, r)
	s := p.connect(t, "s", "e")
	q.told()
	n := p.bridge.Close("line down")
	require.Empty(t, j.all(), "handlers hear of it when the notice is delivered")
	require.ErrorIs(t, s.Err(), sig.ErrConnectionLost)
	require.Empty(t, r.Senders())
	n.Deliver()
	require.Equal(t, []string{"s #disconnect line down"}, j.all())
	require.Equal(t, []string{"-s line down"}, q.told())
	p.bridge.Close("again").Deliver()
	require.Nil(t, p.bridge.Disconnect(s, "again"))
	_, _, err := p.bridge.Connect("t", sig.RemoteSpec{})
	require.ErrorIs(t, err, sig.ErrClosed)
	p.bridge.Subscribe(sig.Pattern{Sender: "s", Event: "e"})
	p.bridge.Unsubscribe(sig.Pattern{Sender: "s", Event: "e"})
}
