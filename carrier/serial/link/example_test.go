package link_test

import (
	"fmt"
	"time"

	"github.com/gosig/gosig/carrier/serial/link"
)

// Two machines and a line that damages a frame. Time is a
// number here; a program over a port passes time.Since(start).
func ExampleMachine() {
	device := link.New(&link.Options{Nonce: 1, Baud: 115200, Role: link.RoleDial})
	router := link.New(&link.Options{Nonce: 2, Baud: 115200, Role: link.RoleListen})
	var now time.Duration
	sent, damaged := false, false

	// move carries what one end has to say to the other one.
	move := func(from, to *link.Machine) {
		p := from.Output(now, nil)
		if sent && !damaged && len(p) > 0 {
			p[len(p)/2] ^= 0x10
			damaged = true
		}
		for len(p) > 0 {
			p = p[to.Input(now, p):]
			if msg, whole := to.Receive(nil); whole {
				fmt.Printf("received %q\n", msg)
			}
			if ev, ok := to.Event(); ok && ev.Kind == link.Opened {
				fmt.Println("opened, a frame carries", ev.Peer.MTU, "bytes")
			}
		}
	}
	for now < time.Second {
		move(device, router)
		move(router, device)
		if _, open := device.Open(); open && !sent {
			if err := device.Send([]byte("21.5 C")); err != nil {
				fmt.Println(err)
			}
			sent = true
		}
		now = max(now+100*time.Microsecond, min(device.Deadline(now), router.Deadline(now)))
	}
	fmt.Println("acknowledged:", device.Idle())
	fmt.Println("damaged frames:", router.Stats().Damaged+device.Stats().Damaged)
	// Output:
	// opened, a frame carries 246 bytes
	// opened, a frame carries 246 bytes
	// received "21.5 C"
	// acknowledged: true
	// damaged frames: 1
}
