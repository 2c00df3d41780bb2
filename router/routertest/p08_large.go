package routertest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var largeAndSmall = []promise{
	{name: "P3, P8/small events overtake a large one of another sender", where: fromClient, run: overtaking},
	{name: "P3/large and small events of several senders", run: mixedSizes},
	{name: "P6/large and small requests at once", run: mixedRequests},
	{name: "P7/large and small events held back", run: mixedHeld},
	{name: "P7/large and small events, more than there is room for", where: fromClient, run: mixedShed},
	{name: "P9/connection lost within a large event", where: fromClient, run: lostWithinLarge},
}

// filled is a payload of about size bytes that carries a number.
func (k *kit) filled(n, size int) any {
	return k.text(strconv.Itoa(n) + " " + strings.Repeat("x", size))
}

// filledNumber reads the number back, and checks that the rest is whole.
func (k *kit) filledNumber(v any) int {
	k.Helper()
	var text []byte
	switch v := v.(type) {
	case []byte:
		text = v
	default:
		s, err := sig.Data[string](v)
		k.must(err, "read a text")
		text = []byte(s)
	}
	number, rest, _ := bytes.Cut(text, []byte(" "))
	if len(bytes.Trim(rest, "x")) > 0 {
		k.Fatalf("P3: the payload with number %s of %d bytes came changed", number, len(text))
	}
	n, err := strconv.Atoi(string(number))
	k.must(err, "read a number")
	return n
}

// overtaking holds the line up while a large event is on its way out: what others
// emit then arrives before it, whatever the line is.
func overtaking(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "**", "*", nil)
	camera := k.connect(s, "camera", sig.Spec{Events: []sig.Name{"image", "taken"}})
	kitchen := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	for _, sp := range []*speaker{camera, kitchen} {
		sp.finish()
	}
	line := &s.source.net
	line.admit(0)
	k.must(camera.Emit("image", k.filled(1, 150_000)), "emit the large one")
	line.awaitHeld(k)
	const n = 20
	for i := 1; i <= n; i++ {
		k.must(kitchen.Emit("temp", k.filled(i, 10)), "emit a small one")
	}
	k.must(camera.Emit("taken", k.filled(1, 10)), "emit another of the same sender")
	line.admit(unlimited)
	camera.finish()
	kitchen.finish()
	var order []string
	for _, ev := range e.heard.all() {
		if ev.Name == "temp" || ev.Name == "image" || ev.Name == "taken" {
			order = append(order, string(ev.Name))
		}
	}
	want := append(slices.Repeat([]string{"temp"}, n), "image", "taken")
	if !slices.Equal(order, want) {
		k.Errorf("P8: the order of arrival is\n\t%v\nwant\n\t%v", order, want)
	}
}

// sizes are those of large and small events in turn, beginning somewhere.
func (k *kit) sizes(at, n int) (list []int) {
	all := []int{10, 50_000, 0, 4_000, 5_000, 30, 17_000, 16_384, 1, 20_000, 100, 200_000}
	if k.world.Brief {
		all[len(all)-1] = 70_000
	}
	for i := range n {
		list = append(list, all[(at+i)%len(all)])
	}
	return list
}

// mixedSizes has several senders emit large and small events at once.
func mixedSizes(k *kit) {
	s := k.open(options{})
	n := 24
	if k.world.Brief {
		n = 8
	}
	names := []sig.Name{"a", "b", "c"}
	e := k.listen(s.to, sig.Any, sig.Any, nil)
	var wg sync.WaitGroup
	var all []*speaker
	for i, name := range names {
		sp := k.connect(s, name, sig.Spec{Events: []sig.Name{"t", "u"}})
		all = append(all, sp)
		wg.Go(func() {
			for j, size := range k.sizes(5*i, n) {
				if err := sp.EmitWait(k.ctx, []sig.Name{"t", "u"}[j%2], k.filled(j+1, size)); err != nil {
					k.Errorf("emit: %v", err)
				}
			}
		})
	}
	wg.Wait()
	for _, sp := range all {
		sp.finish()
		k.must(sp.Disconnect("done"), "disconnect")
	}
	for _, name := range names {
		e.await(string(name) + " #disconnect")
	}
	for _, name := range names {
		var got, want []string
		for _, ev := range e.heard.all() {
			if ev.Sender == name && ev.Name != endEvent {
				got = append(got, strings.TrimPrefix(k.line(ev), string(name)+" "))
			}
		}
		want = append(want, "#connect")
		for j := range n {
			want = append(want, fmt.Sprintf("%s %d", []string{"t", "u"}[j%2], j+1))
		}
		if want = append(want, "#disconnect"); !slices.Equal(got, want) {
			k.Errorf("P3: of %s came\n\t%v\nwant\n\t%v", name, got, want)
		}
	}
}

// mixedRequests asks with large and small questions, and cancels some.
func mixedRequests(k *kit) {
	s := k.open(options{})
	_, err := s.from.Connect("echo", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
		"say": func(_ context.Context, r *sig.Request) (any, error) { return r.Data, nil },
	}})
	k.must(err, "connect")
	k.awaitPresent(s.to, "echo")
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			for j, size := range k.sizes(3*i, 6) {
				reply, err := s.to.Request(k.ctx, "echo", "say", k.filled(j, size))
				if err != nil {
					k.Errorf("P6: request with %d bytes: %v", size, err)
					return
				}
				if n := k.filledNumber(reply); n != j {
					k.Errorf("P6: asked with %d, the answer is to %d", j, n)
				}
			}
		})
	}
	wg.Wait()
}

// mixedHeld holds large and small events back.
func mixedHeld(k *kit) {
	s := k.open(window)
	e := k.listen(s.to, "kitchen", "*", &sig.SubscribeOptions{Queue: 2})
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	const n = 24
	for i, size := range k.sizes(0, n) {
		k.must(sp.EmitWait(k.ctx, "temp", k.filled(i+1, size)), "held-back emission")
	}
	sp.finish()
	e.awaitLen(n)
	if _, lost := k.account(e.heard.all(), "temp", 1, n); lost > 0 {
		k.Errorf("P7: held-back emission has lost %d", lost)
	}
}

// mixedShed emits more than there is room for while the line is held up.
func mixedShed(k *kit) {
	s := k.open(options{limits: router.Limits{OutboundBytes: 200 << 10}})
	e := k.listen(s.to, "kitchen", "*", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.finish()
	s.source.net.admit(0)
	n := 0
	emit := func(sizes []int) {
		for _, size := range sizes {
			n++
			k.must(sp.Emit("temp", k.filled(n, size)), "emit")
		}
	}
	emit(k.sizes(1, 1))
	s.source.net.awaitHeld(k)
	emit(k.sizes(2, 60))
	s.source.net.admit(1) // into the middle of the first
	s.source.net.awaitHeld(k)
	emit(k.sizes(0, 60))
	s.source.net.admit(unlimited)
	sp.finish()
	delivered, lost := k.account(e.heard.all(), "temp", 1, n)
	if delivered == 0 || lost == 0 {
		k.Errorf("P7: %d were delivered and %d lost, want some of each", delivered, lost)
	}
}

// lostWithinLarge cuts the connection when a part of a large event is out. That
// event and the one behind it are lost, since the client cannot know how much has
// arrived; what is emitted once it knows of the loss waits for the next connection.
func lostWithinLarge(k *kit) {
	s := k.open(options{})
	e := k.listen(s.to, "kitchen", "*", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	k.must(sp.Emit("temp", k.filled(1, 1)), "emit")
	sp.finish()
	want := []string{"kitchen temp 1"}
	for pieces := range 3 {
		n := 3*pieces + 2
		s.source.net.admit(0)
		k.must(sp.Emit("temp", k.filled(n, 150_000)), "emit a large one")
		s.source.net.awaitHeld(k)
		k.must(sp.Emit("temp", k.filled(n+1, 10)), "emit one behind it")
		s.source.net.admit(pieces)
		s.source.net.awaitHeld(k)
		again := s.offline(k)
		s.source.net.admit(unlimited)
		k.must(sp.Emit("temp", k.filled(n+2, 10)), "emit offline")
		again()
		sp.finish()
		want = append(want, "kitchen #lost 2 temp: connection lost", fmt.Sprintf("kitchen temp %d", n+2))
	}
	e.hears("P7", want...)
}
