package sigtest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/sig/sigtest"
)

// fakeTB notes what a test would be told. Fatalf ends the goroutine, as the
// real one does.
type fakeTB struct {
	mu       sync.Mutex
	messages []string
	cleanups []func()
}

func (f *fakeTB) Helper()          {}
func (f *fakeTB) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }
func (f *fakeTB) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.messages = append(f.messages, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

// run runs a test function to its end, cleanups included, and returns what the
// test would have been told.
func (f *fakeTB) run(test func()) string {
	var wg sync.WaitGroup
	wg.Go(test)
	wg.Wait()
	for i := len(f.cleanups) - 1; i >= 0; i-- {
		f.cleanups[i]()
	}
	return strings.Join(f.messages, "\n")
}

func wantMessage(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("the test is told\n%s\nwant it to contain %q", got, part)
		}
	}
}

func TestRecorderKeepsOrder(t *testing.T) {
	reg := sigtest.New(t)
	rec := sigtest.Record[int](t, reg, sig.Any, "n")
	a, b := sigtest.Connect(t, reg, "a", "n"), sigtest.Connect(t, reg, "b", "n")
	for i := range 3 {
		sigtest.Emit(t, a, "n", i)
		sigtest.Emit(t, b, "n", 10+i)
	}
	if got := fmt.Sprint(rec.Data()); got != "[0 10 1 11 2 12]" {
		t.Errorf("Data: got %s", got)
	}
	if got := fmt.Sprint(rec.Of("b")); got != "[{b n 10} {b n 11} {b n 12}]" {
		t.Errorf("Of: got %s", got)
	}
	if got := rec.Wait(t.Context(), 2); got.Sender != "b" || got.Data != 10 {
		t.Errorf("Wait: got %+v, want the second event", got)
	}
	if got := rec.WaitFor(t.Context(), "a 12", func(ev sig.EventOf[int]) bool { return ev.Data == 12 }); got.Sender != "b" {
		t.Errorf("WaitFor: got %+v", got)
	}
	if rec.Reset(); rec.Len() != 0 || len(rec.All()) != 0 {
		t.Errorf("after Reset: got %v", rec)
	}
}

func TestWaitWakesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := sigtest.New(t)
		rec := sigtest.Record[string](t, reg, "clock", "tick")
		clock := sigtest.Connect(t, reg, "clock", "tick")
		var wg sync.WaitGroup // ends after three ticks
		wg.Go(func() {
			for i := range 3 {
				time.Sleep(time.Second)
				sigtest.Emit(t, clock, "tick", fmt.Sprint(i))
			}
		})
		if ev := rec.Wait(t.Context(), 3); ev.Data != "2" {
			t.Errorf("got %+v, want the third tick", ev)
		}
		wg.Wait()
	})
}

func TestWaitExplainsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb := &fakeTB{}
		begin := time.Now()
		told := tb.run(func() {
			rec := sigtest.NewRecorder[any](tb, "kitchen temp")
			rec.Handle(sig.Event{Sender: "kitchen", Name: "temp", Data: 21.5})
			rec.HandleLost(sig.Lost{Sender: "kitchen", Event: "temp", Count: 2, Reason: sig.LossQueueFull})
			rec.Wait(context.Background(), 2)
		})
		wantMessage(t, told, "waiting for event 2 of kitchen temp", "after 30s", "recorded 1", "1: kitchen temp 21.5",
			"lost 2 events of kitchen temp: queue full")
		if took := time.Since(begin); took != sigtest.Patience {
			t.Errorf("waited %v, want %v", took, sigtest.Patience)
		}
	})
}

func TestWaitHeedsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb := &fakeTB{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		told := tb.run(func() {
			sigtest.NewRecorder[int](tb, "things").WaitFor(ctx, "a large one", func(sig.EventOf[int]) bool { return false })
		})
		wantMessage(t, told, "waiting for a large one of things", "after 1m0s", "not one event")
	})
}

func TestWaitCountsFromOne(t *testing.T) {
	tb := &fakeTB{}
	told := tb.run(func() { sigtest.NewRecorder[int](tb, "things").Wait(t.Context(), 0) })
	wantMessage(t, told, "the first is 1")
}

func TestStringIsBounded(t *testing.T) {
	rec := sigtest.NewRecorder[string](t, "much")
	for range 1000 {
		rec.Handle(sig.EventOf[string]{Sender: "s", Name: "e", Data: strings.Repeat("x", 100_000)})
	}
	text := rec.String()
	wantMessage(t, text, "recorded 1000", "the last 20", "\t1000: s e xxx", "(100000 bytes)")
	if len(text) > 10_000 {
		t.Errorf("got %d bytes", len(text))
	}
}

func TestWarningsFailTheTest(t *testing.T) {
	cause := func(tb *fakeTB, allowed ...error) func() {
		return func() {
			reg := sigtest.New(tb, allowed...)
			sigtest.Record[any](tb, reg, "kitchen", "humidity")
			sigtest.Connect(tb, reg, "kitchen", "temp") // P2: a warning
		}
	}
	tb := &fakeTB{}
	wantMessage(t, tb.run(cause(tb)), "unexpected warning", "humidity")
	tb = &fakeTB{}
	if told := tb.run(cause(tb, sig.ErrNotDeclared)); told != "" {
		t.Errorf("allowed, and the test is told %s", told)
	}
}

func TestHelpersFailTheTest(t *testing.T) {
	for _, tt := range []struct {
		name string
		test func(tb *fakeTB, reg *sig.Registry)
		want string
	}{
		{"connect", func(tb *fakeTB, reg *sig.Registry) { sigtest.Connect(tb, reg, "bad name") }, "connect bad name"},
		{"record", func(tb *fakeTB, reg *sig.Registry) { sigtest.Record[any](tb, reg, "bad name", "x") }, "record bad name x"},
		{"emit", func(tb *fakeTB, reg *sig.Registry) {
			sigtest.Emit(tb, sigtest.Connect(tb, reg, "a", "x"), "y", 1)
		}, "emit y of a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tb := &fakeTB{}
			wantMessage(t, tb.run(func() { tt.test(tb, sigtest.New(tb)) }), tt.want)
		})
	}
}

func TestRegistryEndsWithTheTest(t *testing.T) {
	tb := &fakeTB{}
	var reg *sig.Registry
	if told := tb.run(func() { reg = sigtest.New(tb) }); told != "" {
		t.Fatalf("the test is told %s", told)
	}
	if _, err := reg.Connect("late", sig.Spec{}); !errors.Is(err, sig.ErrClosed) {
		t.Errorf("P13: connect after the test: got %v, want ErrClosed", err)
	}
}

func TestTypedRecorderKeepsLosses(t *testing.T) {
	reg := sigtest.New(t, sig.ErrBadPayload, sig.ErrTypeMismatch)
	rec := sigtest.Record[int](t, reg, "s", "n")
	s := sigtest.Connect(t, reg, "s", "n")
	sigtest.Emit(t, s, "n", "no number")
	sigtest.Emit(t, s, "n", 2)
	rec.Wait(t.Context(), 1)
	if lost := rec.Lost(); len(lost) != 1 || lost[0].Reason != sig.LossBadPayload || lost[0].Count != 1 {
		t.Errorf("P7: got %v, want one lost for its payload", lost)
	}
}
