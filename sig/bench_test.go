package sig_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gosig/gosig/sig"
)

// sink keeps the compiler from removing handlers.
var sink int64

func count(ev sig.EventOf[int64]) { sink += ev.Data }

// floor is what emitting cannot be faster than: a loop over functions in a
// snapshot that others may replace.
type floor struct {
	snap atomic.Pointer[[]func(sig.EventOf[int64])]
}

func (f *floor) emit(v int64) {
	for _, h := range *f.snap.Load() {
		h(sig.EventOf[int64]{Sender: "s", Name: "e", Data: v})
	}
}

// guarded is the floor with the one recover that P4 asks for.
func (f *floor) guarded(v int64) {
	clean := false
	defer func() {
		if !clean {
			recover()
		}
	}()
	f.emit(v)
	clean = true
}

func BenchmarkFloor(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		var f floor
		handlers := make([]func(sig.EventOf[int64]), n)
		for i := range handlers {
			handlers[i] = count
		}
		f.snap.Store(&handlers)
		b.Run(fmt.Sprintf("%d/bare", n), func(b *testing.B) {
			for b.Loop() {
				f.emit(1)
			}
		})
		b.Run(fmt.Sprintf("%d/recover", n), func(b *testing.B) {
			for b.Loop() {
				f.guarded(1)
			}
		})
	}
}

func BenchmarkEmitTyped(b *testing.B) {
	for _, n := range []int{0, 1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r, s := benchSender(b)
			for range n {
				must(sig.Subscribe(r, "s", "e", count, nil))
			}
			e := must(sig.NewEmitter[int64](s, "e"))
			b.ReportAllocs()
			for b.Loop() {
				_ = e.Emit(1)
			}
		})
	}
}

func BenchmarkEmitByName(b *testing.B) {
	for _, n := range []int{0, 1, 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r, s := benchSender(b)
			for range n {
				must(sig.Subscribe(r, "s", "e", func(ev sig.Event) { sink++ }, nil))
			}
			var v any = int64(1)
			b.ReportAllocs()
			for b.Loop() {
				_ = s.Emit("e", v)
			}
		})
	}
}

// BenchmarkEmitNames emits by name, to one handler each, with names that come
// in no order a cache could guess.
func BenchmarkEmitNames(b *testing.B) {
	for _, n := range []int{1, 1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := sig.New(nil)
			defer r.Close()
			names := make([]sig.Name, n)
			for i := range names {
				names[i] = sig.Name(fmt.Sprintf("sensors/temp%d", i))
			}
			s := must(r.Connect("s", sig.Spec{Events: names}))
			var v any = &sink
			for _, name := range names {
				must(sig.Subscribe(r, "s", name, func(sig.Event) { sink++ }, nil))
				_ = s.Emit(name, v)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				_ = s.Emit(names[i*7919%n], v)
				i++
			}
		})
	}
}

// BenchmarkEmitParallel emits for a sender of its own on each goroutine.
func BenchmarkEmitParallel(b *testing.B) {
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := sig.New(nil)
			defer r.Close()
			var senders atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				name := sig.Name(fmt.Sprintf("s%d", senders.Add(1)))
				s := must(r.Connect(name, sig.Spec{Events: []sig.Name{"e"}}))
				sums := make([]int64, 32) // in a cache line of this goroutine
				for range n {
					must(sig.Subscribe(r, name, "e", func(ev sig.EventOf[int64]) { sums[16] += ev.Data }, nil))
				}
				e := must(sig.NewEmitter[int64](s, "e"))
				for pb.Next() {
					_ = e.Emit(1)
				}
			})
		})
	}
}

// BenchmarkEmitBroadcast is for a subscription that hears presence as well, so
// that the sender's slot has to be owned.
func BenchmarkEmitBroadcast(b *testing.B) {
	r, s := benchSender(b)
	must(sig.Subscribe(r, "s", sig.Any, func(ev sig.Event) { sink++ }, nil))
	var v any = int64(1)
	for b.Loop() {
		_ = s.Emit("e", v)
	}
}

func BenchmarkSubscribe(b *testing.B) {
	for _, n := range []int{0, 1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r, _ := benchSender(b)
			for i := range n {
				must(sig.Subscribe(r, sig.Name(fmt.Sprintf("other/%d", i)), "e", count, nil))
			}
			b.ReportAllocs()
			for b.Loop() {
				must(sig.Subscribe(r, "s", "e", count, nil)).Unsubscribe()
			}
		})
	}
}

// BenchmarkSubscribeEqual is beside as many subscriptions to the same event.
func BenchmarkSubscribeEqual(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r, _ := benchSender(b)
			for range n {
				must(sig.Subscribe(r, "s", "e", count, nil))
			}
			for b.Loop() {
				must(sig.Subscribe(r, "s", "e", count, nil)).Unsubscribe()
			}
		})
	}
}

func BenchmarkQueue(b *testing.B) {
	for _, producers := range []int{1, 2} {
		b.Run(fmt.Sprint(producers), func(b *testing.B) {
			r := sig.New(nil)
			defer r.Close()
			done := make(chan struct{})
			n, left := b.N/producers*producers, b.N/producers*producers
			must(sig.Subscribe(r, sig.Any, "e", func(sig.EventOf[int64]) {
				if left--; left == 0 {
					close(done)
				}
			}, &sig.SubscribeOptions{Queue: 1024, Policy: sig.Block}))
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for p := range producers {
				s := must(r.Connect(sig.Name(fmt.Sprintf("s%d", p)), sig.Spec{Events: []sig.Name{"e"}}))
				e := must(sig.NewEmitter[int64](s, "e"))
				wg.Go(func() {
					for range n / producers {
						_ = e.Emit(1)
					}
				})
			}
			wg.Wait()
			if n > 0 {
				<-done
			}
		})
	}
}

func BenchmarkRequest(b *testing.B) {
	r := sig.New(nil)
	defer r.Close()
	must(r.Connect("s", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
		"m": sig.Handle(func(_ context.Context, n int64) (int64, error) { return n, nil }),
	}}))
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.Run("beside", func(b *testing.B) {
		for b.Loop() {
			must(sig.Call[int64](ctx, r, "s", "m", int64(1)))
		}
	})
	b.Run("inline", func(b *testing.B) {
		for b.Loop() {
			must(sig.Call[int64](context.Background(), r, "s", "m", int64(1)))
		}
	})
}

func benchSender(b *testing.B) (*sig.Registry, *sig.Sender) {
	r := sig.New(nil)
	b.Cleanup(func() { r.Close() })
	return r, must(r.Connect("s", sig.Spec{Events: []sig.Name{"e"}}))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
