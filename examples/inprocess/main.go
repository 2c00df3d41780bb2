// Inprocess shows the registry alone: a sender, a subscription, a request and no
// socket. Of this module it imports sig, which needs the standard library only.
package main

import (
	"context"
	"fmt"

	"github.com/gosig/gosig/sig"
)

func main() {
	reg := sig.New(nil)
	defer reg.Close()

	show := func(ev sig.EventOf[float64]) { fmt.Printf("%s %s is %.1f\n", ev.Sender, ev.Name, ev.Data) }
	must(sig.Subscribe(reg, "house/*", "temp", show, nil)) // the sender may come later

	double := func(_ context.Context, n int) (int, error) { return 2 * n, nil }
	kitchen := must(reg.Connect("house/kitchen", sig.Spec{
		Events:   []sig.Name{"temp"},
		Requests: map[sig.Name]sig.RequestHandler{"double": sig.Handle(double)},
	}))
	check(kitchen.Emit("temp", 21.5))
	fmt.Println("twice 21 is", must(sig.Call[int](context.Background(), reg, "house/kitchen", "double", 21)))
}

func must[T any](v T, err error) T { check(err); return v }

func check(err error) {
	if err != nil {
		panic(err)
	}
}
