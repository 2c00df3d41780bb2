package sig_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/sig/sigtest/modeltest"
	"pgregory.net/rapid"
)

// TestModelBridged runs the same scripts against two and three registries that
// a minimal router joins: two queues of things to do over there, without a
// wire. What fails here and not in TestModel is in the bridge.
func TestModelBridged(t *testing.T) {
	for name, n := range map[string]int{"two": 2, "three in a row": 3} {
		t.Run(name, func(t *testing.T) {
			modeltest.Check(t, func(t *rapid.T) modeltest.World { return newRow(t, n) }, &modeltest.Options{Patience: 2 * time.Second})
		})
	}
}

// row is some registries, each bridged to the next.
type row struct {
	regs []*sig.Registry
	ends []*end
}

func newRow(t *rapid.T, n int) *row {
	w := &row{}
	for range n {
		w.regs = append(w.regs, sig.New(&sig.Options{OnWarning: func(sig.Warning) {}}))
	}
	var wg sync.WaitGroup // the carrying goroutines; they end when the ends close
	for i := 1; i < n; i++ {
		left, right := newEnd(t, w.regs[i-1]), newEnd(t, w.regs[i])
		left.other, right.other = right, left
		w.ends = append(w.ends, left, right)
	}
	for _, e := range w.ends {
		e.attach(t)
		wg.Go(e.carry)
	}
	t.Cleanup(func() {
		for _, e := range w.ends {
			e.close()
		}
		wg.Wait()
		for _, reg := range w.regs {
			if err := reg.Close(); err != nil {
				t.Errorf("P13: close: %v", err)
			}
		}
	})
	return w
}

func (w *row) Registries() []*sig.Registry { return w.regs }

// Settle lets a mark travel each link as often as there are links in the row.
func (w *row) Settle() {
	for range w.ends {
		for _, e := range w.ends {
			_ = e.Sync(context.Background()) // has no error to give
		}
	}
}

// end is one end of a link: what its registry tells it, it does at the other
// end, in order, in the goroutine that carries.
type end struct {
	t      *rapid.T
	reg    *sig.Registry
	bridge *sig.Bridge
	other  *end

	mu     sync.Mutex
	wake   *sync.Cond
	queue  []func()
	closed bool

	// remote maps senders of the other end to their stand-ins here, local the
	// other way; only the other's carrying goroutine changes them.
	maps          sync.RWMutex
	remote, local map[*sig.Sender]*sig.Sender
}

func newEnd(t *rapid.T, reg *sig.Registry) *end {
	e := &end{t: t, reg: reg, remote: map[*sig.Sender]*sig.Sender{}, local: map[*sig.Sender]*sig.Sender{}}
	e.wake = sync.NewCond(&e.mu)
	return e
}

func (e *end) attach(t *rapid.T) {
	b, err := e.reg.Attach(e)
	if err != nil {
		t.Fatalf("attach: %v", err)
	}
	e.bridge = b
}

func (e *end) do(what func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.queue = append(e.queue, what)
	e.wake.Signal()
}

func (e *end) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.wake.Signal()
}

func (e *end) carry() {
	for {
		e.mu.Lock()
		for len(e.queue) == 0 && !e.closed {
			e.wake.Wait()
		}
		if len(e.queue) == 0 {
			e.mu.Unlock()
			return
		}
		what := e.queue[0]
		e.queue = e.queue[1:]
		e.mu.Unlock()
		what()
	}
}

func (e *end) SenderConnected(s *sig.Sender) bool {
	p := s.Presence()
	e.do(func() {
		o := e.other
		in, notice, err := o.bridge.Connect(s.Name(), sig.RemoteSpec{Events: p.Events, Requests: p.Requests, Default: p.Default, Epoch: p.Epoch})
		if err != nil {
			e.t.Errorf("P10: connect %s over there: %v", s.Name(), err)
			return
		}
		o.maps.Lock()
		o.remote[s], o.local[in] = in, s
		o.maps.Unlock()
		notice.Deliver()
	})
	return false // the patterns say what is wanted
}

func (e *end) standIn(s *sig.Sender) *sig.Sender {
	e.maps.RLock()
	defer e.maps.RUnlock()
	return e.remote[s]
}

func (e *end) SenderDisconnected(s *sig.Sender, reason string) {
	e.do(func() {
		if in := e.other.standIn(s); in != nil {
			e.other.bridge.Disconnect(in, reason).Deliver()
		}
	})
}

func (e *end) InterestAdded(p sig.Pattern)   { e.do(func() { e.other.bridge.Subscribe(p) }) }
func (e *end) InterestRemoved(p sig.Pattern) { e.do(func() { e.other.bridge.Unsubscribe(p) }) }
func (e *end) Wanted(*sig.Route, bool)       {} // the patterns say it all
func (e *end) Detached(*sig.Route)           {}

func (e *end) Target(rt *sig.Route) sig.Target { return &target{e, rt} }

func (e *end) Request(ctx context.Context, s *sig.Sender, method sig.Name, data any) (any, error) {
	e.maps.RLock()
	origin := e.local[s]
	e.maps.RUnlock()
	return origin.Serve(ctx, method, data)
}

func (e *end) Sync(context.Context) error {
	done := make(chan struct{}) // closed by the carrying goroutine
	e.do(func() { close(done) })
	<-done
	return nil
}

// target carries the events of one route.
type target struct {
	end   *end
	route *sig.Route
}

func (t *target) Push(em *sig.Emission) error {
	text, err := em.Encode("json", json.Marshal)
	if err != nil {
		return err
	}
	t.carry(text)
	return nil
}

// carry also passes the event on, to who wants it beyond the other end.
func (t *target) carry(text jsonText) {
	t.end.do(func() {
		in := t.end.other.standIn(t.route.Sender())
		if in == nil {
			return
		}
		rt := in.Routes()[t.route.Index()]
		for _, next := range rt.Targets() {
			next.(*target).carry(text)
		}
		rt.Deliver(text, nil)
	})
}

func (t *target) TryReserve() bool { return true } // the queue has no end
func (t *target) Release()         {}
func (t *target) Room() <-chan struct{} {
	always := make(chan struct{})
	close(always)
	return always
}

// jsonText is a payload that came over the link.
type jsonText []byte

func (j jsonText) Decode(into any) error {
	if p, ok := into.(*any); ok {
		var n int64 // nothing else is sent
		err := json.Unmarshal(j, &n)
		*p = n
		return err
	}
	return json.Unmarshal(j, into)
}
