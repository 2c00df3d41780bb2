package inproc

import (
	"fmt"

	"github.com/gosig/gosig/sig"
)

// kitchen makes a registry with one sender.
func kitchen(events ...sig.Name) (*sig.Registry, *sig.Sender, error) {
	r := sig.New(nil)
	s, err := r.Connect("kitchen", sig.Spec{Events: events})
	return r, s, err
}

func stopOf(r *sig.Registry) func() { return func() { _ = r.Close() } } // nothing is left to fail

// gosigEmit emits with a typed emitter to inline handlers.
func gosigEmit(handlers int) func() (bench, error) {
	return func() (bench, error) {
		var c counter
		r, s, err := kitchen("temp")
		if err != nil {
			return bench{}, err
		}
		for range handlers {
			if _, err := sig.Subscribe(r, "kitchen", "temp", func(ev sig.EventOf[int]) { c.add(ev.Data) }, nil); err != nil {
				return bench{}, err
			}
		}
		em, err := sig.NewEmitter[int](s, "temp")
		return bench{run: func(n int) { emitAll(em, n) }, stop: stopOf(r)}, err
	}
}

func emitAll(em *sig.Emitter[int], n int) {
	for i := range n {
		if em.Emit(i) != nil {
			panic("emit: refused")
		}
	}
}

// gosigNames emits by name, to one handler each; boxed payloads are ints,
// others pointers.
func gosigNames(names int, boxed bool) func() (bench, error) {
	return func() (bench, error) {
		var c counter
		list := namesOf(names)
		r, s, err := kitchen(list...)
		if err != nil {
			return bench{}, err
		}
		handler := func(sig.Event) { c.add(1) } // one for all, as in the map
		for _, name := range list {
			if _, err := sig.Subscribe(r, "kitchen", name, handler, nil); err != nil {
				return bench{}, err
			}
		}
		emit := func(i int) error { return s.Emit(list[scattered(i, names)], &c) }
		if boxed {
			emit = func(i int) error { return s.Emit(list[scattered(i, names)], i+1000) }
		}
		run := func(n int) {
			for i := range n {
				if emit(i) != nil {
					panic("emit: refused")
				}
			}
		}
		run(names) // the first emission of each finds out who listens
		return bench{run: run, stop: stopOf(r)}, nil
	}
}

// gosigParallel emits for one sender on each goroutine.
func gosigParallel(goroutines int) func() (bench, error) {
	return func() (bench, error) {
		r := sig.New(nil)
		emitters := make([]*sig.Emitter[int], goroutines)
		for g := range emitters {
			name := sig.Name(fmt.Sprintf("room%d", g))
			s, err := r.Connect(name, sig.Spec{Events: []sig.Name{"temp"}})
			if err != nil {
				return bench{}, err
			}
			c := new(counter)
			if _, err = sig.Subscribe(r, name, "temp", func(ev sig.EventOf[int]) { c.add(ev.Data) }, nil); err != nil {
				return bench{}, err
			}
			if emitters[g], err = sig.NewEmitter[int](s, "temp"); err != nil {
				return bench{}, err
			}
		}
		return bench{run: func(n int) {
			inParallel(goroutines, n, func(g, n int) { emitAll(emitters[g], n) })
		}, stop: stopOf(r)}, nil
	}
}

// gosigQueue emits to a subscription with a queue that blocks, as a channel
// does, so that nothing is lost.
func gosigQueue(producers, size int) func() (bench, error) {
	return func() (bench, error) {
		a := newArrival()
		r, s, err := kitchen("temp")
		if err != nil {
			return bench{}, err
		}
		opts := &sig.SubscribeOptions{Queue: size, Policy: sig.Block}
		if _, err := sig.Subscribe(r, "kitchen", "temp", func(sig.EventOf[int]) { a.one() }, opts); err != nil {
			return bench{}, err
		}
		em, err := sig.NewEmitter[int](s, "temp")
		run := func(n int) {
			a.produce(producers, n, func(v int) {
				if em.Emit(v) != nil {
					panic("emit: refused")
				}
			})
		}
		return bench{run: run, stop: stopOf(r)}, err
	}
}

// gosigSubscribe subscribes and unsubscribes beside others of the same pattern.
func gosigSubscribe(others int) func() (bench, error) {
	return func() (bench, error) {
		r, _, err := kitchen("temp")
		if err != nil {
			return bench{}, err
		}
		handler := func(sig.EventOf[int]) {}
		for range others {
			if _, err := sig.Subscribe(r, "kitchen", "temp", handler, nil); err != nil {
				return bench{}, err
			}
		}
		return bench{run: func(n int) {
			for range n {
				sub, err := sig.Subscribe(r, "kitchen", "temp", handler, nil)
				if err != nil {
					panic(err)
				}
				sub.Unsubscribe()
			}
		}, stop: stopOf(r)}, nil
	}
}

// gosigMatch connects a sender and emits once, so that its subscriptions have
// to be found: two among many wildcards.
func gosigMatch(wildcards int) func() (bench, error) {
	return func() (bench, error) {
		var c counter
		r := sig.New(nil)
		handler := func(ev sig.EventOf[int]) { c.add(ev.Data) }
		for i := range wildcards {
			if _, err := sig.Subscribe(r, sig.Name(fmt.Sprintf("house%d/*/sensor", i)), "temp/**", handler, nil); err != nil {
				return bench{}, err
			}
		}
		if _, err := sig.Subscribe(r, "house7/**", "temp/*", handler, nil); err != nil {
			return bench{}, err
		}
		return bench{run: func(n int) {
			for i := range n {
				if err := connectAndEmit(r, i); err != nil {
					panic(err)
				}
			}
		}, stop: stopOf(r)}, nil
	}
}

func connectAndEmit(r *sig.Registry, v int) error {
	s, err := r.Connect("house7/kitchen/sensor", sig.Spec{Events: []sig.Name{"temp/high"}})
	if err != nil {
		return err
	}
	if err := s.Emit("temp/high", v); err != nil {
		return err
	}
	return s.Disconnect("")
}
