// Package carriertest checks that a carrier keeps the promises of package
// carrier.
//
// The test of a carrier is one call, and beside it tests of its own quirks:
//
//	func TestConformance(t *testing.T) {
//		carriertest.Test(t, carriertest.Subject{
//			Carrier: tcp.New(nil),
//			Listen:  func(testing.TB) string { return "tcp://127.0.0.1:0" },
//		})
//	}
//
// Something that makes conns without being a carrier is tested with [TestConn].
// The cases are chosen by the Traits of the conns. A failure says what came,
// what should have come, and the rule that was broken, in the words of the
// documentation of package carrier. Every case also fails when a goroutine is
// left over after everything was closed.
//
// A medium that is not Reliable may lose frames, and one that is not Ordered may
// swap them; that what does arrive is whole, was sent, and comes once, is
// checked of every medium.
//
// # Faults
//
// [Faulty] puts a carrier that misbehaves around another: one that delays,
// stalls, cuts connections, and where the medium may do so loses, doubles and
// swaps frames. [LossyUDP] does the same to the datagrams of a carrier over UDP.
// Both decide by a seed, so that a run can be had again.
package carriertest

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/gosig/gosig/carrier"
)

// Subject is a carrier to be tested.
type Subject struct {
	// Carrier listens, and dials unless Dialer is set.
	Carrier carrier.Carrier
	// Dialer dials; default: Carrier.
	Dialer carrier.Carrier
	// Listen returns a URL to listen on. It is called anew for each listener
	// and must return one that is free, such as one with port 0.
	Listen func(t testing.TB) string
	// DialURL makes the URL to dial of a listener's Addr; default: as it is.
	DialURL func(addr string) string
	// Stall opens something to a listener's Addr that never says a word, and
	// closes it at the end of the test; default: Dial, and nothing more.
	Stall func(t testing.TB, addr string)
	Options
}

// Options of the suite; the zero value works.
type Options struct {
	// Bytes is how many the cases that need many move, each way; default
	// 4 MiB. Less for a slow medium.
	Bytes int
	// Patience is how long the suite waits while nothing at all moves;
	// default a minute.
	Patience time.Duration
	// CancelBreaks says that a Receive whose context ends breaks the Conn,
	// and that the documentation of the carrier says so.
	CancelBreaks bool
	// Vanish makes one end of a conn go away without closing it, as when its
	// machine loses power; the suite still calls its Close. Default: that is
	// not tried.
	Vanish func(t testing.TB, conn carrier.Conn)
}

// Test runs the whole suite.
func Test(t *testing.T, s Subject) {
	t.Helper()
	if s.Dialer == nil {
		s.Dialer = s.Carrier
	}
	if s.DialURL == nil {
		s.DialURL = func(addr string) string { return addr }
	}
	s.Options = s.withDefaults()
	testConn(t, s.Options, func(k *kit) (carrier.Conn, carrier.Conn) { return s.pair(k) })
	for _, group := range [][]listenerCase{listenerCases, dialCases, strangerCases, bindingCases} {
		for _, c := range group {
			run(t, s.Options, c.name, c.rule, func(k *kit) { c.run(k, s) })
		}
	}
}

// TestConn runs the part of the suite that needs conns only. pipe returns the
// two ends of a new conn; the suite closes them.
func TestConn(t *testing.T, pipe func(t testing.TB) (a, b carrier.Conn), opts *Options) {
	t.Helper()
	if opts == nil {
		opts = &Options{}
	}
	testConn(t, opts.withDefaults(), func(k *kit) (carrier.Conn, carrier.Conn) { return pipe(k.T) })
}

func (o Options) withDefaults() Options {
	if o.Bytes == 0 {
		o.Bytes = 4 << 20
	}
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	return o
}

// connCase is a case about the two ends of a conn.
type connCase struct {
	name string
	rule string // what is promised, in the words of package carrier
	// delivers: the case counts on every frame arriving, in order.
	delivers bool
	run      func(k *kit, a, b carrier.Conn)
}

// concerns reports whether a medium with such traits promises what the case
// checks.
func (c *connCase) concerns(tr carrier.Traits) bool {
	return !c.delivers || tr.Reliable && tr.Ordered
}

// listenerCase is a case about a carrier and its listeners.
type listenerCase struct {
	name string
	rule string
	run  func(k *kit, s Subject)
}

func testConn(t *testing.T, opts Options, pipe func(k *kit) (a, b carrier.Conn)) {
	t.Helper()
	open := func(k *kit) (a, b carrier.Conn) {
		a, b = pipe(k)
		k.closeLater(a)
		k.closeLater(b)
		return a, b
	}
	for _, group := range [][]connCase{
		framingCases, flowCases, tryCases, cancelCases, midwayCases, closeCases, ownershipCases, badInputCases, throughputCases,
	} {
		for _, c := range group {
			run(t, opts, c.name, c.rule, func(k *kit) {
				if a, b := open(k); c.concerns(a.Traits()) {
					c.run(k, a, b)
				}
			})
		}
	}
	for _, c := range lossyCases {
		run(t, opts, c.name, c.rule, func(k *kit) {
			if a, b := open(k); !a.Traits().Reliable || !a.Traits().Ordered {
				c.run(k, a, b)
			}
		})
	}
	run(t, opts, "descriptors", descriptorRule, func(k *kit) { k.descriptors(open) })
}

// run runs one case and looks for goroutines it left.
func run(t *testing.T, opts Options, name, rule string, f func(k *kit)) {
	t.Run(name, func(t *testing.T) {
		before := goroutines()
		k := &kit{T: t, rule: rule, Options: opts}
		defer func() {
			k.closeAll()
			if !t.Failed() {
				k.noLeaks(before)
			}
		}()
		defer k.contain(rule)
		f(k)
	})
}

// listen opens a listener.
func (s Subject) listen(k *kit) carrier.Listener {
	k.Helper()
	u := k.parse(s.Listen(k.T))
	ln, err := s.Carrier.Listen(context.Background(), u)
	k.check(err == nil, sprintf("Listen(%s): %v", u, err), "a listener")
	k.closeLater(ln)
	return ln
}

func (s Subject) url(k *kit, ln carrier.Listener) *url.URL {
	k.Helper()
	return k.parse(s.DialURL(ln.Addr()))
}

// connect dials ln while accepting there, and completes the handshakes.
func (s Subject) connect(k *kit, ln carrier.Listener) (dialled, accepted carrier.Conn) {
	k.Helper()
	accept := begin(func() (carrier.Conn, error) { return ln.Accept(k.deadline()) })
	dialled, err := s.Dialer.Dial(k.deadline(), s.url(k, ln))
	k.check(err == nil, sprintf("Dial(%s): %v", ln.Addr(), err), "a connection")
	k.closeLater(dialled)
	accepted = must(k, accept, "Accept")
	k.check(accepted != nil, "Accept returned neither a connection nor an error", "one of the two")
	k.closeLater(accepted)
	k.handshake(dialled, accepted)
	return dialled, accepted
}

func (s Subject) pair(k *kit) (a, b carrier.Conn) {
	k.Helper()
	return s.connect(k, s.listen(k))
}
