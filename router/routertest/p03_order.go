package routertest

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/gosig/gosig/sig"
)

var onceInOrder = []promise{
	{name: "P3/once and in order, overlapping subscriptions", run: overlapping},
	{name: "P3/order of delivery in one registry", run: deliveryOrder},
	{name: "P3/nested emission", run: nested},
	{name: "P3/disconnect comes last", run: disconnectLast},
	{name: "P3/one life after another", run: lives},
	{name: "P3/burst of small events", run: burst},
	{name: "P3/large payloads", run: large},
}

// overlapping has several senders emit at once, and subscriptions that match the
// same events in several ways.
func overlapping(k *kit) {
	s := k.open(options{})
	names := []sig.Name{"a", "b", "a/b"}
	n := 60
	patterns := []sig.Pattern{
		{Sender: sig.Any, Event: sig.Any},
		{Sender: sig.Any, Event: sig.Any},
		{Sender: "a", Event: sig.Any},
		{Sender: sig.Any, Event: "t"},
		{Sender: "a/*", Event: "t"},
		{Sender: "**/b", Event: "*"},
		{Sender: "a", Event: "u"},
		{Sender: "b", Event: sig.EventConnect},
	}
	var ears []*ear
	for i, p := range patterns {
		ears = append(ears, k.listen(s.to, p.Sender, p.Event, &sig.SubscribeOptions{Queue: (i % 2) * 1000}))
	}
	want := []string{"#connect"}
	for i := range n {
		want = append(want, fmt.Sprintf("%s %d", []string{"t", "u"}[i%2], i))
	}
	want = append(want, "#disconnect")
	var wg sync.WaitGroup
	for _, name := range names {
		sp := k.connect(s, name, sig.Spec{Events: []sig.Name{"t", "u"}})
		wg.Go(func() {
			for i := range n {
				if err := sp.Emit([]sig.Name{"t", "u"}[i%2], k.num(i)); err != nil {
					k.Errorf("emit: %v", err)
				}
			}
			_ = sp.Disconnect("done") // has no error to give
		})
	}
	wg.Wait()
	for i, p := range patterns {
		for _, name := range names {
			e, mine := ears[i], slices.DeleteFunc(slices.Clone(want), func(line string) bool {
				var event sig.Name
				_, _ = fmt.Sscan(line, &event) // a line has a first word
				return !p.Match(name, event)
			})
			e.heard.await(k, fmt.Sprintf("%d events of %s for %v", len(mine), name, p), func([]sig.Event) bool { return len(e.of(name)) >= len(mine) })
			if got := e.of(name); !slices.Equal(got, mine) {
				k.Errorf("P3: a subscription to %v got of %s\n\t%v\nwant\n\t%v", p, name, got, mine)
			}
		}
	}
}

// deliveryOrder: everything, broadcast, channel, specific, and in each the order
// of subscribing.
func deliveryOrder(k *kit) {
	s := k.open(options{})
	var order journal[string]
	note := func(text string) func(sig.Event) {
		return func(ev sig.Event) {
			if ev.Name == "temp" {
				order.add(text)
			}
		}
	}
	for _, way := range []struct {
		sender, event sig.Name
		text          string
	}{
		{"kitchen", "temp", "specific 1"},
		{sig.Any, "temp", "channel 1"},
		{sig.Any, sig.Any, "everything 1"},
		{"kitchen", sig.Any, "broadcast 1"},
		{"kitchen", "temp", "specific 2"},
		{sig.Any, sig.Any, "everything 2"},
		{"kitchen", sig.Any, "broadcast 2"},
		{sig.Any, "temp", "channel 2"},
	} {
		k.listenAnd(s.to, way.sender, way.event, nil, note(way.text))
	}
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, 1)
	sp.finish()
	want := []string{"everything 1", "everything 2", "broadcast 1", "broadcast 2", "channel 1", "channel 2", "specific 1", "specific 2"}
	if got := order.all(); !slices.Equal(got, want) {
		k.Fatalf("P3: the order of delivery is %q, want %q", got, want)
	}
}

// nested: what a handler emits for the sender whose event it handles comes after
// that event, everywhere.
func nested(k *kit) {
	s := k.open(options{})
	var sp *speaker
	ready := make(chan struct{}) // closed when sp is there
	k.listenAnd(s.from, "kitchen", "temp", nil, func(ev sig.Event) {
		<-ready
		if err := sp.Emit("echo", ev.Data); err != nil {
			k.Errorf("P3: emit from a handler: %v", err)
		}
	})
	near, far := k.listen(s.from, "kitchen", "*", nil), k.listen(s.to, "kitchen", "*", nil)
	sp = k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp", "echo"}})
	close(ready)
	var want []string
	for n := 1; n <= 50; n++ {
		sp.say("temp", n, n)
		want = append(want, fmt.Sprintf("kitchen temp %d", n), fmt.Sprintf("kitchen echo %d", n))
	}
	sp.finish()
	near.hears("P3: nested emission, in the emitter's registry", want...)
	far.hears("P3: nested emission, at the subscribers", want...)
}

func disconnectLast(k *kit) {
	s := k.open(options{})
	n := 1000
	inline := k.listen(s.to, "kitchen", sig.Any, nil)
	queued := k.listen(s.to, "kitchen", sig.Any, &sig.SubscribeOptions{Queue: n + 10})
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, n)
	k.must(sp.Disconnect("enough"), "disconnect")
	for _, e := range []*ear{inline, queued} {
		e.await("kitchen #disconnect")
		k.account(e.heard.all(), "temp", 1, n)
		if last := e.lines()[n+1]; last != "kitchen #disconnect" {
			k.Errorf("P3: the last event at %s is %q", e.what, last)
		}
	}
}

func lives(k *kit) {
	s := k.open(options{})
	inline := k.listen(s.to, "kitchen", sig.Any, nil)
	queued := k.listen(s.to, "kitchen", sig.Any, &sig.SubscribeOptions{Queue: 1000})
	var want []string
	for life := 1; life <= 40; life++ {
		sender, err := s.from.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
		k.must(err, "connect again")
		k.must(sender.Emit("temp", k.num(life)), "emit")
		k.must(sender.Disconnect("again"), "disconnect")
		want = append(want, "kitchen #connect", fmt.Sprintf("kitchen temp %d", life), "kitchen #disconnect")
	}
	inline.hears("P3: lives in order", want...)
	queued.hears("P3: lives in order, through a queue", want...)
}

// burst is more than any buffer that is counted in events.
func burst(k *kit) {
	n := 100_000
	switch {
	case k.world.Brief:
		n = 2_000
	case k.world.Shape != Across:
		n = 10_000
	}
	s := k.open(options{})
	e := k.listen(s.to, "kitchen", "temp", nil)
	sp := k.connect(s, "kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	sp.say("temp", 1, n)
	sp.finish()
	if delivered, lost := k.account(e.heard.all(), "temp", 1, n); lost > 0 {
		k.Errorf("P3: of %d small events %d came and %d were lost, although there is room for all", n, delivered, lost)
	}
}

// large payloads reach up to what a frame of 1 MiB holds, in every codec.
func large(k *kit) {
	s := k.open(options{})
	payload := bytes.Repeat([]byte("0123456789abcdef"), (1<<20)/16)
	room := len(payload)*3/4 - 1024 // json writes bytes as base64
	var got journal[int]
	sub, err := sig.Subscribe(s.to, "camera", "image", func(ev sig.EventOf[[]byte]) {
		if !bytes.Equal(ev.Data, payload[:len(ev.Data)]) {
			k.Errorf("P3: a payload of %d bytes came changed", len(ev.Data))
		}
		got.add(len(ev.Data))
	}, nil)
	k.must(err, "subscribe")
	k.must(sub.InForce(k.ctx), "in force")
	sp := k.connect(s, "camera", sig.Spec{Events: []sig.Name{"image"}})
	want := []int{0, 4096, room, 1}
	if !k.world.Brief {
		want = append(want, 4095, 4097, 65_536, room, room, 3)
	}
	for _, size := range want {
		k.must(sp.EmitWait(k.ctx, "image", payload[:size]), fmt.Sprintf("emit %d bytes", size))
	}
	sp.finish()
	if sizes := got.all(); !slices.Equal(sizes, want) {
		k.Errorf("P3: got payloads of %v bytes, want %v", sizes, want)
	}
}
