package modeltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gosig/gosig/sig"
	"pgregory.net/rapid"
)

// The names of a script: few, so that they meet, and nested, so that patterns
// have something to tell apart.
var (
	senders        = []sig.Name{"a", "b", "a/b", "b/a/b"}
	events         = []sig.Name{"t", "u", "t/u"}
	senderPatterns = []sig.Name{sig.Any, "a", "b", "a/b", "b/a/b", "*", "a/**", "**/b", "*/b", "**/**"}
	eventPatterns  = []sig.Name{sig.Any, "t", "u", "t/u", "*", "t/**", "**/u", "**/**", sig.EventConnect, sig.EventDisconnect}
)

// method is what every life answers, with its number.
const method sig.Name = "who"

// script is the state of one run. Its actions run in one goroutine; handlers
// run in any.
type script struct {
	opts      Options
	world     World
	regs      []*sig.Registry
	history   history
	listeners []*listener
	order     deliveries
}

func newScript(w World, opts Options) *script {
	return &script{opts: opts, world: w, regs: w.Registries(), history: history{joined: len(w.Registries()) > 1, alive: map[sig.Name]*life{}}}
}

// begin numbers the step.
func (s *script) begin() {
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	s.history.now.step++
}

func (s *script) anyRegistry(t *rapid.T) int {
	return rapid.IntRange(0, len(s.regs)-1).Draw(t, "registry")
}

// connect also tries to connect names that are taken (P10).
func (s *script) connect(t *rapid.T) {
	name := rapid.SampledFrom(senders).Draw(t, "name")
	reg := s.anyRegistry(t)
	declared := rapid.SliceOfNDistinct(rapid.SampledFrom(events), 0, len(events), rapid.ID[sig.Name]).Draw(t, "events")
	if s.history.awayFrom(reg, name) {
		s.settle(t) // who comes first is open until then
	}
	s.begin()
	owner := s.history.lookup(name)
	if owner != nil {
		_, err := s.regs[reg].Connect(name, sig.Spec{Events: declared})
		if !errors.Is(err, sig.ErrNameTaken) {
			t.Fatalf("P10: registry %d connects %s, which registry %d owns: got %v, want ErrNameTaken", reg, name, owner.reg, err)
		}
		return
	}
	if _, err := s.newLife(reg, name, declared); err != nil {
		t.Fatalf("P10: registry %d connects %s, which nobody owns: %v", reg, name, err)
	}
}

// newLife connects; a handler may do so too.
func (s *script) newLife(reg int, name sig.Name, declared []sig.Name) (*life, error) {
	s.history.mu.Lock()
	s.history.lives++
	l := &life{n: s.history.lives, reg: reg, name: name}
	s.history.mu.Unlock()
	l.events = append(slices.Clone(declared), l.marker())
	noted := s.history.add(entry{key: key{connected, l.n}, reg: reg, sender: name, event: sig.EventConnect})
	answer := func(context.Context, *sig.Request) (any, error) { return s.opts.Payload(l.n), nil }
	sender, err := s.regs[reg].Connect(name, sig.Spec{Events: l.events, Requests: map[sig.Name]sig.RequestHandler{method: answer}})
	if err != nil {
		s.history.void(noted)
		return nil, err
	}
	l.sender = sender
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	s.history.alive[name] = l
	return l, nil
}

// anyLife skips the action if nobody is connected.
func (s *script) anyLife(t *rapid.T) *life {
	s.history.mu.Lock()
	var names []sig.Name
	for _, name := range senders {
		if s.history.alive[name] != nil {
			names = append(names, name)
		}
	}
	s.history.mu.Unlock()
	if len(names) == 0 {
		t.Skip("nobody is connected")
	}
	return s.history.lookup(rapid.SampledFrom(names).Draw(t, "sender"))
}

func (s *script) disconnect(t *rapid.T) {
	l := s.anyLife(t)
	s.begin()
	if err := s.end(l); err != nil {
		t.Fatalf("%s of registry %d disconnects: %v", l.name, l.reg, err)
	}
	if err := l.sender.Emit(l.marker(), s.opts.Payload(0)); !errors.Is(err, sig.ErrNotConnected) {
		t.Fatalf("P10: %s emits after it has disconnected: got %v, want ErrNotConnected", l.name, err)
	}
}

// end disconnects; a handler may do so too.
func (s *script) end(l *life) error {
	s.history.mu.Lock()
	delete(s.history.alive, l.name)
	s.history.mu.Unlock()
	s.history.add(entry{key: key{disconnected, l.n}, reg: l.reg, sender: l.name, event: sig.EventDisconnect})
	return l.sender.Disconnect(reason(l.n))
}

func reason(n int64) string { return fmt.Sprintf("end of life %d", n) }

// emitting is how to emit: the three must not differ while there is room.
type emitting struct {
	name string
	emit func(s *sig.Sender, event sig.Name, data any) error
}

var emittings = []emitting{
	{"Emit", (*sig.Sender).Emit},
	{"TryEmit", (*sig.Sender).TryEmit},
	{"EmitWait", func(s *sig.Sender, event sig.Name, data any) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // there is room: it need not wait
		defer cancel()
		return s.EmitWait(ctx, event, data)
	}},
}

func (s *script) emit(t *rapid.T) {
	l := s.anyLife(t)
	event := rapid.SampledFrom(events).Draw(t, "event")
	how := emittings[rapid.IntRange(0, len(emittings)-1).Draw(t, "how")]
	s.begin()
	if !slices.Contains(l.events, event) {
		if err := how.emit(l.sender, event, s.opts.Payload(0)); !errors.Is(err, sig.ErrNotDeclared) {
			t.Fatalf("P2: %s of %s emits %s, which it does not declare: got %v, want ErrNotDeclared", how.name, l.name, event, err)
		}
		return
	}
	if err := s.send(l, event, entry{}, how); err != nil {
		t.Fatalf("%s of %s emits %s: %v", how.name, l.name, event, err)
	}
}

// send notes an emission and does it. An emission without room (TryEmit over a
// wire) is one that nobody sees.
func (s *script) send(l *life, event sig.Name, e entry, how emitting) error {
	e.kind, e.reg, e.sender, e.event = emitted, l.reg, l.name, event
	noted := s.history.add(e)
	err := how.emit(l.sender, event, s.opts.Payload(noted.n))
	if err != nil {
		s.history.void(noted)
	}
	if errors.Is(err, sig.ErrBusy) && how.name == "TryEmit" {
		return nil
	}
	return err
}

// burst lets every sender emit at once, each in a goroutine of its own.
func (s *script) burst(t *rapid.T) {
	first := s.anyLife(t)
	n := rapid.IntRange(1, 5).Draw(t, "events of each")
	s.begin()
	s.history.mu.Lock()
	lives := make([]*life, 0, len(s.history.alive))
	for _, l := range s.history.alive {
		if len(l.events) > 1 {
			lives = append(lives, l)
		}
	}
	s.history.mu.Unlock()
	var wg sync.WaitGroup // ends when each has emitted n events
	errs := make([]error, len(lives))
	for i, l := range lives {
		wg.Go(func() {
			for k := range n {
				event := l.events[k%(len(l.events)-1)]
				errs[i] = errors.Join(errs[i], s.send(l, event, entry{quiet: true}, emittings[0]))
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("burst of all senders, %s among them: %v", first.name, err)
	}
}

// request asks a sender that everybody knows by now, or none.
func (s *script) request(t *rapid.T) {
	reg := s.anyRegistry(t)
	name := rapid.SampledFrom(senders).Draw(t, "name")
	s.settle(t)
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.Patience)
	defer cancel()
	got, err := s.regs[reg].Request(ctx, name, method, s.opts.Payload(0))
	l := s.history.lookup(name)
	switch {
	case l == nil && !errors.Is(err, sig.ErrNoSender):
		t.Fatalf("P6: registry %d asks %s, which is not connected: got %v, %v, want ErrNoSender", reg, name, got, err)
	case l == nil:
	case err != nil:
		t.Fatalf("P6: registry %d asks %s of registry %d: %v", reg, name, l.reg, err)
	default:
		if n, err := s.opts.Number(got); err != nil || n != l.n {
			t.Fatalf("P6: registry %d asks %s: got %v, %v, want the answer of life %d", reg, name, got, err, l.n)
		}
	}
}
