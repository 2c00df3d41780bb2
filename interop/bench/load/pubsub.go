package load

import (
	"fmt"
	"sync"
	"time"

	"github.com/gosig/gosig/interop/bench/flow"
	"github.com/gosig/gosig/interop/bench/peer"
)

// lossPatience is how long nothing may arrive before messages count as lost.
const lossPatience = 3 * time.Second

// setup is publishers, subscribers, and the window between them.
type setup struct {
	window     *flow.Window
	block      int
	sinks      []*flow.Sink
	publishers []peer.Publisher
	open       closers
}

// join opens the connections of a spec. each, if not nil, sees every payload
// of the first subscriber.
func join(sys peer.System, spec Spec, each func([]byte)) (*setup, error) {
	st := &setup{block: spec.block()}
	st.window = flow.NewWindow(spec.Window, st.block)
	var only *peer.Topic
	if spec.Senders*spec.Events == 1 {
		only = &peer.Topic{}
	}
	for i := range spec.Subscribers {
		sink := st.window.NewSink(spec.Size)
		if i == 0 {
			sink.Each = each
		}
		sub, err := sys.Subscribe(spec.Env, only, sink.Take)
		if err != nil {
			st.open.close()
			return nil, fmt.Errorf("subscribe: %w", err)
		}
		st.open.add(sub)
		st.sinks = append(st.sinks, sink)
	}
	per := max(spec.Senders/spec.Publishers, 1)
	for i := range spec.Publishers {
		pub, err := sys.Publish(spec.Env, peer.Topics(i*per, per, spec.Events))
		if err != nil {
			st.open.close()
			return nil, fmt.Errorf("publish: %w", err)
		}
		st.open.add(pub)
		st.publishers = append(st.publishers, pub)
	}
	return st, nil
}

// publish runs all publishers until the window is stopped, and returns a
// function that waits for them.
func (st *setup) publish(size int) (wait func() error) {
	var wg sync.WaitGroup
	failed := make([]error, len(st.publishers))
	for i, pub := range st.publishers {
		payload := make([]byte, size)
		wg.Go(func() { // ends when the window is stopped
			for st.window.Acquire() {
				if err := pub.Publish(payload, st.block); err != nil {
					failed[i] = fmt.Errorf("publish: %w", err)
					st.window.Stop()
				}
			}
		})
	}
	return func() error { wg.Wait(); return firstOf(failed) }
}

func (st *setup) marks() []flow.Mark {
	marks := make([]flow.Mark, len(st.sinks))
	for i, s := range st.sinks {
		marks[i] = s.Mark()
	}
	return marks
}

// pubSub measures deliveries: the sum of all subscribers'.
func pubSub(sys peer.System, spec Spec, marks Marks) (Measured, error) {
	st, err := join(sys, spec, nil)
	if err != nil {
		return nil, err
	}
	defer st.open.close()
	wait := st.publish(spec.Size)
	none := make([]flow.Mark, len(st.sinks))
	time.Sleep(spec.Warm)
	st.awaitProgress(none)
	m := st.measure(spec.Measure, marks)
	st.window.Stop()
	if err := wait(); err != nil {
		return nil, err
	}
	if err := st.window.Drain(lossPatience); err != nil {
		return nil, fmt.Errorf("messages were lost: %w", err)
	}
	if m == nil {
		return nil, fmt.Errorf("nothing arrived within %v", spec.Measure+lossPatience)
	}
	return m, nil
}

// awaitProgress waits until every sink has taken more than at its mark. On a busy
// machine that may take longer than the measuring was to. It gives up when for
// lossPatience no sink has.
func (st *setup) awaitProgress(from []flow.Mark) {
	behind, since := len(from), time.Now()
	for time.Since(since) < lossPatience {
		still := 0
		for i, m := range st.marks() {
			if m.Count == from[i].Count {
				still++
			}
		}
		if still == 0 {
			return
		}
		if still < behind {
			behind, since = still, time.Now()
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// measure watches the sinks for a while, and longer if not all have got something
// by then. A sink's rate is between its own two marks, so that the size of blocks
// does not matter. It returns nil if nothing has arrived.
func (st *setup) measure(d time.Duration, marks Marks) Measured {
	marks.Begin()
	used, from := Used(), st.marks()
	time.Sleep(d)
	st.awaitProgress(from)
	to, now := st.marks(), Used()
	marks.End()
	var rate float64
	for i := range from {
		rate += flow.Rate(from[i], to[i])
	}
	m := Share(used, now, rate, OfLoad)
	if m != nil {
		m[Rate] = rate
	}
	return m
}
