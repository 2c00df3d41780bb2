// Package router joins [sig.Registry] values over carriers, so that senders,
// events and requests of one process are those of all.
//
// A [ServerRouter] listens on any number of carriers at once; a [ClientRouter]
// dials one, at one of several addresses, and comes back by itself when the
// connection is lost. Both only attach to a registry: user code goes on using
// the registry. A registry may be given to a ServerRouter and to ClientRouters
// at the same time; that is an edge router.
//
//	reg := sig.New(nil)
//	srv, err := router.NewServerRouter(reg, &router.ServerOptions{
//		Carriers: []carrier.Carrier{tcp.New(nil)},
//		Codecs:   []codec.Codec{cbor.New(), json.New()},
//	})
//	addr, err := srv.Listen(ctx, "tcp://127.0.0.1:0")
//
// # What is promised
//
//   - Order: all events of one sender, #connect and #disconnect included, reach
//     a subscription in the order of emission, over any number of hops (P3).
//   - Loss: a connection has a bounded buffer in each direction. What does not
//     fit is dropped, oldest first, and announced in its place by #lost (P7).
//     Held-back emission (sig.Sender.EmitWait) is never dropped: each route has
//     a window of credit, so that a full subscriber stops that emitter alone.
//   - Isolation: a reader never waits for a handler nor for another peer (P8).
//     Handlers of events from a connection run on one goroutine of that
//     connection, handlers of requests on one each.
//   - Reconnection: a ClientRouter announces its senders and subscriptions anew
//     before it says that it is connected (P9).
//   - Ending: Shutdown and Close return after the last goroutine has ended.
//     Neither may be called from a handler that the router runs.
//
// # Concurrency
//
// Each connection has one reader goroutine; a writer and a handler goroutine
// exist only while there is something to write or to handle. Locks are taken in
// the order registry, link, node. No user code runs with one held.
package router
