package sig_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gosig/gosig/sig"
)

func Example() {
	r := sig.New(nil)
	defer r.Close()
	_, err := sig.Subscribe(r, "kitchen", "temp", func(ev sig.EventOf[float64]) {
		fmt.Println(ev.Sender, ev.Name, ev.Data)
	}, nil) // the sender need not exist yet
	if err != nil {
		fmt.Println(err)
	}
	kitchen, err := r.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	if err != nil {
		fmt.Println(err)
	}
	if err := kitchen.Emit("temp", 21.5); err != nil {
		fmt.Println(err)
	}
	fmt.Println(kitchen.Emit("noise", 80))
	// Output:
	// kitchen temp 21.5
	// event not declared: kitchen does not emit "noise", only "temp"
}

func ExampleSubscribe() {
	r := sig.New(nil)
	defer r.Close()
	show := func(what string) func(sig.Event) {
		return func(ev sig.Event) { fmt.Println(what, "hears", ev.Name, "of", ev.Sender) }
	}
	must(sig.Subscribe(r, "house/kitchen", "temp", show("specific"), nil))
	must(sig.Subscribe(r, "house/kitchen", sig.Any, show("broadcast"), nil))
	must(sig.Subscribe(r, sig.Any, "temp", show("channel"), nil))
	must(sig.Subscribe(r, "house/*", "*", show("wildcards"), nil))
	s := must(r.Connect("house/kitchen", sig.Spec{Events: []sig.Name{"temp"}}))
	_ = s.Emit("temp", 20)
	// Output:
	// broadcast hears #connect of house/kitchen
	// wildcards hears temp of house/kitchen
	// broadcast hears temp of house/kitchen
	// channel hears temp of house/kitchen
	// specific hears temp of house/kitchen
	// broadcast hears #disconnect of house/kitchen
}

func ExampleSubscription_Unsubscribe() {
	r := sig.New(nil)
	defer r.Close()
	s := must(r.Connect("clock", sig.Spec{Events: []sig.Name{"tick"}}))
	var sub *sig.Subscription
	sub = must(sig.Subscribe(r, "clock", "tick", func(ev sig.EventOf[int]) {
		fmt.Println("tick", ev.Data)
		sub.Unsubscribe() // from within the handler is fine
	}, nil))
	_ = s.Emit("tick", 1)
	_ = s.Emit("tick", 2)
	<-sub.Done()
	fmt.Println(sub.Err())
	// Output:
	// tick 1
	// <nil>
}

func ExampleSubscribeOptions() {
	r := sig.New(nil)
	s := must(r.Connect("meter", sig.Spec{Events: []sig.Name{"kWh"}}))
	begun, pass := make(chan struct{}, 4), make(chan struct{})
	must(sig.Subscribe(r, "meter", "kWh", func(ev sig.Event) {
		begun <- struct{}{}
		<-pass // slow
		fmt.Println(ev.Data)
	}, &sig.SubscribeOptions{Queue: 2, Policy: sig.DropOldest}))
	for i := range 5 {
		_ = s.Emit("kWh", i) // does not wait
		if i == 0 {
			<-begun
		}
	}
	close(pass)
	_ = r.Shutdown(context.Background()) // what waits is delivered
	// Output:
	// 0
	// lost 2 events of meter kWh: queue full
	// 3
	// 4
}

func ExampleNewEmitter() {
	type reading struct{ Celsius float64 }
	r := sig.New(nil)
	defer r.Close()
	s := must(r.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}}))
	must(sig.Subscribe(r, "kitchen", "temp", func(ev sig.EventOf[reading]) { fmt.Println("typed", ev.Data.Celsius) }, nil))
	must(sig.Subscribe(r, "kitchen", "temp", func(ev sig.EventOf[map[string]any]) { fmt.Println("as a map", ev.Data) }, nil))
	temp, err := sig.NewEmitter[reading](s, "temp")
	if err != nil {
		fmt.Println(err)
	}
	_ = temp.Emit(reading{21.5}) // no look-up, no allocation
	fmt.Println(errors.Is(s.Emit("temp", "warm"), sig.ErrTypeMismatch))
	// Output:
	// typed 21.5
	// as a map map[Celsius:21.5]
	// true
}

func ExampleSender_EmitWait() {
	r := sig.New(nil)
	s := must(r.Connect("log", sig.Spec{Events: []sig.Name{"line"}}))
	n := 0
	must(sig.Subscribe(r, "log", "line", func(sig.EventOf[int]) { n++ }, &sig.SubscribeOptions{Queue: 1}))
	for i := range 1000 {
		if err := s.EmitWait(context.Background(), "line", i); err != nil {
			fmt.Println(err)
		}
	}
	_ = r.Shutdown(context.Background())
	fmt.Println(n, "of 1000 through a queue of 1")
	// Output: 1000 of 1000 through a queue of 1
}

func ExampleSender_TryEmit() {
	r := sig.New(nil)
	defer r.Close()
	s := must(r.Connect("log", sig.Spec{Events: []sig.Name{"line"}}))
	begun, pass := make(chan struct{}, 2), make(chan struct{})
	must(sig.Subscribe(r, "log", "line", func(sig.Event) { begun <- struct{}{}; <-pass }, &sig.SubscribeOptions{Queue: 1}))
	fmt.Println(s.TryEmit("line", 1))
	<-begun
	fmt.Println(s.TryEmit("line", 2))
	fmt.Println(s.TryEmit("line", 3))
	close(pass)
	// Output:
	// <nil>
	// <nil>
	// busy: a subscriber of log line has no room
}

func ExampleSender_Disconnect() {
	r := sig.New(nil)
	defer r.Close()
	must(sig.Subscribe(r, sig.Any, sig.EventDisconnect, func(ev sig.EventOf[sig.Presence]) {
		fmt.Println(ev.Sender, "has left:", ev.Data.Reason)
	}, nil))
	s := must(r.Connect("lamp", sig.Spec{}))
	_ = s.Disconnect("bulb changed")
	fmt.Println(s.Err())
	again := must(r.Connect("lamp", sig.Spec{}))
	fmt.Println(again.Name(), "is back")
	// Output:
	// lamp has left: bulb changed
	// not connected: bulb changed
	// lamp is back
	// lamp has left: closed: the registry
}

func ExampleRegistry_Request() {
	r := sig.New(nil)
	defer r.Close()
	must(r.Connect("lamp", sig.Spec{
		Requests: map[sig.Name]sig.RequestHandler{
			"dim": sig.Handle(func(_ context.Context, percent int) (string, error) {
				if percent > 100 {
					return "", sig.Fail(416, "too bright")
				}
				return fmt.Sprintf("at %d %%", percent), nil
			}),
		},
	}))
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	fmt.Println(r.Request(ctx, "lamp", "dim", 30))
	fmt.Println(r.Request(ctx, "lamp", "dim", 130))
	fmt.Println(r.Request(ctx, "lamp", "explode", nil))
	fmt.Println(r.Request(ctx, "stove", "dim", 30))
	// Output:
	// at 30 % <nil>
	// <nil> handler failed: too bright (416)
	// <nil> no such method: lamp does not answer "explode", only "dim"
	// <nil> no such sender: "stove"
}

func ExampleCall() {
	type point struct{ X, Y int }
	r := sig.New(nil)
	defer r.Close()
	must(r.Connect("plotter", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
		"mirror": sig.Handle(func(_ context.Context, p point) (point, error) { return point{p.Y, p.X}, nil }),
	}}))
	p, err := sig.Call[point](context.Background(), r, "plotter", "mirror", point{1, 2})
	fmt.Println(p, err)
	m, err := sig.Call[map[string]int](context.Background(), r, "plotter", "mirror", map[string]int{"X": 3})
	fmt.Println(m, err)
	// Output:
	// {2 1} <nil>
	// map[X:0 Y:3] <nil>
}

func ExampleRegistry_RequestAll() {
	r := sig.New(nil)
	defer r.Close()
	for _, name := range []sig.Name{"floor1/lamp", "floor2/lamp"} {
		must(r.Connect(name, sig.Spec{Default: func(_ context.Context, req *sig.Request) (any, error) {
			if req.Sender == "floor2/lamp" {
				return nil, errors.New("no bulb")
			}
			return "off", nil
		}}))
	}
	for _, a := range r.RequestAll(context.Background(), "*/lamp", "switch", false) {
		fmt.Println(a.Sender, a.Data, a.Err)
	}
	// Output:
	// floor1/lamp off <nil>
	// floor2/lamp <nil> handler failed: no bulb
}

func ExampleRegistry_Watch() {
	r := sig.New(nil)
	defer r.Close()
	must(r.Connect("kitchen", sig.Spec{}))
	_, err := r.Watch(sig.Any, func(c sig.PresenceChange) {
		if c.Kind == sig.SnapshotDone {
			fmt.Println("that was all; now the changes")
			return
		}
		fmt.Println(c.Kind, c.Sender)
	}, nil)
	if err != nil {
		fmt.Println(err)
	}
	s := must(r.Connect("cellar", sig.Spec{}))
	_ = s.Disconnect("")
	// Output:
	// present kitchen
	// that was all; now the changes
	// connected cellar
	// disconnected cellar
	// disconnected kitchen
}

func ExampleRegistry_Senders() {
	r := sig.New(nil)
	defer r.Close()
	must(r.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp", "smoke"}}))
	must(r.Connect("cellar", sig.Spec{Events: []sig.Name{"temp"}}))
	for _, p := range r.Senders() {
		fmt.Println(p.Sender, p.Events)
	}
	// Output:
	// cellar [temp]
	// kitchen [temp smoke]
}

func ExampleEvents() {
	r := sig.New(nil)
	defer r.Close()
	s := must(r.Connect("clock", sig.Spec{Events: []sig.Name{"tick"}}))
	ticks := sig.Events[int](context.Background(), r, "clock", "tick", nil)
	for i := range 5 {
		_ = s.Emit("tick", i)
	}
	for ev, err := range ticks {
		if err != nil {
			fmt.Println(err)
		}
		fmt.Println(ev.Data)
		if ev.Data == 2 {
			break // ends the subscription
		}
	}
	// Output:
	// 0
	// 1
	// 2
}

func ExampleNext() {
	r := sig.New(nil)
	defer r.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err := sig.Next[int](ctx, r, "clock", "tick")
	fmt.Println(err)
	// Output: timeout
}

func ExampleSubscription_InForce() {
	r := sig.New(nil)
	defer r.Close()
	sub := must(sig.Subscribe(r, "far/away", "temp", func(sig.EventOf[float64]) {}, nil))
	// With a router attached, events emitted over there arrive from here on.
	fmt.Println(sub.InForce(context.Background()))
	// Output: <nil>
}

func ExampleRegistry_Shutdown() {
	r := sig.New(nil)
	s := must(r.Connect("log", sig.Spec{Events: []sig.Name{"line"}}))
	must(sig.Subscribe(r, "log", sig.Any, func(ev sig.Event) { fmt.Println(ev.Name) }, &sig.SubscribeOptions{Queue: 10}))
	_ = s.Emit("line", "last words")
	fmt.Println(r.Shutdown(context.Background()), s.Err())
	// Output:
	// line
	// #disconnect
	// <nil> closed: the registry
}
