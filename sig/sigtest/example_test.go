package sigtest_test

import (
	"context"
	"fmt"

	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/sig/sigtest"
)

// exampleTB stands in for the *testing.T that an example does not have.
type exampleTB struct{ cleanups []func() }

func (*exampleTB) Helper()                           {}
func (*exampleTB) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (*exampleTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *exampleTB) Cleanup(f func())                { t.cleanups = append(t.cleanups, f) }
func (t *exampleTB) end() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}

func Example() {
	t := &exampleTB{} // in a test: t *testing.T
	defer t.end()

	reg := sigtest.New(t)
	rec := sigtest.Record[float64](t, reg, "kitchen", "temp")

	kitchen := sigtest.Connect(t, reg, "kitchen", "temp") // the code under test
	for _, degrees := range []float64{20.5, 21, 21.5} {
		sigtest.Emit(t, kitchen, "temp", degrees)
	}

	fmt.Println("third:", rec.Wait(context.Background(), 3).Data)
	fmt.Println("all:", rec.Data())
	// Output:
	// third: 21.5
	// all: [20.5 21 21.5]
}

func ExampleRecorder_WaitFor() {
	t := &exampleTB{}
	defer t.end()

	reg := sigtest.New(t)
	rec := sigtest.Record[any](t, reg, sig.Any, sig.EventConnect)
	sigtest.Connect(t, reg, "cellar", "temp")
	sigtest.Connect(t, reg, "kitchen", "temp")

	ev := rec.WaitFor(context.Background(), "the kitchen's #connect", func(ev sig.Event) bool { return ev.Sender == "kitchen" })
	fmt.Println(ev.Sender, "is here, and so are", rec.Len()-1, "others")
	// Output:
	// kitchen is here, and so are 1 others
}

func ExampleNew() {
	t := &exampleTB{}
	defer t.end()

	reg := sigtest.New(t) // sigtest.New(t, sig.ErrNotDeclared) would allow it
	sigtest.Record[any](t, reg, "kitchen", "humidity")
	if _, err := reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// sigtest: unexpected warning: kitchen humidity: event not declared: kitchen does not emit "humidity", only "temp"
}

func ExampleRecorder() {
	t := &exampleTB{}
	defer t.end()

	rec := sigtest.NewRecorder[int](t, "what the handler was given")
	rec.Handle(sig.EventOf[int]{Sender: "s", Name: "n", Data: 7})
	fmt.Println(rec)
	// Output:
	// recorded 1
	// 	1: s n 7
}
