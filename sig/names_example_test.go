package sig_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/gosig/gosig/sig"
)

func ExampleName_Validate() {
	for _, n := range []sig.Name{"house/kitchen", "kit chen", "#connect", "house//kitchen"} {
		fmt.Println(n.Validate())
	}
	// Output:
	// <nil>
	// bad name: "kit chen": it contains ' ', allowed are A-Z a-z 0-9 _ . : @ ~ -
	// bad name: "#connect": names that begin with "#" are reserved
	// bad name: "house//kitchen": it has an empty segment: "/" stands between two segments, not before, after or twice
}

func ExamplePattern() {
	p := sig.Pattern{Sender: "house/*", Event: "temp/**"}
	fmt.Println(p.Match("house/kitchen", "temp"))
	fmt.Println(p.Match("house/kitchen", "temp/outside/max"))
	fmt.Println(p.Match("house/kitchen/oven", "temp"))
	fmt.Println(p.Contains(sig.Pattern{Sender: "house/kitchen", Event: "temp/max"}))
	fmt.Println(p.Intersects(sig.Pattern{Sender: "**/kitchen", Event: sig.Any}))
	// Output:
	// true
	// true
	// false
	// true
	// true
}

func ExampleMatchName() {
	fmt.Println(sig.MatchName("**/oven", "house/kitchen/oven"), sig.MatchName("*", sig.EventConnect), sig.MatchName(sig.Any, sig.EventConnect))
	// Output: true false true
}

func ExampleContainsName() {
	fmt.Println(sig.ContainsName("house/**", "house/*/oven"), sig.ContainsName("house/*", "house/**"))
	// Output: true false
}

func ExampleIntersectsName() {
	fmt.Println(sig.IntersectsName("house/**", "**/oven"), sig.IntersectsName("house/*", "garden/*"))
	// Output: true false
}

func ExampleData() {
	type reading struct {
		Room    string
		Degrees float64
	}
	r, err := sig.Data[reading](map[string]any{"Room": "kitchen", "Degrees": 21.5})
	fmt.Println(r, err)
	n, err := sig.Data[int](21.0)
	fmt.Println(n, err)
	_, err = sig.Data[int](21.5)
	fmt.Println(err)
	_, err = sig.Data[int]("21")
	fmt.Println(err)
	// Output:
	// {kitchen 21.5} <nil>
	// 21 <nil>
	// bad payload: the number 21.5 does not fit into int
	// type mismatch: string cannot become int
}

func ExampleFail() {
	err := fmt.Errorf("ask the library: %w", sig.Fail(404, "no such book")) // as the caller gets it
	var failed *sig.Error
	if errors.As(err, &failed) && errors.Is(err, sig.ErrHandler) {
		fmt.Println(failed.App, failed.Text)
	}
	// Output: 404 no such book
}

func ExampleError_Is() {
	err := error(sig.NewError(sig.CodeTimeout, "after 5s"))
	fmt.Println(err, errors.Is(err, sig.ErrTimeout), errors.Is(err, context.DeadlineExceeded), errors.Is(err, sig.ErrBusy))
	// Output: timeout: after 5s true true false
}

func ExampleCodeOf() {
	fmt.Println(sig.CodeOf(context.Canceled), "|", sig.CodeOf(fmt.Errorf("emit: %w", sig.ErrBusy)), "|", sig.CodeOf(errors.New("boom")))
	// Output: cancelled | busy | handler failed
}

func ExampleAsError() {
	e := sig.AsError(fmt.Errorf("save: %w", sig.Fail(7, "disk full")))
	fmt.Printf("code %d, number %d, %q\n", e.Code, e.App, e.Text)
	// Output: code 3, number 7, "save: handler failed: disk full (7)"
}

func ExampleLost() {
	fmt.Println(sig.Lost{Sender: "kitchen", Event: "temp", Count: 3, First: 8, Last: 10, Reason: sig.LossQueueFull})
	// Output: lost 3 events of kitchen temp: queue full
}
