package routertest

import (
	"testing"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/codec/raw"
	"github.com/gosig/gosig/sig"
)

// Setup is how the routers of one test reach each other.
type Setup struct {
	// Carriers are handed to the routers.
	Carriers []carrier.Carrier
	// Clients are handed to client routers instead; default: Carriers.
	Clients []carrier.Carrier
	// Listen is the URL a server listens on. It must name an address that is
	// free, such as one with port 0; each server of a case uses it anew.
	Listen string
	// Another returns a further URL to listen on, for worlds with several
	// servers; default: Listen.
	Another func() string
	// As returns what a client dials with that proves to the server at addr
	// that it is a principal, and the address to dial. Default: nil, the
	// carrier proves nobody's identity.
	As func(t testing.TB, principal, addr string) ([]carrier.Carrier, string)
}

// clients returns what clients dial with.
func (s *Setup) clients() []carrier.Carrier {
	if s.Clients != nil {
		return s.Clients
	}
	return s.Carriers
}

// listen returns the URL for the next server.
func (s *Setup) listen() string {
	if s.Another != nil {
		return s.Another()
	}
	return s.Listen
}

// World is where the promises are put to the test. The zero value is a single
// registry without routers.
type World struct {
	// Setup makes the carrier, once for each case. Default: a single registry.
	Setup func(t testing.TB) Setup
	// Far makes the carrier of the subscribers' side if it is another one: the
	// server listens on both, or the edge router dials by this one. Such a world
	// has a Setup as well and is Brief. Default: nil, there is one carrier.
	Far func(t testing.TB) Setup
	// Shape says where senders and subscribers are. Default: [Across].
	Shape Shape
	// Senders and Subscribers are the codecs that the clients on the two sides
	// ask for. Default: cbor.
	Senders, Subscribers codec.Codec
	// Brief leaves out the cases that take long or concern only connections.
	Brief bool
}

// Shape is how the registry of the senders is joined to that of the
// subscribers.
type Shape string

// The shapes.
const (
	Across Shape = "across" // client, server, client
	Up     Shape = "up"     // senders in a client, subscribers at its server
	Down   Shape = "down"   // senders at a server, subscribers in its client
	Chain  Shape = "chain"  // client, edge router, central server, client
)

// Promises runs the promises that concern the world.
func Promises(t *testing.T, w World) {
	t.Helper()
	if w.Shape == "" {
		w.Shape = Across
	}
	if w.Senders == nil {
		w.Senders = cbor.New()
	}
	if w.Subscribers == nil {
		w.Subscribers = cbor.New()
	}
	for _, group := range [][]promise{
		matching, beforeAndAfter, onceInOrder, isolation, presence, requests, concurrentRequests,
		losses, heldBack, slowPeers, largeAndSmall, lossyEvents, reconnection, returning, ownership, badInput, chains, ending,
	} {
		for _, p := range group {
			if w.has(p) {
				t.Run(p.name, func(t *testing.T) { run(t, w, p) })
			}
		}
	}
}

// Carrier runs the promises over a carrier: all of them for two clients of a
// server, the quick ones in every shape and with every codec. setup is called
// once for each case and may end what it opens with t.Cleanup.
func Carrier(t *testing.T, setup func(t testing.TB) Setup) {
	t.Helper()
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		Promises(t, World{Setup: setup})
	})
	Codecs(t, setup)
}

// Codecs runs the quick promises over a carrier in every shape, and with every
// codec and a mixture of two.
func Codecs(t *testing.T, setup func(t testing.TB) Setup) {
	t.Helper()
	c, j, r := codec.Codec(cbor.New()), codec.Codec(json.New()), codec.Codec(raw.New())
	for _, w := range chosen(t, []World{
		{Shape: Across, Senders: c, Subscribers: c},
		{Shape: Across, Senders: j, Subscribers: j},
		{Shape: Across, Senders: r, Subscribers: r},
		{Shape: Across, Senders: j, Subscribers: c},
		{Shape: Across, Senders: c, Subscribers: r},
		{Shape: Up, Senders: j},
		{Shape: Down, Subscribers: r},
		{Shape: Chain, Senders: c, Subscribers: j},
	}) {
		w.Setup, w.Brief = setup, true
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel() // most of a case is waiting
			Promises(t, w)
		})
	}
}

// Between runs the quick promises with the senders' client on one carrier and the
// subscribers' on another: with each codec, with two different ones, and through a
// chain of routers whose middle is the second carrier. The setups are called as
// by [Carrier].
func Between(t *testing.T, senders, subscribers func(t testing.TB) Setup) {
	t.Helper()
	c, j, r := codec.Codec(cbor.New()), codec.Codec(json.New()), codec.Codec(raw.New())
	for _, w := range chosen(t, []World{
		{Shape: Across, Senders: c, Subscribers: c},
		{Shape: Across, Senders: j, Subscribers: j},
		{Shape: Across, Senders: r, Subscribers: r},
		{Shape: Across, Senders: j, Subscribers: c},
		{Shape: Chain, Senders: c, Subscribers: j},
	}) {
		w.Setup, w.Far, w.Brief = senders, subscribers, true
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel() // most of a case is waiting
			Promises(t, w)
		})
	}
}

// String names the world in the names of tests.
func (w World) String() string {
	name := func(c codec.Codec) string {
		if c == nil {
			return "cbor"
		}
		return string(c.ID())
	}
	switch {
	case w.Setup == nil:
		return "plain"
	case w.Shape == Up:
		return "up " + name(w.Senders)
	case w.Shape == Down:
		return "down " + name(w.Subscribers)
	case w.Shape == "":
		w.Shape = Across
	}
	return string(w.Shape) + " " + name(w.Senders) + " to " + name(w.Subscribers)
}

// raw reports whether payloads can only be bytes.
func (w World) raw() bool {
	up, down := w.Shape != Down, w.Shape != Up
	return w.Setup != nil && (up && w.Senders.ID() == raw.ID || down && w.Subscribers.ID() == raw.ID)
}

// promise is one case.
type promise struct {
	name  string // of the sub-test, beginning with the promise's number
	where where
	slow  bool // left out of brief worlds
	run   func(k *kit)
}

// where says which worlds a case concerns.
type where uint8

const (
	anywhere    where = iota
	inProcess         // a single registry
	joined            // registries joined by routers
	fromClient        // of those, where the senders are in a client
	connections       // builds its own servers and clients: once for each carrier
)

func (w World) has(p promise) bool {
	if w.Brief && p.slow {
		return false
	}
	bridged := w.Setup != nil
	switch p.where {
	case inProcess:
		return !bridged
	case joined:
		return bridged
	case fromClient:
		return bridged && w.Shape != Down
	case connections:
		return bridged && w.Shape == Across && !w.Brief
	}
	return true
}

// sides are the two registries that a case knows.
type sides struct {
	from, to *sig.Registry // where senders connect, and where subscribers are
	clients  []*client
	source   *client // of them, the one that from belongs to; nil if none does
}

// open makes the world of one case.
func (k *kit) open(o options) *sides {
	k.Helper()
	if k.world.Setup == nil {
		reg := k.registry("plain")
		return &sides{from: reg, to: reg}
	}
	s := &sides{}
	hub := k.serve("hub", o)
	far, farAddr := o, hub.addr
	if k.far != nil {
		far.from, farAddr = k.far, hub.alsoAt(k.far)
	}
	join := func(name string, o options, c codec.Codec, addr string) *client {
		cl := k.dial(k.registry(name), o.withCodec(c), addr)
		s.clients = append(s.clients, cl)
		return cl
	}
	switch k.world.Shape {
	case Up:
		s.source, s.to = join("left", o, k.world.Senders, hub.addr), hub.reg
	case Down:
		s.from, s.to = hub.reg, join("right", far, k.world.Subscribers, farAddr).reg
	case Chain:
		edge := k.serve("edge", o)
		s.clients = append(s.clients, k.dial(edge.reg, far.withCodec(k.world.Senders), farAddr))
		s.source, s.to = join("left", o, k.world.Senders, edge.addr), join("right", far, k.world.Subscribers, farAddr).reg
	default:
		s.source, s.to = join("left", o, k.world.Senders, hub.addr), join("right", far, k.world.Subscribers, farAddr).reg
	}
	if s.source != nil {
		s.from = s.source.reg
	}
	for _, cl := range s.clients {
		cl.awaitConnected(1)
	}
	return s
}
