package sig_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

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
			modeltest.Check(t, func(t *rapid.T) modeltest.World { return newRow(t, n) }, nil)
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
	var wg sync.WaitGroup // the lanes; they end when they are closed
	for i := 1; i < n; i++ {
		left, right := newEnd(t, w.regs[i-1]), newEnd(t, w.regs[i])
		left.other, right.other = right, left
		w.ends = append(w.ends, left, right)
	}
	for _, e := range w.ends {
		e.attach(t)
		wg.Go(e.changes.run)
		wg.Go(e.handlers.run)
	}
	t.Cleanup(func() {
		for _, e := range w.ends {
			e.bridge.Close("the script has ended").Deliver()
		}
		for _, e := range w.ends {
			e.changes.close()
			e.handlers.close()
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

// end is one end of a link. As in a router, one goroutine makes the changes that
// the other end asks for, and another runs the handlers: a handler is late.
type end struct {
	t      *rapid.T
	reg    *sig.Registry
	bridge *sig.Bridge
	other  *end

	changes, handlers *lane

	// remote maps senders of the other end to their stand-ins here, local the
	// other way; only the goroutine of the changes adds to them.
	maps          sync.RWMutex
	remote, local map[*sig.Sender]*sig.Sender
}

func newEnd(t *rapid.T, reg *sig.Registry) *end {
	return &end{
		t: t, reg: reg, changes: newLane(), handlers: newLane(),
		remote: map[*sig.Sender]*sig.Sender{}, local: map[*sig.Sender]*sig.Sender{},
	}
}

// lane is a queue without end of things to do in order.
type lane struct {
	mu     sync.Mutex
	wake   *sync.Cond
	queue  []func()
	closed bool
}

func newLane() *lane {
	l := &lane{}
	l.wake = sync.NewCond(&l.mu)
	return l
}

func (l *lane) do(what func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, what)
	l.wake.Signal()
}

func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.wake.Signal()
}

// run ends when the lane is closed and empty.
func (l *lane) run() {
	for what := l.next(); what != nil; what = l.next() {
		what()
	}
}

func (l *lane) next() func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.wake.Wait()
	}
	if len(l.queue) == 0 {
		return nil
	}
	what := l.queue[0]
	l.queue = l.queue[1:]
	return what
}

// wait returns when everything so far has been done.
func (l *lane) wait() {
	done := make(chan struct{}) // closed by the lane
	l.do(func() { close(done) })
	<-done
}

func (e *end) attach(t *rapid.T) {
	b, err := e.reg.Attach(e)
	if err != nil {
		t.Fatalf("attach: %v", err)
	}
	e.bridge = b
}

func (e *end) SenderConnected(s *sig.Sender) bool {
	p := s.Presence()
	o := e.other
	o.changes.do(func() {
		in, notice, err := o.bridge.Connect(s.Name(), sig.RemoteSpec{Events: p.Events, Requests: p.Requests, Default: p.Default, Epoch: p.Epoch})
		if err != nil {
			e.t.Errorf("P10: connect %s over there: %v", s.Name(), err)
			return
		}
		o.maps.Lock()
		o.remote[s], o.local[in] = in, s
		o.maps.Unlock()
		o.handlers.do(notice.Deliver)
	})
	return false // the patterns say what is wanted
}

func (e *end) standIn(s *sig.Sender) *sig.Sender {
	e.maps.RLock()
	defer e.maps.RUnlock()
	return e.remote[s]
}

func (e *end) SenderDisconnected(s *sig.Sender, reason string) {
	o := e.other
	o.changes.do(func() {
		if in := o.standIn(s); in != nil {
			o.handlers.do(o.bridge.Disconnect(in, reason).Deliver)
		}
	})
}

func (e *end) InterestAdded(p sig.Pattern, _ bool) {
	e.other.changes.do(func() { e.other.bridge.Subscribe(p) })
}

func (e *end) InterestRemoved(p sig.Pattern) {
	e.other.changes.do(func() { e.other.bridge.Unsubscribe(p) })
}

func (e *end) Wanted(*sig.Route, bool, bool) {} // the patterns say it all
func (e *end) Detached(*sig.Route)           {}

func (e *end) Target(rt *sig.Route) sig.Target { return &target{e, rt} }

func (e *end) Request(ctx context.Context, s *sig.Sender, method sig.Name, data any) (any, error) {
	e.maps.RLock()
	origin := e.local[s]
	e.maps.RUnlock()
	return origin.Serve(ctx, method, data)
}

func (e *end) Sync(context.Context) error {
	e.other.changes.wait()
	e.other.handlers.wait()
	return nil
}

// target carries the events of one route.
type target struct {
	end   *end
	route *sig.Route
}

func (t *target) Push(em *sig.Emission) error {
	text, err := em.Encode("json", func(_ []byte, v any) ([]byte, error) { return json.Marshal(v) })
	if err != nil {
		return err
	}
	t.carry(text)
	return nil
}

func (t *target) PushBytes(uint64, []byte) (took bool, err error) { return false, nil }

// carry also passes the event on, to who wants it beyond the other end.
func (t *target) carry(text jsonText) {
	o := t.end.other
	o.changes.do(func() {
		in := o.standIn(t.route.Sender())
		if in == nil {
			return
		}
		rt := in.Routes()[t.route.Index()]
		for _, next := range rt.Targets() {
			next.(*target).carry(text)
		}
		o.handlers.do(func() { rt.Deliver(text, nil) })
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
