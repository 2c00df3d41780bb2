// Package e2e tests the whole: "gosig serve" as a process of its own, clients
// that talk to it over real sockets, and what happens when one of them is
// killed, frozen, or sends what no honest peer would.
//
// The package holds no code but tests. What one package promises is tested
// there; what is here needs more than one of them, and a machine around them:
//
//	p := serve(t, "--listen", "tcp://127.0.0.1:0")  // the real binary
//	c := dial(t, "cbor", p.addrs)                   // a registry with a router
//	p.kill()                                        // kill -9
//
// What subscribers hear is kept as a story ("#connect | 1-80 | #disconnect |
// #connect | #lost 3 | 84-200"), whose numbers must add up: nothing twice, in
// order, every gap announced.
//
// Nothing here waits for a time: each wait is for a condition.
//
// With the build tag lossy there is a test more, over a network that loses
// packets. It needs Linux, root, and iproute2 ("make e2e-loss"). With the tag boards
// there are emulated Cortex-M3 boards with the firmware of examples/device at a bad
// serial line; that needs Linux, QEMU and a compiler ("make e2e-serial").
package e2e
