package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/router"
)

// Limits bound what clients may cost this router. What is left out has the
// router's default; [Limits.Describe] lists each with its meaning.
type Limits struct {
	Handshake              Duration `toml:"handshake"`
	Keepalive              Duration `toml:"keepalive"`
	Dead                   Duration `toml:"dead"`
	Write                  Duration `toml:"write"`
	ReplyTTL               Duration `toml:"reply_ttl"`
	Sync                   Duration `toml:"sync"`
	Frame                  Size     `toml:"frame"`
	HelloFrame             Size     `toml:"hello_frame"`
	Connections            Count    `toml:"connections"`
	ConnectionsPerIdentity Count    `toml:"connections_per_identity"`
	ConnectionsPerIP       Count    `toml:"connections_per_ip"`
	ConnectRate            Count    `toml:"connect_rate"`
	ConnectBurst           Count    `toml:"connect_burst"`
	Unauthenticated        Count    `toml:"unauthenticated"`
	UnauthenticatedPerIP   Count    `toml:"unauthenticated_per_ip"`
	UnauthenticatedBytes   Size     `toml:"unauthenticated_bytes"`
	Rate                   Count    `toml:"rate"`
	Burst                  Count    `toml:"burst"`
	Senders                Count    `toml:"senders"`
	EventsPerSender        Count    `toml:"events_per_sender"`
	Names                  Size     `toml:"names"`
	Subscriptions          Count    `toml:"subscriptions"`
	PendingRequests        Count    `toml:"pending_requests"`
	Processors             Count    `toml:"processors"`
	Outbound               Size     `toml:"outbound"`
	OutboundTotal          Size     `toml:"outbound_total"`
	Inbound                Size     `toml:"inbound"`
	WindowEvents           Count    `toml:"window_events"`
	WindowBytes            Size     `toml:"window_bytes"`
	Routes                 Count    `toml:"routes"`
	Nodes                  Count    `toml:"nodes"`
	Offline                Size     `toml:"offline"`
	Positions              Count    `toml:"positions"`
	PayloadDepth           Count    `toml:"payload_depth"`
	PayloadElements        Count    `toml:"payload_elements"`
}

// Limit is one limit as it is in force.
type Limit struct {
	Key     string
	Value   string
	Default bool // the file does not mention it
	About   string
	Scope   string // where it can be set beside [limits]: "listener" in a listener's limits, "client" in limits_for too, "router" nowhere
	Reached string // what becomes of who reaches it
}

// binding ties a key of the file to the field of the router's limits.
type binding struct {
	key   string
	from  setting
	into  any // *time.Duration or *int
	about string
	scope scope
	then  string // what becomes of who reaches it
}

// scope is where a limit can be set. A listener's hold for whoever comes in by
// it, and whatever is for a client can be set for a listener as well.
type scope string

const (
	ofRouter   scope = "router"
	ofListener scope = "listener"
	ofClient   scope = "client"
)

// setting is a value of the file.
type setting interface {
	given() bool
	problem() error
	apply(into any)
}

func (l *Limits) bind(r *router.Limits, c *codec.Limits) []binding {
	return []binding{
		{"handshake", &l.Handshake, &r.Handshake, "from accepting a connection to its being open", ofListener, "timeout (4), before the connection is open"},
		{"keepalive", &l.Keepalive, &r.Keepalive, "silence after which a peer is pinged", ofClient, "nobody: the peer is asked for a sign of life"},
		{"dead", &l.Dead, &r.Dead, "silence after which a connection is given up", ofClient, "the connection ends: lost (8)"},
		{"write", &l.Write, &r.WriteTimeout, "for a write of 64KiB, plus 1s for each further 16KiB", ofClient, "the connection ends: lost (8)"},
		{"reply_ttl", &l.ReplyTTL, &r.ReplyTTL, "for the answer to a request that is passed on, whatever its caller says", ofClient, "whoever asks gets timeout (4), whoever was to answer is told to stop"},
		{"sync", &l.Sync, &r.SyncPatience, "how long a peer's barrier may wait for other peers", ofClient, "who waits goes on without that peer; 64 barriers at a time, more end the connection: limit (12)"},
		{"frame", &l.Frame, &r.MaxFrame, "largest envelope", ofClient, "the connection ends: too large (21)"},
		{"hello_frame", &l.HelloFrame, &r.HelloFrame, "largest envelope before the connection is open", ofListener, "too large (21), before the connection is open"},
		{"connections", &l.Connections, &r.Connections, "open connections in all", ofListener, "not let in: limit (12)"},
		{"connections_per_identity", &l.ConnectionsPerIdentity, &r.ConnectionsPerID, "open connections of one identity", ofClient, "not let in: limit (12)"},
		{"connections_per_ip", &l.ConnectionsPerIP, &r.ConnectionsPerIP, "open connections of one IP address, loopback excepted", ofListener, "not let in: limit (12)"},
		{"connect_rate", &l.ConnectRate, &r.ConnectRate, "connections that one identity or IP address opens in a second, loopback excepted", ofClient, "not let in: limit (12)"},
		{"connect_burst", &l.ConnectBurst, &r.ConnectBurst, "of those, at once after a pause", ofClient, "as connect_rate"},
		{"unauthenticated", &l.Unauthenticated, &r.Unauthenticated, "connections still in their handshake; more wait", ofRouter, "waits to be accepted"},
		{"unauthenticated_per_ip", &l.UnauthenticatedPerIP, &r.UnauthenticatedPerIP, "of those, from one IP address, loopback excepted", ofListener, "closed without a word"},
		{"unauthenticated_bytes", &l.UnauthenticatedBytes, &r.UnauthenticatedBytes, "that connections in their handshake may send together, by their hello_frame", ofRouter, "waits to be accepted"},
		{"rate", &l.Rate, &r.Rate, "envelopes that one identity or IP address sends in a second", ofClient, "held back: its connections are not read for a while"},
		{"burst", &l.Burst, &r.Burst, "of those, at once after a pause", ofClient, "as rate"},
		{"senders", &l.Senders, &r.Senders, "senders of one connection", ofClient, "the connection ends: limit (12)"},
		{"events_per_sender", &l.EventsPerSender, &r.EventsPerSender, "events, and methods, of one sender", ofClient, "the connection ends: limit (12)"},
		{"names", &l.Names, &r.NameBytes, "names of all senders of one connection, of their events and methods", ofClient, "the connection ends: limit (12); who announces names anew, twice as many at once or four times in a minute, is held back as by rate"},
		{"subscriptions", &l.Subscriptions, &r.Subscriptions, "patterns one connection asks for", ofClient, "the subscription is refused: limit (12)"},
		{"pending_requests", &l.PendingRequests, &r.PendingRequests, "requests of one connection without an answer", ofClient, "the request is refused: busy (7)"},
		{"processors", &l.Processors, &r.Processors, "processors that one identity or IP address keeps busy at once while others are connected", ofClient, "held back: one of its connections waits while others of it are worked for"},
		{"outbound", &l.Outbound, &r.OutboundBytes, "buffered for a peer that reads slowly", ofClient, "its oldest events are lost, which it is told; if that is not enough the connection ends: limit (12)"},
		{"outbound_total", &l.OutboundTotal, &r.OutboundTotal, "buffered for all peers together", ofRouter, "as outbound, for those that have more than an equal part of it"},
		{"inbound", &l.Inbound, &r.InboundBytes, "buffered for handlers slower than the peer", ofClient, "the oldest events are lost to the handlers of this process, which they are told"},
		{"window_events", &l.WindowEvents, &r.WindowEvents, "held-back events under way on one route of one connection", ofClient, "an emitter waits; one that does not ends its connection: protocol (17)"},
		{"window_bytes", &l.WindowBytes, &r.WindowBytes, "their payload, always at least one event", ofClient, "as window_events"},
		{"routes", &l.Routes, &r.RoutesPerPeer, "numbers of routes that a peer may assign, from 0", ofClient, "the connection ends: limit (12)"},
		{"offline", &l.Offline, &r.OfflineBytes, "kept for the uplink while it is not connected", ofRouter, "the oldest events are lost, which is told when there is a connection again"},
		{"nodes", &l.Nodes, &r.Nodes, "routers that one connection leads to", ofClient, "the connection ends, or is not let in: limit (12)"},
		{"positions", &l.Positions, &r.GapMemory, "senders whose position is remembered after a connection was lost", ofRouter, "a gap in the events of the oldest of them is not told with a number"},
		{"payload_depth", &l.PayloadDepth, &c.Depth, "depth of lists and maps in a payload that this router reads, at most 1000", ofRouter, "bad payload (9)"},
		{"payload_elements", &l.PayloadElements, &c.Elements, "elements of one list or map in such a payload", ofRouter, "bad payload (9)"},
	}
}

// Router returns the limits for a router; what was left out stays zero.
func (l *Limits) Router() router.Limits {
	r, _ := l.both()
	return r
}

// Codec returns those of payloads, for codecs; what was left out stays zero.
func (l *Limits) Codec() codec.Limits {
	_, c := l.both()
	return c
}

func (l *Limits) both() (r router.Limits, c codec.Limits) {
	for _, b := range l.bind(&r, &c) {
		if b.from.given() {
			b.from.apply(b.into)
		}
	}
	return r, c
}

// Describe lists the limits that are in force.
func (l *Limits) Describe() []Limit {
	r, c := l.both()
	r, c = r.WithDefaults(), c.WithDefaults()
	var all []Limit
	for _, b := range l.bind(&r, &c) {
		all = append(all, Limit{Key: b.key, Value: b.show(), Default: !b.from.given(), About: b.about, Scope: string(b.scope), Reached: b.then})
	}
	return all
}

// show writes the value as it could stand in the file, without quotes.
func (b binding) show() string {
	switch v := b.into.(type) {
	case *time.Duration:
		return v.String()
	case *int:
		if *v == 0 {
			return "none"
		}
		if _, ok := b.from.(*Size); ok {
			return Size{Bytes: int64(*v)}.String()
		}
		return strconv.Itoa(*v)
	}
	return ""
}

func (l *Limits) validate(k *checker) {
	wrong := len(k.errs)
	for _, b := range l.bind(&router.Limits{}, &codec.Limits{}) {
		if b.from.given() {
			k.check("limits."+b.key, b.from.problem())
		}
	}
	if len(k.errs) > wrong {
		return // what follows from a mistake is no second one
	}
	if err := l.Router().Validate(); err != nil {
		k.fail("limits", "%v", err)
	}
	if n := l.Codec().Depth; n > mostDepth {
		k.fail("limits.payload_depth", "payload_depth: %d is more than %d: reading takes stack for each", n, mostDepth)
	}
}

// mostDepth is what payload_depth may be.
const mostDepth = 1000

// positive refuses 0: to the router that means the default, to a reader of the
// file it would mean "none" or "no limit".
func positive(zero bool, err error) error {
	if err == nil && zero {
		return fmt.Errorf("0 is no limit; leave it out for the default")
	}
	return err
}

func (d *Duration) given() bool    { return d.set }
func (d *Duration) problem() error { return positive(d.Duration == 0, d.err) }
func (d *Duration) apply(into any) { *into.(*time.Duration) = d.Duration }

func (s *Size) given() bool    { return s.set }
func (s *Size) problem() error { return positive(s.Bytes == 0, s.err) }
func (s *Size) apply(into any) { *into.(*int) = int(s.Bytes) }

func (c *Count) given() bool    { return c.set }
func (c *Count) problem() error { return positive(c.N == 0, c.err) }
func (c *Count) apply(into any) { *into.(*int) = c.N }

func limitKeys() []string {
	var keys []string
	for _, b := range new(Limits).bind(&router.Limits{}, &codec.Limits{}) {
		keys = append(keys, b.key)
	}
	return keys
}
