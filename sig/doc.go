// Package sig dispatches signals, which are events and requests, between named
// senders and their subscribers within one process. Routers (package router)
// join registries of several processes; the code that uses this package cannot
// tell the difference, except by latency.
//
//	r := sig.New(nil)
//	sig.Subscribe(r, "kitchen", "temp", func(ev sig.EventOf[float64]) {
//		fmt.Println(ev.Sender, ev.Data)
//	}, nil)
//	s, _ := r.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
//	s.Emit("temp", 21.5)
//
// # Order
//
// What is promised:
//
//   - A subscription gets each matching event once.
//   - All events of one sender, #connect and #disconnect included, reach a
//     subscription in the order of emission; #disconnect never overtakes the
//     sender's last event, also when a name moves from another process to this
//     one or back.
//   - Within one registry an event reaches the subscriptions in this order:
//     everything, broadcast, channel, sender-specific, and within each in the
//     order of subscribing.
//   - What a handler emits for the sender whose event it is handling reaches
//     every subscription after that event.
//   - #lost comes in the place of what was lost.
//   - A watch tells the snapshot first, then every change since, once.
//
// What is not promised:
//
//   - An order between senders.
//   - An order between calls that run at the same time: two goroutines that
//     emit for one sender without agreeing with each other, or one that emits
//     while another disconnects.
//   - That a handler has run when Emit returns: it may have a queue, or one of
//     the sender's handlers may be running, whose goroutine then delivers this
//     event as well.
//   - That a handler is called by one goroutine at a time: an inline handler
//     runs on the goroutine that emits. One with a queue has a goroutine of its
//     own, and is never called twice at once.
//
// # Isolation
//
// Handlers run with no lock held and may call anything of this package: emit,
// subscribe, unsubscribe, request, disconnect, also for the sender whose event
// they handle. Only Shutdown and Close wait for handlers, and a handler of a
// [Block] subscription must not fill its own queue. A handler that panics is
// reported by a [Warning] and disturbs no other. Payloads are shared by all
// handlers of this process: nobody may change them.
package sig
