// Package routertest states the promises P1 to P13 of gosig once, as named
// sub-tests, and runs them against worlds: a single registry, and registries
// that routers join over a carrier, with codecs of their own. The assertions
// are the same everywhere, because a user must not be able to tell where the
// other side is, except by latency.
//
// The author of a carrier runs all of it with one call:
//
//	func TestPromises(t *testing.T) {
//		routertest.Carrier(t, func(t testing.TB) routertest.Setup {
//			return routertest.Setup{
//				Carriers: []carrier.Carrier{tcp.New(nil)},
//				Listen:   "tcp://127.0.0.1:0",
//			}
//		})
//	}
//
// [Promises] runs them against one [World] of the caller's choice. [Between] has a
// different carrier at each end, for the quick ones. [Faulty] runs what must hold
// while connections are held up, stall and are cut.
//
// These run a matrix of worlds each. With GOSIG_MATRIX=part in the environment they
// run one of them, which the test's name chooses: for a quick look, or beside
// another run of all.
//
// # How the cases work
//
// A case knows two registries: one that senders connect to and one that
// subscribers use. In a plain world both are the same. It waits for conditions
// and never for time to pass; that nothing more comes is shown by a later event
// of the same sender, which no earlier one may follow (P3). Connections are lost
// by means of a carrier that the suite puts around the one under test.
package routertest
