package inproc

import (
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/gosig/gosig/sig"
)

// counter is what handlers do: something that cannot be left out. The padding
// keeps counters of two goroutines apart.
type counter struct {
	n int
	_ [120]byte
}

func (c *counter) add(v int) { c.n += v }

// functions is an atomic snapshot of functions.
type functions[F any] struct{ list atomic.Pointer[[]F] }

func snapshotOf[F any](handlers int, f func() F) *functions[F] {
	list := make([]F, handlers)
	for i := range list {
		list[i] = f()
	}
	s := &functions[F]{}
	s.list.Store(&list)
	return s
}

// callAll is the bare loop. It is not inlined, as no emitter would be.
//
//go:noinline
func callAll(s *functions[func(int)], v int) {
	for _, f := range *s.list.Load() {
		f(v)
	}
}

//go:noinline
func callAllEvents(s *functions[func(sig.EventOf[int])], v int) {
	for _, f := range *s.list.Load() {
		f(sig.EventOf[int]{Sender: "kitchen", Name: "temp", Data: v})
	}
}

func loop(handlers int) func() (bench, error) {
	return func() (bench, error) {
		var c counter
		s := snapshotOf(handlers, func() func(int) { return func(v int) { c.add(v) } })
		return bench{run: func(n int) {
			for i := range n {
				callAll(s, i)
			}
		}}, nil
	}
}

func eventLoop(handlers int) func() (bench, error) {
	return func() (bench, error) {
		var c counter
		s := snapshotOf(handlers, func() func(sig.EventOf[int]) {
			return func(ev sig.EventOf[int]) { c.add(ev.Data) }
		})
		return bench{run: func(n int) {
			for i := range n {
				callAllEvents(s, i)
			}
		}}, nil
	}
}

func loopParallel(goroutines int) func() (bench, error) {
	return func() (bench, error) {
		loops := make([]*functions[func(int)], goroutines)
		for i := range loops {
			c := new(counter)
			loops[i] = snapshotOf(1, func() func(int) { return func(v int) { c.add(v) } })
		}
		return bench{run: func(n int) {
			inParallel(goroutines, n, func(g, n int) {
				for i := range n {
					callAll(loops[g], i)
				}
			})
		}}, nil
	}
}

// inParallel shares n operations between goroutines.
func inParallel(goroutines, n int, do func(g, n int)) {
	var wg sync.WaitGroup
	for g := range goroutines {
		share := n / goroutines
		if g == 0 {
			share += n % goroutines
		}
		wg.Go(func() { do(g, share) })
	}
	wg.Wait()
}

// nameMap looks a function up in a snapshot of a map and calls it.
func nameMap(names int) func() (bench, error) {
	return func() (bench, error) {
		var c counter
		byName := make(map[sig.Name]func(*counter), names)
		list := namesOf(names)
		for _, name := range list {
			byName[name] = func(p *counter) { p.add(1) }
		}
		var snapshot atomic.Pointer[map[sig.Name]func(*counter)]
		snapshot.Store(&byName)
		return bench{run: func(n int) {
			for i := range n {
				lookUpAndCall(&snapshot, list[scattered(i, names)], &c)
			}
		}}, nil
	}
}

//go:noinline
func lookUpAndCall(s *atomic.Pointer[map[sig.Name]func(*counter)], name sig.Name, c *counter) {
	if f := (*s.Load())[name]; f != nil {
		f(c)
	}
}

func namesOf(n int) []sig.Name {
	names := make([]sig.Name, n)
	for i := range names {
		names[i] = sig.Name("sensors/temp" + strconv.Itoa(i))
	}
	return names
}

// scattered walks through n places without an order that a cache could guess.
func scattered(i, n int) int { return i * 7919 % n }

// queueSize is the bound of all queues, but for kelindar/event's, which is always
// deepQueue: so there is a row in which that is everybody's.
const (
	queueSize = 1024
	deepQueue = 50_000
)

// arrival waits until a number of events has been handled.
type arrival struct {
	seen, want int // seen is of the handler's goroutine while events are on their way
	done       chan struct{}
}

func newArrival() *arrival { return &arrival{done: make(chan struct{}, 1)} } // one token for each run

func (a *arrival) one() {
	if a.seen++; a.seen == a.want {
		a.done <- struct{}{}
	}
}

// produce shares n events between producers and waits for the last.
func (a *arrival) produce(producers, n int, emit func(v int)) {
	a.want += n
	inParallel(producers, n, func(_, n int) {
		for i := range n {
			emit(i)
		}
	})
	<-a.done
}

func channel(producers, size int) func() (bench, error) {
	return func() (bench, error) {
		a := newArrival()
		events := make(chan int, size) // closed by stop
		go func() {
			for range events {
				a.one()
			}
		}()
		run := func(n int) { a.produce(producers, n, func(v int) { events <- v }) }
		return bench{run: run, stop: func() { close(events) }}, nil
	}
}
